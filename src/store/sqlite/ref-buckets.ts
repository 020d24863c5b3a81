// Which bucket of the index of refs an event is in (see ref-index.ts). By itself, as the writer's thread asks too: it
// must never load what builds queries.

/** 2,048 events: some 35 pages of index, and 500 probes for a million events. */
const bucketBits = 11

export function bucketOf(sequence: number): number {
  return Math.floor(sequence / 2 ** bucketBits)
}
