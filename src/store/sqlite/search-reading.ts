// Asking the search index in SQLite, by the reader's thread: range by range, each one short read transaction.
import { AppError } from '../../errors.ts'
import { kindWord } from '../search/document.ts'
import { type IndexState, indexFormat, rangeOf, rangeSize } from '../search/indexer.ts'
import { type SearchReads, unreadable, type WordStep, type WordsFound, type WordWalk } from '../search/reading.ts'
import { wordsTable } from './search-file.ts'

type Ask = <Row>(sql: string, parameters: readonly unknown[]) => Promise<Row[]>

/** `ask` runs a statement over the index's file; `damaged` is told where it cannot be read. */
export function sqliteSearchReads(ask: Ask, damaged: () => void): SearchReads {
  const read: Ask = async (sql, parameters) => {
    try {
      return await ask(sql, parameters)
    } catch (error) {
      if (error instanceof AppError && error.code === 'store_failed') damaged()
      throw unreadable(error)
    }
  }
  return {
    async state() {
      const text = 'select epoch, through from state where (select user_version from pragma_user_version) = ?'
      return (await read<IndexState>(text, [indexFormat]))[0] ?? null
    },
    walk(asked) {
      const match = matchText(asked)
      return step => find(read, match, asked.newest, step)
    },
  }
}

async function find(read: Ask, match: string, newest: boolean, { low, high, limit }: WordStep): Promise<WordsFound> {
  const [direction, comes] = newest ? ['desc', '<='] : ['asc', '>=']
  const [next] = await read<{ range: number }>(
    `select range from ranges where range ${comes} ? order by range ${direction} limit 1`,
    [rangeOf(newest ? high : low)],
  )
  if (next === undefined) return { found: [], last: null }
  const [first, end] = [next.range * rangeSize, (next.range + 1) * rangeSize - 1]
  if (first > high || end < low) return { found: [], last: null }
  const table = wordsTable(next.range)
  const rows = await read<{ sequence: number }>(
    `select rowid as sequence from ${table} where ${table} match ? and rowid >= ? and rowid <= ?
     order by rowid ${direction} limit ?`,
    [match, Math.max(low, first), Math.min(high, end), limit],
  )
  const found = rows.map(({ sequence }) => sequence)
  if (found.length === limit) return { found, last: found.at(-1)! }
  const isLast = newest ? first <= low : end >= high
  return { found, last: isLast ? null : newest ? first : end }
}

/** In FTS5's language; between its quotation marks stand words of ours, which have none. */
function matchText({ question, kinds }: WordWalk): string {
  const parts = question.map(({ words, isPrefix }) => `"${words.join(' ')}"${isPrefix ? ' *' : ''}`)
  if (kinds !== undefined) parts.push(`(${kinds.map(kind => `"${kindWord(kind)}"`).join(' OR ')})`)
  return parts.join(' AND ')
}
