// The index of refs: which events mention `loan:K0Z1Q`. It is cut into buckets of consecutive events, so that inserts
// dirty the pages of one small bucket instead of one page each of a tree as large as the log; a look-up asks bucket by
// bucket, of which the older ones are merged into wide ones (ref-merge.ts). What it finds are candidates: the key is a
// hash, and the reader compares the event's own refs.
import { type Kysely, sql } from 'kysely'
import { quickHash } from '../../quick-hash.ts'
import type { Tables } from '../tables.ts'
import type { EachFound, EachWalk } from '../timeline.ts'
import { bucketOf, firstOfBucket, firstWide, lastOfBucket, narrowInWide, wideOf } from './ref-buckets.ts'

export interface RefWalk {
  /** At least one; the first is walked, the others are looked up for each event that has it. */
  refs: readonly string[]
  newest: boolean
  /** Sequences, both included. */
  low: number
  high: number
  /** How many events that have the first ref are looked at, at the most. */
  limit: number
}

export interface RefsFound {
  /** Sequences of events that may have all the refs, in the walk's order. */
  found: number[]
  /** The last one that was looked at; null where there are no more. */
  last: number | null
}

/** One short read transaction for each step, and one row from each: the walk is as long as its first ref is common. */
export async function findRefs(db: Kysely<Tables>, walk: RefWalk): Promise<RefsFound> {
  const { newest, low, high, limit } = walk
  const [key, ...others] = walk.refs.map(quickHash)
  const found: number[] = []
  let looked = 0
  const [first, last] = [bucketOf(low), bucketOf(high)]
  // A ref that many events have is found in few buckets, a rare one needs them all: ask for ever more at once.
  let width = 8
  for (let done = 0; done <= last - first; done += width, width = Math.min(width * 8, 512)) {
    const size = Math.min(width, last - first - done + 1)
    const from = newest ? last - done - size + 1 : first + done
    const hasOthers = others.map(
      other =>
        sql`exists (select 1 from refs o where o.bucket = r.bucket and o.key = ${other} and o.sequence = r.sequence)`,
    )
    const all = hasOthers.length === 0 ? sql`1` : sql.join(hasOthers, sql` and `)
    const direction = sql.raw(newest ? 'desc' : 'asc')
    const { rows } = await sql<{ found: string; count: number; low: number; high: number }>`
      with buckets(n) as (${bucketsOf(from, from + size - 1)})
      select json_group_array(sequence) filter (where hit) as found, count(*) as count,
             min(sequence) as low, max(sequence) as high
      from (select r.sequence, ${all} as hit from buckets cross join refs r
            where r.bucket = buckets.n and r.key = ${key}
              and r.sequence >= ${Math.max(low, firstOfBucket(from))}
              and r.sequence <= ${Math.min(high, lastOfBucket(from + size - 1))}
            order by r.sequence ${direction} limit ${limit - looked})`.execute(db)
    const row = rows[0]!
    const hits = JSON.parse(row.found) as number[]
    found.push(...hits.sort((a, b) => (newest ? b - a : a - b)))
    looked += row.count
    if (looked >= limit) return { found, last: newest ? row.low : row.high }
  }
  return { found, last: null }
}

/** As `findRefs`, for several refs at once, and in fewer steps: of each the first `limit` of its events. */
export async function findEach(db: Kysely<Tables>, { refs, low, high, limit }: EachWalk): Promise<EachFound> {
  const found = new Map(refs.map(ref => [quickHash(ref), [] as number[]]))
  let keys = [...found.keys()]
  const last = bucketOf(high)
  let width = 32
  for (let first = bucketOf(low); first <= last && keys.length > 0; first += width, width = Math.min(width * 8, 512)) {
    const end = Math.min(first + width - 1, last)
    const { rows } = await sql<{ key: number; sequences: string }>`
      with buckets(n) as (${bucketsOf(first, end)})
      select key, json_group_array(sequence) as sequences from (
        select r.key, r.sequence, row_number() over (partition by r.key order by r.sequence) as place
        from buckets cross join refs r
        where r.bucket = buckets.n and r.key in (select value from json_each(${JSON.stringify(keys)}))
          and r.sequence >= ${Math.max(low, firstOfBucket(first))}
          and r.sequence <= ${Math.min(high, lastOfBucket(end))})
      where place <= ${limit} group by key`.execute(db)
    for (const { key, sequences } of rows) {
      found.get(key)!.push(...(JSON.parse(sequences) as number[]).sort((a, b) => a - b))
    }
    keys = keys.filter(key => found.get(key)!.length < limit)
  }
  return new Map(refs.map(ref => [ref, found.get(quickHash(ref))!.slice(0, limit)]))
}

/** Where the refs of the narrow buckets `[first, last]` are, wide or narrow: at the moment of the statement, as it says. */
function bucketsOf(first: number, last: number) {
  const list = (from: number, to: number) =>
    JSON.stringify(Array.from({ length: to - from + 1 }, (_, index) => from + index))
  return sql`
    select value from json_each(${list(wideOf(first), wideOf(last))}) where value < ${firstWide} + (select merged from log)
    union all
    select value from json_each(${list(first, last)}) where value >= ${narrowInWide} * (select merged from log)`
}
