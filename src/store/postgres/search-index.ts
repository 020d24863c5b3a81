// The search index on PostgreSQL: words as tsvectors, made here and not by the server, a table for each range of the
// log. Each change is one function of the server, which holds where two nodes believe that it is theirs: functions/search.ts.
import { IndexBusy, type IndexState, indexFormat, rangeSize, type SearchIndex } from '../search/indexer.ts'
import type { Entry } from '../search/log.ts'
import type { Database } from './database.ts'

export function wordsTable(range: number): string {
  return `search_${range}`
}

export function postgresSearchIndex(database: Database): SearchIndex {
  const unlessBusy = async (text: string, parameters: readonly number[]) => {
    const [row] = await database.call<{ done: boolean }>(text, parameters)
    if (!row!.done) throw new IndexBusy()
  }

  return {
    async state() {
      const text = 'select epoch, through from search_state where format = $1'
      return (await database.call<IndexState>(text, [indexFormat]))[0] ?? null
    },
    async begin({ epoch, through }) {
      const text = 'select postern_begin_search($1, $2, $3) as outcome'
      for (let outcome = 'more'; outcome === 'more'; ) {
        const rows = await database.call<{ outcome: 'begun' | 'more' | 'busy' }>(text, [indexFormat, epoch, through])
        outcome = rows[0]!.outcome
        if (outcome === 'busy') throw new IndexBusy()
      }
    },
    async add({ after, through, range, entries }) {
      const sequences = entries.map(({ sequence }) => sequence)
      const words = entries.map(vectorText)
      await database.call('select postern_add_search($1, $2, $3, $4, $5)', [range, after, through, sequences, words])
    },
    async ranges() {
      const rows = await database.call<{ range: number }>('select range from search_ranges order by range')
      return rows.map(({ range }) => range)
    },
    async drop(range) {
      await unlessBusy('select postern_drop_search_range($1) as done', [range])
    },
    async sweep(range) {
      const [first, last] = [range * rangeSize, (range + 1) * rangeSize - 1]
      await unlessBusy('select postern_sweep_search_range($1, $2, $3) as done', [range, first, last])
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
