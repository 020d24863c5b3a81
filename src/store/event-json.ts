// Events as JSON text. The vendor's own content is spliced in as the text that it was: serialising it anew would round
// its numbers.
import { isUtf8 } from 'node:buffer'
import { parseJson } from '../json/parse.ts'
import { carriesOriginal, type StoredEvent, toEvent } from './record.ts'
import type { KeptRequest } from './store.ts'

/** The event; with `request`, its body as `data.original`. */
export function eventJson(event: StoredEvent, request?: KeptRequest): string {
  const whole = toEvent(event)
  if (request === undefined) return JSON.stringify(whole)
  // A mapping may have made a member of this name: there is one, and it is the vendor's.
  const { original: _, ...data } = whole.data
  const text = JSON.stringify({ ...whole, data })
  // `data` is the last member, and never empty: it has refs.
  return `${text.slice(0, -2)},"original":${originalJson(request)}}}`
}

export function wantsOriginal(event: StoredEvent, include: readonly string[] | undefined): boolean {
  return include?.includes('original') === true || carriesOriginal(event.type)
}

/** The body as it is where it is JSON, else as a string; of a request without a body its query. */
function originalJson({ body, query }: KeptRequest): string {
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
