// What src/store/queries leaves to each engine, on PostgreSQL.
import { sql } from 'kysely'
import type { EngineParts } from '../queries.ts'
import { minutesInDay } from './functions/days.ts'
import { findEach, findRefs } from './refs.ts'

/** The driver writes it as an array. */
const list = (sequences: readonly number[]) => [...sequences]

/** Rows of `minutes` or `days`, both ends included. In their order: by their index, though it may be most of the table. */
function between(table: 'minutes' | 'days', from: number | undefined, to: number | undefined) {
  const key = sql.ref(table === 'minutes' ? 'minute' : 'day')
  const ends = [
    ...(from === undefined ? [] : [sql`${key} >= ${from}`]),
    ...(to === undefined ? [] : [sql`${key} <= ${to}`]),
  ]
  return sql`(select first, last from ${sql.table(table)} where ${sql.join(ends, sql` and `)} order by ${key})`
}

export const readingParts: EngineParts = {
  findRefs,
  findEach,
  isListed: (column, sequences) => sql`${sql.ref(column)} = any(${list(sequences)}::bigint[])`,
  list,
  /** The days that lie in it whole, and at its ends the minutes. */
  async findMinutes(db, from, to) {
    if (from !== undefined && to !== undefined && from > to) return { first: null, last: null }
    const [first, last] = [from, to].map(minute => minute && Math.floor(minute / minutesInDay))
    const pieces =
      first === last
        ? [between('minutes', from, to)]
        : [
            ...(from === undefined ? [] : [between('minutes', from, (first! + 1) * minutesInDay - 1)]),
            between('days', first === undefined ? undefined : first + 1, last === undefined ? undefined : last - 1),
            ...(to === undefined ? [] : [between('minutes', last! * minutesInDay, to)]),
          ]
    const { rows } = await sql<{ first: number | null; last: number | null }>`
      select min(first) as first, max(last) as last from (${sql.join(pieces, sql` union all `)}) as found`.execute(db)
    return rows[0]!
  },
}
