// From draft to record: the id is derived, the texts are made fit for an envelope. Pure; the log gives it its place.
import type { Draft, InboundRequest } from '../adapter.ts'
import { isoTime } from '../clock.ts'
import { quickHash } from '../quick-hash.ts'
import { type EventRecord, refKeys } from '../store/record.ts'

/** What of a source goes into its events. */
export interface SourceIdentity {
  name: string
  /** The name that ids are derived from: the one before, for a renamed source. */
  identity: string
  vendor: string
  namespace: string
}

/** Control characters and halves of surrogate pairs; whole pairs are looked at again, which is rare. */
const forbidden = /[\u0000-\u001f\u007f-\u009f\ud800-\udfff]/
const typePattern = /^[a-z0-9_]+(\.[a-z0-9_]+)+$/
/** Longer attributes help nobody and would fill the indexes; the whole text is in the raw body. */
const attributeLengthMax = 1024

/** Throws for a draft that breaks the contract (a type that is no type, an empty dedupe key): an adapter's mistake. */
export function seal(
  draft: Draft,
  source: SourceIdentity,
  request: InboundRequest,
  traceparent: string | null = null,
): EventRecord {
  if (!typePattern.test(draft.type)) throw new Error(`the adapter made a type that is none: ${draft.type}`)
  if (draft.dedupe.length === 0 || draft.dedupe.some(part => typeof part !== 'string' || part === '')) {
    throw new Error(`the adapter made a dedupe key with an empty part for ${draft.type}`)
  }
  const vendortime = attribute(draft.vendortime)
  const time = attribute(draft.time) ?? isoTime(request.receivedAt)
  const subject = attribute(draft.subject)
  const tenant = attribute(draft.tenant)
  return {
    identity: JSON.stringify([source.identity, ...draft.dedupe]),
    source: source.name,
    vendor: source.vendor,
    type: draft.type,
    vendortype: attribute(draft.vendortype) ?? 'unknown',
    environment: attribute(draft.environment),
    namespace: tenant === null ? source.namespace : `${source.namespace}/${tenant}`,
    subject,
    vendorid: attribute(draft.vendorid),
    vendortime,
    time: time === (vendortime ?? isoTime(request.receivedAt)) ? null : time,
    received: request.receivedAt,
    data: JSON.stringify(draft.data),
    content: draft.content === undefined ? null : Buffer.from(draft.content.slice(0, 16), 'hex'),
    soft: draft.soft === undefined ? null : quickHash([source.identity, ...draft.soft].join('\n')),
    refs: refKeys(draft.data.refs, subject),
    traceparent,
  }
}

/** CloudEvents forbids control characters and lone surrogates in attributes; they become U+FFFD. */
function attribute(text: string | undefined): string | null {
  if (text === undefined || text === '') return null
  const short = text.length > attributeLengthMax ? text.slice(0, attributeLengthMax) : text
  return forbidden.test(short) ? short.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd') : short
}
