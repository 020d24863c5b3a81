// Asking the search index in SQLite, by the reader's thread: range by range, each one short read transaction.
import { AppError } from '../../errors.ts'
import { kindWord } from '../search/document.ts'
import { type IndexState, indexFormat, rangeOf, rangeSize } from '../search/indexer.ts'
import { type SearchReads, unreadable, type WordStep, type WordsFound, type WordWalk } from '../search/reading.ts'
import { wordsTable } from './search-file.ts'

/** What was found, and how long the statement itself took. */
type Ask = <Row>(sql: string, parameters: readonly unknown[]) => Promise<{ rows: Row[]; elapsedMs: number }>

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
      return (await read<IndexState>(text, [indexFormat])).rows[0] ?? null
    },
    walk: asked => new RangesWalk(read, matchText(asked), asked.newest).step,
  }
}

/** Ranges that one statement asks, at the most: as many as answer within some milliseconds. */
const rangesMax = 16
const longMs = 5

/** One walk: a word that is common is found in the first range, one that is rare needs them all. */
class RangesWalk {
  readonly #read: Ask
  readonly #match: string
  readonly #newest: boolean
  #width = 1

  constructor(read: Ask, match: string, newest: boolean) {
    this.#read = read
    this.#match = match
    this.#newest = newest
  }

  step = async (step: WordStep): Promise<WordsFound> => {
    try {
      return await this.#look(step)
    } catch {
      // A range may have been dropped since it was listed.
      return this.#look(step)
    }
  }

  async #look({ low, high, limit }: WordStep): Promise<WordsFound> {
    const newest = this.#newest
    const { rows: ranges } = await this.#read<{ range: number }>(
      `select range from ranges where range between ? and ? order by range ${newest ? 'desc' : 'asc'} limit ?`,
      [rangeOf(low), rangeOf(high), this.#width],
    )
    if (ranges.length === 0) return { found: [], last: null }
    const asked = ranges.map(({ range }) => range)
    const found = await this.#find(asked, { low, high, limit })
    if (found.length === limit) return { found, last: found.at(-1)! }
    const end = asked.at(-1)!
    const last = newest ? end * rangeSize : (end + 1) * rangeSize - 1
    return { found, last: (newest ? last <= low : last >= high) ? null : last }
  }

  async #find(ranges: readonly number[], { low, high, limit }: WordStep): Promise<number[]> {
    const direction = this.#newest ? 'desc' : 'asc'
    const each = ranges.map(range => {
      const table = wordsTable(range)
      return `select * from (select rowid as sequence from ${table} where ${table} match ? and rowid >= ? and rowid <= ?
              order by rowid ${direction} limit ?)`
    })
    const { rows, elapsedMs } = await this.#read<{ sequence: number }>(
      `${each.join(' union all ')} order by sequence ${direction} limit ?`,
      [...ranges.flatMap(() => [this.#match, low, high, limit]), limit],
    )
    this.#width = elapsedMs > longMs ? Math.ceil(this.#width / 2) : Math.min(this.#width * 4, rangesMax)
    return rows.map(({ sequence }) => sequence)
  }
}

/** In FTS5's language; between its quotation marks stand words of ours, which have none. */
function matchText({ question, kinds }: WordWalk): string {
  const parts = question.map(({ words, isPrefix }) => `"${words.join(' ')}"${isPrefix ? ' *' : ''}`)
  if (kinds !== undefined) parts.push(`(${kinds.map(kind => `"${kindWord(kind)}"`).join(' OR ')})`)
  return parts.join(' AND ')
}
