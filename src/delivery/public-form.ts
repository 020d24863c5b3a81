// A subscription as people may see it, and as it is stored: its options, and of its secrets only that there are some.
import type { AuthSpec, HttpSpec, SubscriptionSpec } from './subscription.ts'

export type PublicForm = Omit<SubscriptionSpec, 'name' | 'origin' | 'to'> & { to: PublicHttp | PublicHandler }

export interface PublicHandler {
  kind: 'handler'
  memoryMiB: number
}

export interface PublicHttp {
  kind: 'http'
  /** A query reads `?…`: keys travel there. So does the path of a Slack or Teams URL, which is the key. */
  url: string
  format: HttpSpec['format']
  /** By how many secrets each attempt is signed. */
  signatures: number
  /** The names of the headers that are sent with every attempt. */
  headers: string[]
  auth: { kind: 'basic'; username: string } | { kind: 'bearer' } | PublicOAuth | null
  tls: { cert: boolean; ca: boolean } | null
  /** Scheme, host and port. */
  proxy: string | null
  deadOn: readonly number[]
  connectTimeoutMs: number
  headersTimeoutMs: number
  bodyTimeoutMs: number
}

interface PublicOAuth {
  kind: 'oauth'
  tokenUrl: string
  clientId: string
  scopes: readonly string[]
  audience: string | null
}

export function publicForm({ name: _, origin: __, to, ...options }: SubscriptionSpec): PublicForm {
  return { ...options, to: to.kind === 'http' ? publicHttp(to) : { kind: 'handler', memoryMiB: to.memoryMiB } }
}

/** Member by member: one that is added later stays unseen until somebody has thought about it. */
function publicHttp(to: HttpSpec): PublicHttp {
  const { format, deadOn, connectTimeoutMs, headersTimeoutMs, bodyTimeoutMs, tls, proxy, auth } = to
  return {
    kind: 'http',
    url: publicUrl(to.url, format === 'slack' || format === 'teams'),
    format,
    signatures: to.secrets.length,
    headers: Object.keys(to.headers),
    auth: auth === undefined ? null : publicAuth(auth),
    tls: tls === undefined ? null : { cert: tls.cert !== undefined, ca: tls.ca !== undefined },
    proxy: proxy === undefined ? null : new URL(proxy).origin,
    deadOn,
    connectTimeoutMs,
    headersTimeoutMs,
    bodyTimeoutMs,
  }
}

function publicAuth(auth: AuthSpec): PublicHttp['auth'] {
  switch (auth.kind) {
    case 'basic':
      return { kind: 'basic', username: auth.username }
    case 'bearer':
      return { kind: 'bearer' }
    case 'oauth': {
      const { tokenUrl, clientId, scopes, audience = null } = auth
      return { kind: 'oauth', tokenUrl: publicUrl(tokenUrl, false), clientId, scopes, audience }
    }
  }
}

function publicUrl(text: string, pathIsSecret: boolean): string {
  const { origin, pathname, search } = new URL(text)
  return `${origin}${pathIsSecret ? '/…' : pathname}${search === '' ? '' : '?…'}`
}
