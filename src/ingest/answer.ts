// What a sender is told. A stranger learns nothing: problems carry a status, its name, and no reason.
import { type ErrorCode, errorStatus } from '../errors.ts'
import type { AppendOutcome } from '../store/store.ts'

export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
}

const json = { 'content-type': 'application/json' }
/** Seconds: the store or the identity provider may be back by then. */
const retryAfterSeconds = '5'

export function accepted(outcomes: readonly AppendOutcome[]): Answer {
  const events = outcomes.map(({ id, status }) => ({ id, status }))
  const [first] = events
  const body = events.length === 1 ? first : { ...first, events }
  return { status: 200, headers: json, body: JSON.stringify(body) }
}

export function quarantined(request: string): Answer {
  return { status: 200, headers: json, body: JSON.stringify({ request, status: 'quarantined' }) }
}

/** To a GET that some vendors send when a webhook is created. */
export function pong(): Answer {
  return { status: 200, headers: json, body: '{"status":"ok"}' }
}

const titles: Partial<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  503: 'Service Unavailable',
}

/** An RFC 9457 problem without a detail. */
export function problem(code: ErrorCode, headers: Record<string, string> = {}): Answer {
  const status = errorStatus[code]
  const title = titles[status] ?? 'Error'
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 ? { 'retry-after': retryAfterSeconds } : {}),
      ...headers,
    },
    body: JSON.stringify({ type: 'about:blank', title, status }),
  }
}
