// The HTTP destination: one POST an attempt, signed anew, through a pool of its own. It never rejects, never follows a
// redirect, and lets no answer, however long or slow, hold it beyond the limits.
import { Buffer } from 'node:buffer'
import { type Clock, systemClock } from '../../clock.ts'
import { eventId } from '../../store/record.ts'
import type { Attempt, Destination, Outcome } from '../destination.ts'
import type { Egress } from '../egress.ts'
import { egressFetch } from '../egress-fetch.ts'
import { type Signer, signer } from '../signature.ts'
import type { HttpSpec, OAuthSpec } from '../subscription.ts'
import { clientCredentials, type TokenSource } from '../tokens.ts'
import { concealer } from './http-concealed.ts'
import { checkBehindProxy, openConnections } from './http-connections.ts'
import { contentOf } from './http-content.ts'
import { type Ended, Exchange, TimeUp } from './http-exchange.ts'
import { outcomeOf, released, unanswered } from './http-outcome.ts'

export interface HttpParts {
  egress: Egress
  /** At most, to this destination. */
  connections: number
  /** Default: asked for through the same egress. */
  tokens?: (spec: OAuthSpec) => TokenSource
  clock?: Clock
}

const userAgent = 'postern'

/** Throws TypeError for a URL, a proxy or a secret that is none; `assertSigningSecret` tells before. */
export function httpDestination(spec: HttpSpec, parts: HttpParts): Destination {
  const { egress, connections, clock = systemClock } = parts
  const { tokens = (oauth: OAuthSpec) => clientCredentials(oauth, { fetch: egressFetch(egress), clock }) } = parts
  const url = new URL(spec.url)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`expected a URL of http or https, got one of ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('expected a URL without credentials: `auth` is for them')
  }
  const { origin, pathname, search } = url
  const path = `${pathname}${search}`
  const fixed = fixedHeaders(spec)
  const conceal = concealer(spec)
  const sign = signer(spec.secrets)
  const tokenSource = spec.auth?.kind === 'oauth' ? tokens(spec.auth) : undefined
  const dispatcher = openConnections(spec, egress, connections)
  let closed = false

  const exchange = (attempt: Attempt, timeoutMs: number, authorization?: string): Promise<Outcome> => {
    if (attempt.signal.aborted) return Promise.resolve(released())
    const startedAt = performance.now()
    const { type, bytes } = contentOf(spec.format, attempt)
    const headers = headersOf(attempt, fixed, type, bytes, sign)
    if (authorization !== undefined) headers.push('authorization', authorization)
    return new Promise(resolve => {
      const { headersTimeoutMs, bodyTimeoutMs } = spec
      const end = (ended: Ended) => {
        attempt.signal.removeEventListener('abort', abort)
        if (ended === 'released') resolve(released())
        else if (!ended.answered) resolve(unanswered(ended.error, spec.connectTimeoutMs))
        else {
          const answered = { ...ended, answer: conceal(ended.answer, authorization) }
          resolve(outcomeOf(answered, spec.deadOn, attempt.now + (performance.now() - startedAt)))
        }
      }
      const one = new Exchange({ headersTimeoutMs, bodyTimeoutMs, timeoutMs }, end)
      const abort = () => one.release()
      attempt.signal.addEventListener('abort', abort)
      try {
        dispatcher.dispatch({ origin, path, method: 'POST', headers, body: bytes }, one)
      } catch (error) {
        // Of a proxy's, where most others tell the handler.
        one.onResponseError(null, error as Error)
      }
    })
  }

  /** With what must be waited for before anything is sent. */
  const prepared = async (attempt: Attempt): Promise<Outcome> => {
    const endsAt = performance.now() + attempt.timeoutMs
    const left = () => Math.max(1, endsAt - performance.now())
    if (spec.proxy !== undefined) await within(attempt, left(), 'no address', () => checkBehindProxy(spec, egress))
    if (tokenSource === undefined) return exchange(attempt, left())
    const token = () => within(attempt, left(), 'no token', signal => tokenSource.token(signal))
    const first = await token()
    const outcome = await exchange(attempt, left(), `Bearer ${first}`)
    if (outcome.status !== 401) return outcome
    tokenSource.refused(first)
    const second = await token()
    return second === first ? outcome : exchange(attempt, left(), `Bearer ${second}`)
  }

  return {
    async attempt(attempt) {
      if (closed || attempt.signal.aborted) return released()
      try {
        return await (spec.proxy === undefined && tokenSource === undefined
          ? exchange(attempt, attempt.timeoutMs)
          : prepared(attempt))
      } catch (error) {
        return attempt.signal.aborted ? released() : unanswered(error as Error, spec.connectTimeoutMs)
      }
    },
    async close() {
      if (closed) return
      closed = true
      // What is running ends with undici's own error, which is an outcome of `released`.
      await dispatcher.destroy()
    },
  }
}

/** Name, value, name, value: undici takes them as they are. */
function fixedHeaders({ headers, auth }: HttpSpec): string[] {
  const basic = (username: string, password: string) =>
    `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  // That none of them is ours was checked when they were set.
  const named = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  if (!named.has('user-agent')) named.set('user-agent', userAgent)
  if (auth?.kind === 'basic') named.set('authorization', basic(auth.username, auth.password))
  else if (auth?.kind === 'bearer') named.set('authorization', `Bearer ${auth.token}`)
  else if (auth?.kind === 'oauth') named.delete('authorization')
  return [...named].flat()
}

function headersOf(attempt: Attempt, fixed: readonly string[], type: string, content: Buffer, sign?: Signer): string[] {
  const id = eventId(attempt.event.id)
  const timestamp = Math.floor(attempt.now / 1000)
  const headers = [
    ...fixed,
    'content-type',
    type,
    'webhook-id',
    id,
    'webhook-timestamp',
    String(timestamp),
    'traceparent',
    attempt.traceparent,
    'postern-delivery',
    attempt.delivery,
    'postern-attempt',
    String(attempt.number),
  ]
  if (sign !== undefined) headers.push('webhook-signature', sign(id, timestamp, content))
  if (attempt.replay !== null) headers.push('postern-replay', attempt.replay)
  return headers
}

/** Rejects with TimeUp once the time is over, and as soon as the gateway ends. */
async function within<Value>(
  attempt: Attempt,
  timeoutMs: number,
  what: string,
  ask: (signal: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const control = new AbortController()
  const { promise: over, reject } = Promise.withResolvers<never>()
  const stop = (reason: Error) => {
    reject(reason)
    control.abort(reason)
  }
  const abort = () => stop(new Error('the gateway ended'))
  const timer = setTimeout(() => stop(new TimeUp(`${what} within ${attempt.timeoutMs} ms`)), Math.ceil(timeoutMs))
  attempt.signal.addEventListener('abort', abort)
  try {
    return await Promise.race([ask(control.signal), over])
  } finally {
    clearTimeout(timer)
    attempt.signal.removeEventListener('abort', abort)
  }
}
