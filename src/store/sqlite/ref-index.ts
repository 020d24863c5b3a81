// The index of refs: which events mention `loan:K0Z1Q`. It is cut into buckets of consecutive events, so that inserts
// dirty the pages of one small bucket instead of one page each of a tree as large as the log; a look-up asks bucket by
// bucket. What it finds are candidates: the key is a hash, and the reader compares the event's own refs.
import { type Kysely, sql } from 'kysely'
import { quickHash } from '../../quick-hash.ts'
import type { Tables } from '../tables.ts'

/** 2,048 events: some 35 pages of index, and 500 probes for a million events. */
const bucketBits = 11

export function bucketOf(sequence: number): number {
  return Math.floor(sequence / 2 ** bucketBits)
}

export interface RefWalk {
  ref: string
  newest: boolean
  /** Sequences, both included. */
  low: number
  high: number
  /** How many are wanted at the most. */
  limit: number
}

/** Sequences of events that may have the ref, in the walk's order; fewer than `limit` when there are no more. */
export async function findRef(db: Kysely<Tables>, { ref, newest, low, high, limit }: RefWalk): Promise<number[]> {
  const key = quickHash(ref)
  const found: number[] = []
  const [first, last] = [bucketOf(low), bucketOf(high)]
  // A ref that many events have is found in few buckets, a rare one needs them all: ask for ever more at once.
  let width = 8
  for (let done = 0; done <= last - first && found.length < limit; done += width, width = Math.min(width * 2, 512)) {
    const size = Math.min(width, last - first - done + 1)
    const buckets = Array.from({ length: size }, (_, index) => (newest ? last - done - index : first + done + index))
    const rows = await db
      .selectFrom('refs')
      .select('sequence')
      .where('bucket', 'in', sql<number>`(select value from json_each(${JSON.stringify(buckets)}))`)
      .where('key', '=', key)
      .where('sequence', '>=', low)
      .where('sequence', '<=', high)
      .orderBy('sequence', newest ? 'desc' : 'asc')
      .limit(limit - found.length)
      .execute()
    for (const { sequence } of rows) found.push(sequence)
  }
  return found
}
