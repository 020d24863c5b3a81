// From a genuine request to records: the adapter's drafts sealed, or the reason why it waits in quarantine.
// An adapter that throws has not understood: nothing genuine is lost to a mistake of ours.
import type { InboundRequest } from '../adapter.ts'
import { deriveId, encodeId } from '../ids.ts'
import type { EventRecord } from '../store/record.ts'
import type { QuarantineEntry } from '../store/store.ts'
import { seal } from './seal.ts'
import type { Source } from './source.ts'

/** No request holds more; each one is a place in the log. */
const draftsMax = 1_000

export type Understood = { events: EventRecord[] } | { quarantine: QuarantineEntry }

/** `traceparent`: the trace that the request was part of. */
export function understand(source: Source, request: InboundRequest, traceparent: string | null = null): Understood {
  let reason: string
  try {
    const normalised = source.adapter.normalise(request, source.options)
    if ('drafts' in normalised) {
      if (normalised.drafts.length > draftsMax) throw new Error(`more than ${draftsMax} events in one request`)
      return { events: normalised.drafts.map(draft => seal(draft, source, request, traceparent)) }
    }
    reason = normalised.notUnderstood
  } catch (error) {
    reason = `the adapter failed: ${error instanceof Error ? error.message : String(error)}`
  }
  return { quarantine: inQuarantine(source, request, reason) }
}

export function inQuarantine(source: Source, request: InboundRequest, reason: string): QuarantineEntry {
  return { id: quarantineId(source, request), source: source.name, reason: reason.slice(0, 500) }
}

/** Derived from the source and what was sent, so that the same thing twice waits once. */
function quarantineId(source: Source, request: InboundRequest): Buffer {
  const { method, rest, query, sha256 } = request
  return deriveId(source.identity, 'quarantine', method, rest, query, sha256)
}

export function requestId(id: Uint8Array): string {
  return `req_${encodeId(id)}`
}
