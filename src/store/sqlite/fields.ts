// Records and requests as the writer's thread is told them.
import { type EventRecord, kindKey } from '../record.ts'
import { requestText } from '../request-columns.ts'
import type { KeptRequest } from '../store.ts'
import type { Command, EventFields, RequestFields } from './commands.ts'

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
  const { subject, vendorid, vendortime, time, received, soft, data, refs, traceparent } = event
  const kind = kindKey(event)
  return [identity, kind, subject, vendorid, vendortime, time, received, soft, data, refs, traceparent]
}

export function eventPieces({ content }: EventRecord): Buffer[] {
  return [content ?? empty]
}

export function requestFields(request: KeptRequest): RequestFields {
  return { received: request.received, ...requestText(request) }
}

export function requestPieces({ body, sha256 }: KeptRequest): Buffer[] {
  return [body, sha256 ?? empty]
}
