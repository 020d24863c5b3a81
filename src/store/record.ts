// What is stored of an event, and the event made of it again. The envelope is not stored as JSON: what can be derived
// from the row is derived, and the vendor's bytes stand beside it once.

import { isoTime } from '../clock.ts'
import type { Envelope, EventData } from '../event.ts'
import { isCatalogueType, schemaUrn } from '../event-types.ts'
import { encodeId, idOfIdentity } from '../ids.ts'

export interface EventRecord {
  /** The JSON array of the source and the dedupe key's parts, which the id is derived from. */
  identity: string
  /** In its place, of one that was stored before: 16 bytes. `identity` is empty then. */
  id?: Buffer
  source: string
  vendor: string
  type: string
  vendortype: string
  environment: string | null
  namespace: string
  subject: string | null
  vendorid: string | null
  vendortime: string | null
  /** RFC 3339; null where it is `vendortime` to the letter, or without one the receipt's. */
  time: string | null
  /** Milliseconds since the epoch. */
  received: number
  /** `data` as JSON text. */
  data: string
  /** 8 bytes of the content's SHA-256: other content under the same id is a conflict. Null: the body is the content. */
  content: Buffer | null
  /** A quick hash of the soft key. */
  soft: number | null
  /** What the event can be found by: `loan:K0Z1Q`, the subject among them. */
  refs: readonly string[]
  /** The trace that its request was part of, as W3C Trace Context writes it; null where it was part of none. */
  traceparent: string | null
}

/** A record with its place in the log. */
export interface StoredEvent extends Omit<EventRecord, 'identity' | 'id' | 'content' | 'soft' | 'refs'> {
  /** 16 bytes: see `deriveId`. */
  id: Buffer
  sequence: number
  /** The id of the earlier event with the same soft key. */
  sameas: Buffer | null
}

/** What of an event repeats from event to event. */
export type EventKind = Pick<EventRecord, 'source' | 'vendor' | 'type' | 'vendortype' | 'environment' | 'namespace'>

/** As one text; no part holds a control character, since the seal took them out. */
export function kindKey({ source, vendor, type, vendortype, environment, namespace }: EventKind): string {
  return [source, vendor, type, vendortype, environment, namespace].join('\n')
}

/** A longer ref is known by its beginning. */
const refLengthMax = 1024

/** `kind:id`, as it is looked for. */
export function refKey(kind: string, value: string): string {
  return `${kind}:${value.slice(0, refLengthMax).toWellFormed()}`
}

/** What an event can be found by: its refs as `kind:id`, its subject among them. */
export function refKeys(refs: Readonly<Record<string, string>>, subject: string | null): string[] {
  const keys = Object.entries(refs).map(([kind, value]) => refKey(kind, value))
  const own = subject === null ? undefined : subjectRef(subject)
  if (own !== undefined && !keys.includes(own)) keys.push(own)
  return keys
}

/** What `kind/id` is found by. */
export function subjectRef(subject: string): string {
  return subject.replace('/', ':')
}

/** Of `kind:id`, whose id may have colons of its own. */
export function refParts(ref: string): [kind: string, value: string] {
  const colon = ref.indexOf(':')
  return [ref.slice(0, colon), ref.slice(colon + 1)]
}

/** 16 digits, so that texts sort as numbers do. */
export function sequenceText(sequence: number): string {
  return String(sequence).padStart(16, '0')
}

export function idOfRecord({ id, identity }: Pick<EventRecord, 'id' | 'identity'>): Buffer {
  return id ?? idOfIdentity(identity)
}

export function eventId(id: Uint8Array): string {
  return `evt_${encodeId(id)}`
}

/** Whether an event's data always carries the vendor's own content: its type is in no catalogue. */
export function carriesOriginal(type: string): boolean {
  return !isCatalogueType(type)
}

/** The CloudEvent. `data.original` is not in it: see `eventJson`. */
export function toEvent(stored: StoredEvent): Envelope {
  return { ...envelopeOf(stored), data: JSON.parse(stored.data) as EventData }
}

/** All of it but its data, which stands last. */
export function envelopeOf(stored: StoredEvent): Omit<Envelope, 'data'> {
  const receivedtime = isoTime(stored.received)
  const dataschema = schemaUrn(stored.type)
  return {
    specversion: '1.0',
    id: eventId(stored.id),
    source: `/sources/${stored.source}`,
    type: stored.type,
    ...(stored.subject === null ? {} : { subject: stored.subject }),
    time: stored.time ?? stored.vendortime ?? receivedtime,
    datacontenttype: 'application/json',
    ...(dataschema === undefined ? {} : { dataschema }),
    vendor: stored.vendor,
    vendortype: stored.vendortype,
    ...(stored.vendorid === null ? {} : { vendorid: stored.vendorid }),
    ...(stored.vendortime === null ? {} : { vendortime: stored.vendortime }),
    ...(stored.environment === null ? {} : { environment: stored.environment }),
    receivedtime,
    sequence: sequenceText(stored.sequence),
    ...(stored.sameas === null ? {} : { sameas: eventId(stored.sameas) }),
  }
}
