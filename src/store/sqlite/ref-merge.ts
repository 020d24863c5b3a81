// Merges narrow buckets of the index of refs into wide ones, behind the append and in small steps: an append makes few
// pages dirty since its bucket is narrow, and a look-up in a long log asks few buckets since the older ones are wide.
// `log.merged` says how many wide ones are whole: in the same snapshot a reader goes by either kind for each event.
import type { Database } from 'better-sqlite3'
import { bucketOf, firstWide, lastOfBucket, narrowInWide } from './ref-buckets.ts'

/** Steps that make a wide bucket, each with its share of the keys (53 bits): some 1,000 refs, a millisecond or two. */
const stepsEach = 128
const keysEachStep = 2 ** 53 / stepsEach
/** Refs of a narrow bucket that one step removes. */
const removedAtOnce = 1_000

export class RefMerge {
  readonly #statements
  /** Wide buckets that are whole. */
  #merged: number
  /** Of the next one; a step may be made again. */
  #step = 0
  /** Whether there may be narrow buckets that a wide one has taken in. */
  #isLeft = true

  constructor(db: Database) {
    this.#statements = {
      lowest: db.prepare('select min(bucket) from refs').pluck(),
      remove: db.prepare(
        `delete from refs where (bucket, key, sequence) in (
           select bucket, key, sequence from refs where bucket = ? limit ${removedAtOnce})`,
      ),
      copy: db.prepare(
        `insert into refs (bucket, key, sequence)
         select @wide, key, sequence from refs
         where bucket in (select value from json_each(@narrow)) and key >= @from and key < @to
         order by key, sequence
         on conflict do nothing`,
      ),
      merged: db.prepare('update log set merged = ?'),
    }
    this.#merged = db.prepare('select merged from log').pluck().get() as number
  }

  /** Whether there is something to be done, in a log that goes up to `head`. */
  isDue(head: number): boolean {
    return this.#isLeft || head >= lastOfBucket((this.#merged + 1) * narrowInWide - 1)
  }

  /**
   * One step, in a transaction of whoever calls; returns how many refs it wrote or removed. After one that was rolled
   * back a new RefMerge goes on.
   */
  step(head: number): number {
    const { lowest, remove } = this.#statements
    const found = lowest.get() as number | null
    const narrow = found === null || found >= firstWide ? undefined : found
    if (narrow !== undefined && narrow < this.#merged * narrowInWide) return remove.run(narrow).changes
    this.#isLeft = false
    // Where a restore has made the log jump, or retention was faster, nothing is left to be merged.
    const next = Math.floor((narrow ?? bucketOf(head + 1)) / narrowInWide)
    if (next > this.#merged) return this.#begin(next)
    if (!this.isDue(head)) return 0
    const { changes } = this.#copy()
    if (++this.#step === stepsEach) this.#begin(this.#merged + 1)
    return changes
  }

  /** Goes on with the wide bucket that is the `merged`th: those before it are whole. */
  #begin(merged: number): number {
    this.#statements.merged.run(merged)
    this.#merged = merged
    this.#step = 0
    this.#isLeft = true
    return 1
  }

  #copy(): { changes: number } {
    const first = this.#merged * narrowInWide
    return this.#statements.copy.run({
      wide: firstWide + this.#merged,
      narrow: JSON.stringify(Array.from({ length: narrowInWide }, (_, index) => first + index)),
      from: this.#step * keysEachStep,
      to: (this.#step + 1) * keysEachStep,
    })
  }
}
