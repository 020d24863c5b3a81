// What events came in, for many events at once: each body may be large, so that their lengths are read first.
import type { Kysely } from 'kysely'
import type { EngineParts } from './queries.ts'
import type { StoredEvent } from './record.ts'
import type { Original } from './store.ts'
import type { Tables } from './tables.ts'

/**
 * By the events' sequences, of as many of the first of them as have no more than `bytesMax` together, and of the first one
 * whatever it has. What is no longer kept is left out.
 */
export async function originalsOf(
  db: Kysely<Tables>,
  isListed: EngineParts['isListed'],
  events: readonly Pick<StoredEvent, 'sequence'>[],
  bytesMax: number,
): Promise<{ originals: Map<number, Original>; upTo: number }> {
  const sequences = events.map(({ sequence }) => sequence)
  const kept = await db
    .selectFrom('events')
    .select(({ fn }) => ['sequence', fn.coalesce('request', 'sequence').as('request')])
    .where(isListed('events.sequence', sequences))
    .execute()
  const requestOf = new Map(kept.map(({ sequence, request }) => [sequence, request]))
  const lengths = await db
    .selectFrom('requests')
    .select(({ fn }) => ['sequence', fn<number>('length', ['body']).as('bytes')])
    .where(isListed('requests.sequence', [...new Set(requestOf.values())]))
    .execute()
  const bytesOf = new Map(lengths.map(({ sequence, bytes }) => [sequence, bytes]))
  const wanted = new Set<number>()
  let bytes = 0
  let upTo = sequences[0] ?? 0
  for (const sequence of sequences) {
    const request = requestOf.get(sequence)
    const more = request === undefined || wanted.has(request) ? 0 : (bytesOf.get(request) ?? 0)
    if (wanted.size > 0 && bytes + more > bytesMax) break
    bytes += more
    upTo = sequence
    if (request !== undefined) wanted.add(request)
  }
  const rows = await db
    .selectFrom('requests')
    .select(['sequence', 'query', 'body'])
    .where(isListed('requests.sequence', [...wanted]))
    .execute()
  const originals = new Map(rows.map(({ sequence, query, body }) => [sequence, { query: query ?? '', body }]))
  const found = new Map<number, Original>()
  for (const [sequence, request] of requestOf) {
    const original = originals.get(request)
    if (original !== undefined && wanted.has(request)) found.set(sequence, original)
  }
  return { originals: found, upTo }
}
