// Records and requests as the writer's thread is told them.
import type { EventRecord } from '../record.ts'
import type { KeptRequest } from '../store.ts'
import { type Command, type EventFields, kindKey, type RequestFields } from './commands.ts'

const empty = Buffer.alloc(0)

export function appendCommand(
  events: readonly EventRecord[],
  request: KeptRequest,
): [command: Command, pieces: Uint8Array[]] {
  const command = { op: 'append', events: events.map(eventFields), request: requestFields(request) } as const
  return [command, [...requestPieces(request), ...events.flatMap(eventPieces)]]
}

export function eventFields(event: EventRecord): EventFields {
  const identity = event.id === undefined ? event.identity : event.id.toString('hex')
  const { source, vendor, type, vendortype, environment, namespace } = event
  const { subject, vendorid, vendortime, time, received, soft, data, refs, traceparent } = event
  const kind = kindKey([source, vendor, type, vendortype, environment, namespace])
  return [identity, kind, subject, vendorid, vendortime, time, received, soft, data, refs, traceparent]
}

export function eventPieces({ content }: EventRecord): Buffer[] {
  return [content ?? empty]
}

export function requestFields({
  received,
  method,
  rest,
  query,
  headers,
  address,
  redacted,
}: KeptRequest): RequestFields {
  return {
    received,
    method: method === 'POST' ? null : method,
    rest: rest === '' ? null : rest,
    query: query === '' ? null : query,
    headers: JSON.stringify(headers),
    address,
    redacted: redacted.length === 0 ? null : JSON.stringify(redacted),
  }
}

export function requestPieces({ body, sha256 }: KeptRequest): Buffer[] {
  return [body, sha256 ?? empty]
}
