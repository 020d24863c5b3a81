// Records and requests to store, as the ingest would hand them over, with what a test cares about and nothing else.
import { encodeId, idOfIdentity } from '../../../src/ids.ts'
import { type EventRecord, refKeys, type StoredEvent } from '../../../src/store/record.ts'
import type { KeptRequest, QuarantineEntry, Rejection, Store } from '../../../src/store/store.ts'

/** 2026-01-01T00:00:00Z; every other time of these tests is told from here. */
export const start = Date.UTC(2026, 0, 1)
export const minute = 60_000
export const day = 86_400_000

export type RecordFields = Partial<Omit<EventRecord, 'refs' | 'identity'>> & { refs?: Record<string, string> }

/** An event that is the same as any other of its source and key. */
export function record(key: string, { refs = {}, ...fields }: RecordFields = {}): EventRecord {
  const { source = 'plain', subject = null } = fields
  return {
    identity: JSON.stringify([source, key]),
    source,
    vendor: 'plain',
    type: 'plain.happened',
    vendortype: 'happened',
    environment: null,
    namespace: source,
    subject,
    vendorid: null,
    vendortime: null,
    time: null,
    received: start,
    data: JSON.stringify({ refs }),
    content: null,
    soft: null,
    refs: refKeys(refs, subject),
    traceparent: null,
    ...fields,
  }
}

/** The record as it comes back from place `sequence`. */
export function storedAs(
  { identity, content: _, soft: __, refs: ___, ...fields }: EventRecord,
  sequence: number,
): StoredEvent {
  return { ...fields, id: idOfIdentity(identity), sequence, sameas: null }
}

export function idOf(key: string, source = 'plain'): Buffer {
  return idOfIdentity(JSON.stringify([source, key]))
}

export function eventIdOf(key: string, source = 'plain'): string {
  return `evt_${encodeId(idOf(key, source))}`
}

export function request(body: string | Buffer, fields: Partial<KeptRequest> = {}): KeptRequest {
  return {
    received: start,
    method: 'POST',
    rest: '',
    query: '',
    headers: [['content-type', 'application/json']],
    address: '192.0.2.1',
    body: Buffer.from(body),
    sha256: null,
    redacted: [],
    ...fields,
  }
}

/** 16 bytes that are the same for the same text. */
export function entryId(text: string): Buffer {
  return idOfIdentity(text)
}

export function waiting(text: string, fields: Partial<QuarantineEntry> = {}): QuarantineEntry {
  return { id: entryId(text), source: 'plain', reason: `not understood: ${text}`, ...fields }
}

export function rejected(text: string, fields: Partial<Rejection> = {}): Rejection {
  const sealed = Buffer.from(`sealed ${text}`)
  return { id: entryId(text), source: 'plain', status: 401, reason: `no: ${text}`, truncated: false, sealed, ...fields }
}

/** Appends one event for each record in their order, each with a request of its own, and waits for all of them. */
export async function appendAll(store: Store, records: readonly EventRecord[]): Promise<void> {
  await store.appendInOrder(
    records.map(each => ({
      events: [each],
      request: request(`body of ${each.identity}`, { received: each.received }),
    })),
  )
}

/** The whole log, oldest first. */
export async function logOf(store: Store): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  let from = 0
  for (;;) {
    const page = await store.list({ filter: {}, order: 'oldest', from, limit: 500 })
    events.push(...page.events)
    if (page.next === null) return events
    from = page.next
  }
}

/** As it stands in a list: without its body, but for the length, and without what is sealed. */
export function listed<Entry extends { body: Buffer }>(entry: Entry): object {
  const { body, sealed: _, ...rest } = entry as Entry & { sealed?: Buffer | null }
  return { ...rest, bodyBytes: body.length }
}
