// The index of refs: which events mention `loan:K0Z1Q`. A key's events lie beside each other in each range of the log, in
// their order. What it finds are candidates: the key is a hash, and the reader compares the event's own refs.
import { type Kysely, sql } from 'kysely'
import { quickHash } from '../../quick-hash.ts'
import type { EngineParts } from '../queries.ts'
import type { Tables } from '../tables.ts'
import type { EachFound, EachWalk } from '../timeline.ts'

type RefWalk = Parameters<EngineParts['findRefs']>[1]

/** One statement: the first ref is walked, the others are looked up for each event that has it. */
export async function findRefs(db: Kysely<Tables>, { refs, newest, low, high, limit }: RefWalk) {
  const [key, ...others] = refs.map(quickHash)
  const direction = sql.raw(newest ? 'desc' : 'asc')
  const hasOthers = others.map(
    other => sql`exists (select from refs other where other.key = ${other} and other.sequence = refs.sequence)`,
  )
  const hit = hasOthers.length === 0 ? sql`true` : sql.join(hasOthers, sql` and `)
  const { rows } = await sql<{ sequence: number; hit: boolean }>`
    select sequence, ${hit} as hit from refs
    where key = ${key} and sequence >= ${low} and sequence <= ${high}
    order by sequence ${direction} limit ${limit}`.execute(db)
  return {
    found: rows.flatMap(row => (row.hit ? [row.sequence] : [])),
    last: rows.length < limit ? null : rows.at(-1)!.sequence,
  }
}

/** One statement for several refs: of each the first `limit` of its events. */
export async function findEach(db: Kysely<Tables>, { refs, low, high, limit }: EachWalk): Promise<EachFound> {
  const found = new Map(refs.map(ref => [quickHash(ref), [] as number[]]))
  const { rows } = await sql<{ key: number; sequence: number }>`
    select wanted.key, found.sequence from unnest(${[...found.keys()]}::bigint[]) as wanted(key)
    cross join lateral (
      select sequence from refs
      where refs.key = wanted.key and sequence >= ${low} and sequence <= ${high} order by sequence limit ${limit}) as found
    order by found.sequence`.execute(db)
  for (const { key, sequence } of rows) found.get(key)!.push(sequence)
  return new Map(refs.map(ref => [ref, found.get(quickHash(ref))!]))
}
