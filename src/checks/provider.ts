// An OIDC provider's keys: discovery and key set, kept for a while, and asked for seldom however many strangers knock.
// What goes wrong here is the provider's trouble or ours, never the sender's: it is thrown as ProviderAway.
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type ExportedJWKSCache, errors, jwksCache } from 'jose'
import type { TokenKey } from './token.ts'

export interface ProviderTiming {
  /** For discovery and key set together. Default 5 s. */
  timeoutMs: number
  /** How soon after a fetch an unknown key id may cause another. Default 30 s. */
  cooldownMs: number
  /** How long keys are used before they are fetched again. Default 10 min. */
  cacheMs: number
  /** How soon after a failure the provider is asked again. Default 5 s. */
  retryMs: number
  /** For how long after their fetch keys serve while the provider is away: a withdrawn key must end some day. Default 24 h. */
  staleMs: number
}

export const providerTiming: ProviderTiming = {
  timeoutMs: 5_000,
  cooldownMs: 30_000,
  cacheMs: 600_000,
  retryMs: 5_000,
  staleMs: 86_400_000,
}

export class ProviderAway extends Error {
  override readonly name = 'ProviderAway'
}

/** Discovery documents and key sets have a few kB. */
const documentBytesMax = 1024 * 1024

/** Finds a token's key among the provider's. Throws ProviderAway, or jose's error where no key fits. */
export function providerKeys(issuer: string, jwksUri: string | undefined, timing: ProviderTiming): TokenKey {
  let failure: { at: number; error: ProviderAway } | undefined
  const cache: Partial<ExportedJWKSCache> = {}
  const remote = createRemoteJWKSet(discoveryUrl(issuer), {
    timeoutDuration: timing.timeoutMs,
    cooldownDuration: timing.cooldownMs,
    cacheMaxAge: timing.cacheMs,
    [jwksCache]: cache as Record<string, never>,
    // Discovery is part of every fetch of the keys: a key set that has moved is found, and there is one thing to hold back.
    async [customFetch](_url, { signal }) {
      if (failure !== undefined && performance.now() - failure.at < timing.retryMs) throw failure.error
      try {
        const keySet = await getJson(jwksUri ?? (await discover(issuer, signal)), signal)
        // Judged here, where it is still the provider's trouble.
        createLocalJWKSet(keySet as Parameters<typeof createLocalJWKSet>[0])
        failure = undefined
        return Response.json(keySet)
      } catch (error) {
        const reason =
          error instanceof Error ? [error.message, causeOf(error)].filter(Boolean).join(': ') : String(error)
        failure = { at: performance.now(), error: new ProviderAway(`the identity provider is away: ${reason}`) }
        throw failure.error
      }
    },
  })

  let stale: { keySet: object; find: ReturnType<typeof createLocalJWKSet> } | undefined
  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (error) {
      const { jwks: keySet, uat: fetchedAt = 0 } = cache
      if (!(error instanceof ProviderAway) || keySet === undefined) throw error
      if (Date.now() - fetchedAt > timing.staleMs) throw error
      if (stale?.keySet !== keySet) stale = { keySet, find: createLocalJWKSet(keySet) }
      try {
        return await stale.find(header, token)
      } catch (missing) {
        // The key may be a new one: only the provider could say.
        throw missing instanceof errors.JWKSNoMatchingKey ? error : missing
      }
    }
  }
}

/** Throws TypeError unless the text is an https URL, or an http one to this machine. */
export function assertProviderUrl(setting: string, text: string): void {
  if (!isProviderUrl(text)) {
    throw new TypeError(`${setting}: expected an https URL (http for loopback alone), got ${String(text)}`)
  }
}

function isProviderUrl(text: unknown): text is string {
  if (typeof text !== 'string' || !URL.canParse(text)) return false
  const { protocol, hostname, hash } = new URL(text)
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
  return hash === '' && (protocol === 'https:' || (protocol === 'http:' && loopback))
}

function discoveryUrl(issuer: string): URL {
  return new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
}

async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const document = (await getJson(discoveryUrl(issuer).href, signal)) as { issuer?: unknown; jwks_uri?: unknown } | null
  // OpenID Connect Discovery, 4.3: it must be identical, or keys of one issuer would serve another.
  if (document?.issuer !== issuer) throw new Error('the discovery document is of another issuer')
  if (!isProviderUrl(document.jwks_uri)) throw new Error('the discovery document has no https jwks_uri')
  return document.jwks_uri
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > documentBytesMax) throw new Error(`${url} answered more than ${documentBytesMax} bytes`)
    chunks.push(chunk)
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

function causeOf(error: Error): string | undefined {
  return error.cause instanceof Error ? error.cause.message : undefined
}
