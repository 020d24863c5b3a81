// Access tokens by OAuth 2.0 client credentials: kept while they live, renewed shortly before their end and after a
// refusal, one request at a time. A token or a secret is never in an error: those name the host and OAuth's own code.
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  clientCredentialsGrantRequest,
  customFetch,
  processClientCredentialsResponse,
  ResponseBodyError,
} from 'oauth4webapi'
import type { Clock } from '../clock.ts'
import { bodyBytes } from './limited-body.ts'
import type { OAuthSpec } from './subscription.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface TokenSource {
  /** The token to send now. Rejects with TokenUnavailable, or with the signal's reason as soon as it is aborted. */
  token(signal?: AbortSignal): Promise<string>
  /** Says that this token was answered with 401: the next one asked for is a new one. */
  refused(token: string): void
}

/** Why there is no token, for people. */
export class TokenUnavailable extends Error {
  override readonly name = 'TokenUnavailable'
}

export interface TokenParts {
  fetch: Fetch
  clock: Clock
  /** For one refresh. Default 10 s. */
  timeoutMs?: number
}

interface Token {
  text: string
  obtainedAt: number
  /** From now on it is renewed in the background, and goes on serving. */
  renewAt: number
  /** From now on it no longer serves: it might end on its way. */
  endsAt: number
}

/** Before its end a token is renewed by so much, or by a tenth of its life where that is less. */
const aheadMs = 60_000
/** The life of a token whose answer does not say. */
const unsaidLifeMs = 300_000
/** How soon after a failure the endpoint is asked again, and after a refusal the next one is listened to. */
const coolDownMs = 5_000
const answerBytesMax = 1024 * 1024

export function clientCredentials(spec: OAuthSpec, { fetch, clock, timeoutMs = 10_000 }: TokenParts): TokenSource {
  const { host, origin, protocol } = new URL(spec.tokenUrl)
  const server: AuthorizationServer = { issuer: origin, token_endpoint: spec.tokenUrl }
  const client = { client_id: spec.clientId }
  const parameters = {
    ...(spec.scopes.length === 0 ? {} : { scope: spec.scopes.join(' ') }),
    ...(spec.audience === undefined ? {} : { audience: spec.audience }),
  }
  // RFC 6749, 2.3.1: servers must take Basic. Those that do not take the secret in the body.
  let ways: readonly [ClientAuth, ...ClientAuth[]] = [
    ClientSecretBasic(spec.clientSecret),
    ClientSecretPost(spec.clientSecret),
  ]
  let current: Token | undefined
  let refreshing: Promise<Token> | undefined
  let failure: { at: number; error: TokenUnavailable } | undefined
  let refusedAt = -Infinity

  const request = async (way: ClientAuth): Promise<Token> => {
    const askedAt = clock.now()
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await clientCredentialsGrantRequest(server, client, way, parameters, {
      [allowInsecureRequests]: protocol === 'http:',
      signal,
      async [customFetch](url, { body, ...init }) {
        const answer = await fetch(url, { ...init, signal, body: String(body) })
        // Only what is needed is handed on: with a challenge among the headers the error's code would go unread.
        const contentType = answer.headers.get('content-type') ?? ''
        const text = await bodyBytes(answer, answerBytesMax)
        return new Response(text.length === 0 ? null : new Uint8Array(text), {
          status: answer.status,
          headers: { 'content-type': contentType },
        })
      },
    })
    const { access_token: text, expires_in: lifeSeconds } = await processClientCredentialsResponse(
      server,
      client,
      response,
    )
    // It becomes a header; an error about a bad one would repeat it.
    if (!/^[\x21-\x7e]+$/.test(text)) throw new Error('the token has characters that no header can carry')
    const lifeMs = lifeSeconds === undefined ? unsaidLifeMs : lifeSeconds * 1000
    const ahead = Math.min(aheadMs, lifeMs / 10)
    const end = askedAt + lifeMs
    return { text, obtainedAt: askedAt, renewAt: end - ahead, endsAt: end - ahead / 2 }
  }

  const obtain = async (): Promise<Token> => {
    try {
      const token = await request(ways[0]).catch(error => {
        const other = ways[1]
        if (other === undefined || codeOf(error) !== 'invalid_client') throw error
        return request(other).then(token => {
          ways = [other]
          return token
        })
      })
      current = token
      failure = undefined
      return token
    } catch (error) {
      failure = { at: clock.now(), error: new TokenUnavailable(`no token from ${host}: ${reasonOf(error, timeoutMs)}`) }
      throw failure.error
    } finally {
      refreshing = undefined
    }
  }

  const refresh = (): Promise<Token> => {
    if (refreshing !== undefined) return refreshing
    if (failure !== undefined && within(failure.at, coolDownMs, clock.now())) return Promise.reject(failure.error)
    refreshing = obtain()
    return refreshing
  }

  return {
    async token(signal) {
      signal?.throwIfAborted()
      const now = clock.now()
      // A clock that was set back would make it live on past its end.
      if (current !== undefined && current.obtainedAt <= now && now < current.endsAt) {
        if (now >= current.renewAt) refresh().catch(() => {})
        return current.text
      }
      const { text } = await patient(refresh(), signal)
      return text
    },
    refused(token) {
      // One that refuses every token must not have us ask for one at each try.
      if (current?.text !== token || within(refusedAt, coolDownMs, clock.now())) return
      refusedAt = clock.now()
      current = undefined
    },
  }
}

function within(since: number, lengthMs: number, now: number): boolean {
  return now >= since && now - since < lengthMs
}

/** The promise, for as long as the signal lets one wait: a refresh goes on for those who wait longer. */
async function patient<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return await promise
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** OAuth's code, where there is one that looks like it: an answer may repeat what it was sent. */
function codeOf(error: unknown): string | undefined {
  return error instanceof ResponseBodyError && /^[a-z_]{3,40}$/.test(error.error) ? error.error : undefined
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const code = codeOf(error)
  if (code !== undefined) return code
  if (!(error instanceof Error)) return 'it cannot be asked'
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs} ms`
  if (error instanceof ResponseBodyError) return `it answered ${error.status}`
  const { cause, code: own } = error as NodeJS.ErrnoException & { cause?: unknown }
  if (own?.startsWith('OAUTH_')) {
    return cause instanceof Response && cause.status !== 200
      ? `it answered ${cause.status}`
      : 'its answer is no token response'
  }
  // Of the libraries' texts only those of the network are told: others may repeat the answer.
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.name
  return own ?? error.message
}
