// Looking again at what did not get in: releasing what an adapter has learnt to understand, and rechecking what was
// rejected after a setting of ours is put right.
import { isUnstorable } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { traceparentOf } from '../observe/traces.ts'
import type { Store } from '../store/store.ts'
import type { Alerts } from './alerts.ts'
import { fromKept, seen, unsealed } from './keep.ts'
import type { SealedBox } from './sealed-box.ts'
import type { Source } from './source.ts'
import { requestId, understand } from './understand.ts'

export interface SecondLookParts {
  store: Store
  box: SealedBox
  /** By name, old names included. */
  sources: ReadonlyMap<string, Source>
  log: Log
  metrics: Pick<Metrics, 'appended'>
  alerts: Pick<Alerts, 'quarantined'>
}

export interface ReleaseResult {
  /** Events that are in the log now, duplicates included. */
  released: number
  /** Entries that are still not understood, or whose source is gone. */
  waiting: number
}

/** Releases what is understood now, at the head of the log, with its original receipt time. */
export async function release(
  { store, sources, log, metrics }: SecondLookParts,
  filter: { source?: string; id?: Buffer } = {},
): Promise<ReleaseResult> {
  const result: ReleaseResult = { released: 0, waiting: 0 }
  const { id, source: name } = filter
  const all = oldestFirst(
    async cursor => {
      if (id === undefined)
        return store.listQuarantine({ limit: 500, ...(name === undefined ? {} : { sources: [name] }), ...cursor })
      const entry = await store.quarantined(id)
      return { items: entry === undefined || (name !== undefined && entry.source !== name) ? [] : [entry], next: null }
    },
    each => store.quarantined(each),
  )
  for await (const entry of all) {
    const source = sources.get(entry.source)
    const understood = source && understand(source, fromKept(entry), traceparentOf(entry.headers))
    if (understood === undefined || 'quarantine' in understood) result.waiting++
    else {
      const released = await unlessUnstorable(store.release(entry.id, understood.events, entry), log)
      if (released === undefined) result.waiting++
      else {
        result.released += released.length
        metrics.appended(understood.events, released)
      }
    }
  }
  return result
}

export interface RecheckResult {
  admitted: number
  quarantined: number
  /** Still refused, cut short, or sealed under another key. */
  refused: number
}

/** Checks a source's rejections again, at the clock of their receipt, and admits what passes. */
export async function recheck(parts: SecondLookParts, name: string): Promise<RecheckResult> {
  const { store, sources, box, log, metrics, alerts } = parts
  const result: RecheckResult = { admitted: 0, quarantined: 0, refused: 0 }
  const source = sources.get(name)
  if (source === undefined) return result
  const all = oldestFirst(
    cursor => store.listRejections({ limit: 500, sources: [name], ...cursor }),
    id => store.rejection(id),
  )
  for await (const rejection of all) {
    const request = rejection.truncated ? undefined : unsealed(source, rejection, rejection.sealed, box)
    const verdict = request === undefined ? undefined : await source.check?.verify(request)
    if (request === undefined || verdict?.ok === false) {
      result.refused++
      continue
    }
    // What was scrubbed for strangers' sake is scrubbed still, but for the path, which by now is known to be no secret:
    // only the check saw the request as it came.
    const understood = understand(source, seen(request, rejection), traceparentOf(rejection.headers))
    const { id: _, status: __, reason: ___, truncated: ____, sealed: _____, source: ______, ...scrubbed } = rejection
    const keptRequest = { ...scrubbed, rest: request.rest, query: source.scrub.query(request.query) }
    const admitted = await unlessUnstorable(
      store.admit(rejection.id, 'quarantine' in understood ? understood.quarantine : understood.events, keptRequest),
      log,
    )
    if (admitted === undefined) result.refused++
    else if ('quarantine' in understood) {
      result.quarantined++
      alerts.quarantined(name, requestId(understood.quarantine.id), understood.quarantine.reason)
    } else {
      result.admitted++
      metrics.appended(understood.events, admitted)
    }
  }
  log.info({ source: name, ...result }, 'rejections rechecked')
  return result
}

/**
 * The entries of a list, the oldest first, since a loan's story has an order. Each is read when its turn comes: the
 * bodies of all of them may be more than memory holds.
 */
async function* oldestFirst<Item extends { id: Buffer }>(
  list: (cursor: { cursor?: string }) => Promise<{ items: { id: Buffer }[]; next: string | null }>,
  read: (id: Buffer) => Promise<Item | undefined>,
): AsyncGenerator<Item> {
  const ids: Buffer[] = []
  let cursor: string | null | undefined
  do {
    const page: { items: { id: Buffer }[]; next: string | null } = await list(cursor == null ? {} : { cursor })
    for (const { id } of page.items) ids.push(id)
    cursor = page.next
  } while (cursor !== null)
  for (const id of ids.toReversed()) {
    const item = await read(id)
    if (item !== undefined) yield item
  }
}

/** Undefined where the store is well and cannot take this entry: it stays where it is, and the next has its turn. */
async function unlessUnstorable<Value>(storing: Promise<Value>, log: Log): Promise<Value | undefined> {
  try {
    return await storing
  } catch (error) {
    if (!isUnstorable(error)) throw error
    log.error({ err: error }, 'an entry could not be stored, and stays where it is')
    return undefined
  }
}
