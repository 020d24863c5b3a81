// What src/store/queries leaves to each engine, on PostgreSQL.
import { sql } from 'kysely'
import type { EngineParts } from '../queries.ts'
import { findRefs } from './refs.ts'

/** The driver writes it as an array. */
const list = (sequences: readonly number[]) => [...sequences]

export const readingParts: EngineParts = {
  findRefs,
  isListed: (column, sequences) => sql`${sql.ref(column)} = any(${list(sequences)}::bigint[])`,
  list,
}
