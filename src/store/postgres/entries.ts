// Writing what waits beside the log, each in one statement.
import { requestText } from '../request-columns.ts'
import type { KeptRequest, QuarantineEntry, Rejection, RejectionLimits } from '../store.ts'

type Call = [text: string, parameters: unknown[]]

const requestColumns = 'method, rest, query, headers, address, sha256, redacted, body'

/** A row where it is new. Else it is written as it is: only who writes waits for the standby: see functions/append.ts. */
export function quarantineCall({ id, source, reason }: QuarantineEntry, request: KeptRequest): Call {
  return [
    `with fresh as (
       insert into quarantine (id, source, received, reason, ${requestColumns})
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing returning 1
     ), known as (
       update quarantine set id = id where id = $1 and not exists (select from fresh)
     )
     select from fresh`,
    [id, source, request.received, reason, ...requestColumnsOf(request)],
  ]
}

export function rejectCall(
  { id, source, status, reason, truncated, sealed }: Rejection,
  request: KeptRequest,
  { countMax, bytesMax }: RejectionLimits,
): Call {
  const columns = requestColumnsOf(request)
  const bytes = request.body.length + (columns[3] as string).length + (sealed?.length ?? 0)
  return [
    `select postern_reject($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
    [
      countMax, bytesMax, id, source, request.received, status, reason, truncated ? 1 : 0, sealed, bytes, ...columns,
    ], // biome-ignore format: the parameters in their order
  ]
}

/** A rejection that passes today's check and that no adapter understands. */
export function requarantineCall(
  rejection: Buffer,
  { id, source, reason }: QuarantineEntry,
  request: KeptRequest,
): Call {
  return [
    `with gone as (delete from rejections where id = $1 returning 1)
     insert into quarantine (id, source, received, reason, ${requestColumns})
     select $2, $3, $4::bigint, $5, $6, $7, $8, $9, $10, $11::bytea, $12, $13::bytea from gone on conflict do nothing`,
    [rejection, id, source, request.received, reason, ...requestColumnsOf(request)],
  ]
}

function requestColumnsOf(request: KeptRequest): unknown[] {
  const { method, rest, query, headers, address, redacted } = requestText(request)
  return [method, rest, query, headers, address, request.sha256, redacted, request.body]
}
