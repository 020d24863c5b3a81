// Events as JSON text. What is stored as text is spliced in as text: an event's data, which would else be read and
// written again for every reader, and the vendor's own content, whose numbers that would round.
import { isUtf8 } from 'node:buffer'
import { parseJson } from '../json/parse.ts'
import { carriesOriginal, envelopeOf, type StoredEvent } from './record.ts'
import type { Original } from './store.ts'

/** The event; with `request`, its body as `data.original`. */
export function eventJson(event: StoredEvent, request?: Original): string {
  const envelope = JSON.stringify(envelopeOf(event))
  return `${envelope.slice(0, -1)},"data":${request === undefined ? event.data : withOriginal(event.data, request)}}`
}

export function wantsOriginal(event: StoredEvent, include: readonly string[] | undefined): boolean {
  return include?.includes('original') === true || carriesOriginal(event.type)
}

/** `data` is never empty: it has refs. */
function withOriginal(data: string, request: Original): string {
  let text = data
  if (data.includes('"original"')) {
    // A mapping may have made a member of this name: there is one, and it is the vendor's.
    const { original: _, ...others } = JSON.parse(data) as { original?: unknown }
    text = JSON.stringify(others)
  }
  return `${text.slice(0, -1)},"original":${originalJson(request)}}`
}

/** The body as it is where it is JSON, else as a string; of a request without a body its query. */
function originalJson({ body, query }: Original): string {
  if (body.length === 0) return JSON.stringify(query)
  const text = body.toString('utf8').replace(/^\ufeff/, '')
  if (!isUtf8(body)) return JSON.stringify(text)
  try {
    parseJson(text)
    return text
  } catch {
    return JSON.stringify(text)
  }
}
