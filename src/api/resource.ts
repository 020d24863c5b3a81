// What the API's routes answer with: JSON that is text already, a stranger's bytes, and that there is no such thing.
import { AppError } from '../errors.ts'
import type { KeptRequest } from '../store/store.ts'

/** Throws AppError `not_found` where there is no value. */
export function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw notFound()
  return value
}

export function notFound(): AppError {
  return new AppError('not_found', 'there is no such resource')
}

export function json(text: string): Response {
  return new Response(text, { headers: { 'content-type': 'application/json' } })
}

/** The exact bytes: a download, never shown by a browser as what a stranger says it is. */
export function raw(request: KeptRequest | undefined): Response {
  const { body } = found(request)
  return new Response(new Uint8Array(body), {
    headers: { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' },
  })
}

/** How the document calls it. */
export const rawAnswer = {
  description: 'The exact bytes, as a download',
  contentType: 'application/octet-stream',
  example: '{"id":"660e8400","status":"BID"}',
} as const
