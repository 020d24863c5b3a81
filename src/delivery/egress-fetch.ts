// `fetch` for calls of our own (token endpoints, vendors' APIs): only http and https, only to addresses that were
// checked, and no redirect followed: it would take credentials where nobody meant them to go.
import { Agent, fetch as undiciFetch } from 'undici'
import type { Egress } from './egress.ts'

export type EgressFetch = (url: string | URL, init?: RequestInit) => Promise<Response>

export interface EgressFetchOptions {
  /** Default 5 s. */
  connectTimeoutMs?: number
  /** Until the answer's headers are there, and between two pieces of its body. Default 30 s. */
  answerTimeoutMs?: number
  /** A larger answer breaks off with an error. Default 16 MiB. */
  answerBytesMax?: number
  /** To one host. Default 16. */
  connections?: number
}

/** A redirect comes back as the answer that it is; with `redirect: 'error'` it rejects. */
export function egressFetch(
  egress: Egress,
  {
    connectTimeoutMs = 5_000,
    answerTimeoutMs = 30_000,
    answerBytesMax = 16 * 1024 * 1024,
    connections = 16,
  }: EgressFetchOptions = {},
): EgressFetch {
  const dispatcher = new Agent({
    connect: egress.connector({ timeout: connectTimeoutMs, allowH2: false }),
    allowH2: false,
    connections,
    headersTimeout: answerTimeoutMs,
    bodyTimeout: answerTimeoutMs,
    maxResponseSize: answerBytesMax,
  })
  const fetchWithin = undiciFetch as unknown as (url: URL, init: object) => Promise<Response>
  return async (url, init = {}) => {
    const target = new URL(url)
    if (target.protocol !== 'http:' && target.protocol !== 'https:') {
      throw new TypeError(`expected a URL of http or https, got one of ${target.protocol}`)
    }
    return await fetchWithin(target, { ...init, redirect: init.redirect === 'error' ? 'error' : 'manual', dispatcher })
  }
}
