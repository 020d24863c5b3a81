// Which buckets of the index of refs an event is in (see ref-index.ts). By itself, as the writer's thread asks too: it
// must never load what builds queries.

/** 2,048 events: some 35 pages of index that a batch of appends makes dirty. */
const bucketBits = 11
/** Narrow buckets that are merged into a wide one, of 32,768 events: of an older log a look-up asks a sixteenth. */
export const narrowInWide = 16
/** Wide buckets have the numbers from here on: their order is the log's, as that of the narrow ones. */
export const firstWide = 2 ** 40

export function bucketOf(sequence: number): number {
  return Math.floor(sequence / 2 ** bucketBits)
}

export function firstOfBucket(bucket: number): number {
  return bucket * 2 ** bucketBits
}

export function lastOfBucket(bucket: number): number {
  return firstOfBucket(bucket + 1) - 1
}

/** The number of the wide bucket that a narrow one is merged into. */
export function wideOf(bucket: number): number {
  return firstWide + Math.floor(bucket / narrowInWide)
}
