// The ranges of sequence that a copied log is cut into, about a month each, as if it had grown where it now comes to.
import { firstRange, type Range } from '../postgres/partitions.ts'
import type { Source } from './source.ts'

const monthMs = 30 * 86_400_000

/**
 * Those behind the first range, which is there from the start, up to the head; what lies ahead of it the gateway makes.
 * The same for the same source, so that one can be made twice.
 */
export function rangesOf(source: Pick<Source, 'log' | 'oldest' | 'receivedAt' | 'firstSince'>): Range[] {
  const width = firstRange.beyond - firstRange.first
  const ranges: Range[] = []
  // Below the oldest that is kept there is nothing to cut.
  const skipped = Math.floor((source.oldest() - firstRange.first) / width) * width
  let first = Math.max(firstRange.beyond, firstRange.first + skipped)
  while (first <= source.log.head) {
    const received = source.receivedAt(first)
    const later = received === undefined ? undefined : source.firstSince(received + monthMs)
    const month = Math.max(1, (later ?? source.log.head + 1) - first)
    const beyond = first + Math.ceil(month / width) * width
    ranges.push({ first, beyond })
    first = beyond
  }
  return ranges
}
