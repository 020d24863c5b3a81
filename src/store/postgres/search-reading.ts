// Asking the search index on PostgreSQL. What many events have is found by looking at the latest ones, what few have by
// the index, range by range and then in more of them at once.
import { kindWord } from '../search/document.ts'
import { type IndexState, indexFormat, rangeOf, rangeSize } from '../search/indexer.ts'
import { type SearchReads, unreadable, type WordStep, type WordsFound, type WordWalk } from '../search/reading.ts'
import type { Database } from './database.ts'
import { wordsTable } from './search-index.ts'

/** Rows that are looked at one by one, before the index is asked. */
const lookedAt = 1_000
const rangesAtOnceMax = 16

export function postgresSearchReads(database: Pick<Database, 'call'>): SearchReads {
  const read = async <Row>(text: string, parameters: readonly unknown[]): Promise<Row[]> => {
    try {
      return await database.call<Row>(text, parameters)
    } catch (error) {
      throw unreadable(error)
    }
  }
  const state = async () => {
    const text = 'select epoch, through from search_state where format = $1'
    return (await read<IndexState>(text, [indexFormat]))[0] ?? null
  }

  return {
    state,
    walk(asked) {
      const query = queryText(asked)
      const { newest } = asked
      const [direction, comes] = newest ? ['desc', '<='] : ['asc', '>=']
      let atOnce = 0

      const nextRanges = async ({ low, high }: WordStep): Promise<number[]> => {
        const rows = await read<{ range: number }>(
          `select range from search_ranges where range ${comes} $1 order by range ${direction} limit $2`,
          [rangeOf(newest ? high : low), Math.max(1, atOnce)],
        )
        return rows.map(({ range }) => range).filter(range => range >= rangeOf(low) && range <= rangeOf(high))
      }

      const take = async (step: WordStep): Promise<WordsFound> => {
        const ranges = await nextRanges(step)
        if (ranges.length === 0) return { found: [], last: null }
        const { low, high, limit } = step
        if (atOnce === 0) {
          atOnce = 1
          const looked = await read<{ sequence: number }>(
            `select sequence from (
               select sequence, words @@ $1::tsquery as hit from ${wordsTable(ranges[0]!)}
               where sequence between $2 and $3 order by sequence ${direction} limit ${lookedAt}) latest
             where hit order by sequence ${direction} limit $4`,
            [query, low, high, limit],
          )
          if (looked.length === limit) return { found: looked.map(row => row.sequence), last: looked.at(-1)!.sequence }
        }
        const parts = ranges.map(
          range =>
            `select sequence from ${wordsTable(range)} where words @@ $1::tsquery and sequence between $2 and $3`,
        )
        const rows = await read<{ sequence: number }>(
          `select sequence from (${parts.join(' union all ')}) found order by sequence ${direction} limit $4`,
          [query, low, high, limit],
        )
        atOnce = Math.min(2 * atOnce, rangesAtOnceMax)
        return ended(
          step,
          rows.map(({ sequence }) => sequence),
          newest,
          ranges.at(-1)!,
        )
      }

      return async step => {
        try {
          return await take(step)
        } catch (error) {
          if (!isDropped(error)) throw error
          // By retention: what is left is searched. One that was begun anew meanwhile has not come so far yet.
          const found = await take(step)
          if (((await state())?.through ?? 0) < step.high) throw error
          return found
        }
      }
    },
  }
}

/** A range's table went after the ranges were asked for. */
function isDropped(error: unknown): boolean {
  const { cause } = error as { cause?: { cause?: { code?: string } } }
  return cause?.cause?.code === '42P01'
}

function ended({ low, high, limit }: WordStep, found: number[], newest: boolean, lastRange: number): WordsFound {
  if (found.length === limit) return { found, last: found.at(-1)! }
  const last = newest ? lastRange * rangeSize : (lastRange + 1) * rangeSize - 1
  return { found, last: (newest ? last <= low : last >= high) ? null : last }
}

/** As a tsquery reads it: words of ours have no quotation marks. */
function queryText({ question, kinds }: WordWalk): string {
  const parts = question.map(({ words, isPrefix }) => {
    const all = words.map(word => `'${word}'`)
    return `(${all.join(' <-> ')}${isPrefix ? ':*' : ''})`
  })
  if (kinds !== undefined) parts.push(`(${kinds.map(kind => `'${kindWord(kind)}'`).join(' | ')})`)
  return parts.join(' & ')
}
