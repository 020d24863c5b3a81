// The search index on PostgreSQL: words as tsvectors, made here and not by the server, a table for each range of the
// log. The cursor moves with what is added, in the one statement that adds it: of two nodes that try one adds nothing.
import { type IndexState, indexFormat, rangeSize, type SearchIndex } from '../search/indexer.ts'
import type { Entry } from '../search/log.ts'
import type { Database } from './database.ts'

export function wordsTable(range: number): string {
  return `search_${range}`
}

export function postgresSearchIndex(database: Database): SearchIndex {
  const ranges = async () => {
    const rows = await database.call<{ range: number }>('select range from search_ranges order by range')
    return rows.map(({ range }) => range)
  }
  const drop = async (range: number) => {
    await database.call('select postern_drop_search_range($1)', [range])
  }
  let made: number | undefined

  return {
    async state() {
      const text = 'select epoch, through from search_state where format = $1'
      return (await database.call<IndexState>(text, [indexFormat]))[0] ?? null
    },
    async begin({ epoch, through }) {
      // Nobody reads it while there is none.
      await database.call('delete from search_state')
      for (const range of await ranges()) await drop(range)
      made = undefined
      await database.call('insert into search_state values (1, $1, $2, $3) on conflict do nothing', [
        indexFormat,
        epoch,
        through,
      ])
    },
    async add({ after, through, range, entries }) {
      if (entries.length > 0 && range !== made) {
        await database.call('select postern_make_search_range($1)', [range])
        made = range
      }
      const moved = 'update search_state set through = $2 where through = $1'
      if (entries.length === 0) {
        await database.call(moved, [after, through])
        return
      }
      await database.call(
        `with moved as (${moved} returning 1)
         insert into ${wordsTable(range)} select sequence, words::tsvector
         from unnest($3::bigint[], $4::text[]) as entry(sequence, words) where exists (select from moved)
         on conflict do nothing`,
        [after, through, entries.map(({ sequence }) => sequence), entries.map(vectorText)],
      )
    },
    ranges,
    drop,
    async sweep(range) {
      const table = wordsTable(range)
      const [row] = await database.call<{ left: boolean }>(
        `with gone as (
           delete from ${table} words where not exists (
             select from events where events.sequence = words.sequence and events.sequence between $1 and $2)
           returning words.sequence)
         select exists (select sequence from ${table} except select sequence from gone) as left`,
        [range * rangeSize, (range + 1) * rangeSize - 1],
      )
      if (!row!.left) await drop(range)
    },
  }
}

/** Words have neither quotation marks nor backslashes. */
function vectorText({ words }: Entry): string {
  const places = new Map<string, number[]>()
  words.split(' ').forEach((word, index) => {
    const known = places.get(word)
    if (known === undefined) places.set(word, [index + 1])
    else known.push(index + 1)
  })
  return [...places].map(([word, at]) => `'${word}':${at.join(',')}`).join(' ')
}
