// What src/store/queries leaves to each engine, on SQLite.
import { sql } from 'kysely'
import type { EngineParts } from '../queries.ts'
import { findEach, findRefs } from './ref-index.ts'

const list = (sequences: readonly number[]) => JSON.stringify(sequences)

export const readingParts: EngineParts = {
  findRefs,
  findEach,
  isListed: (column, sequences) => sql`${sql.ref(column)} in (select value from json_each(${list(sequences)}))`,
  list,
  findMinutes(db, from, to) {
    let query = db.selectFrom('minutes').select(({ fn }) => [fn.min('first').as('first'), fn.max('last').as('last')])
    if (from !== undefined) query = query.where('minute', '>=', from)
    if (to !== undefined) query = query.where('minute', '<=', to)
    return query.executeTakeFirstOrThrow()
  },
}
