// An HTTP endpoint as a configuration file says it: types for its author. `src/config/subscriptions.ts` checks it, and
// nothing here ever reads a secret.
import type { Secret, SecretLike } from './secret.ts'

export type HttpAuth =
  /** RFC 7617. */
  | { kind: 'basic'; username: string; password: string | Secret }
  | { kind: 'bearer'; token: string | Secret }
  /** OAuth 2.0 client credentials: a token is asked for, kept until shortly before its end, and renewed after a 401. */
  | {
      kind: 'oauth'
      /** https, or http where it is on this machine or in a private network. */
      tokenUrl: string
      clientId: string
      clientSecret: string | Secret
      /** Default none. */
      scopes?: readonly string[]
      audience?: string
    }

export interface HttpTls {
  /** The client's certificate with its chain: PEM text, or the path of a file that holds it. */
  cert?: string | Secret
  /** Its private key, likewise. */
  key?: string | Secret
  /** Whose server certificates are trusted, in place of the usual ones; likewise. */
  ca?: string | Secret
}

export interface HttpOptions {
  /** http or https, without credentials (see `auth`) and without a fragment. */
  url: string
  /**
   * Standard Webhooks secrets, `whsec_` and base64 of 24 to 64 bytes; of several, newest first, each attempt carries a
   * signature by each. Default: attempts are not signed.
   */
  secret?: SecretLike
  /** `original` sends the vendor's bytes, signed by us. Default `cloudevent`. */
  format?: 'cloudevent' | 'original'
  /** Sent with every attempt, such as `{ 'x-tenant': 'eu' }`. Default none. */
  headers?: Readonly<Record<string, string | Secret>>
  /** Default none. */
  auth?: HttpAuth
  /** Default: no client certificate, and the certificate authorities that Node knows. */
  tls?: HttpTls
  /** URL of an HTTP proxy, with its credentials where it wants some. Default none. */
  proxy?: string | Secret
  /** Statuses, 300 to 599, that end a delivery at once: it is dead, and not tried again. Default none. */
  deadOn?: readonly number[]
  /** Until there is a connection. Default 5,000 ms. */
  connectTimeoutMs?: number
  /** Until the answer's headers are there. Default 10,000 ms. */
  headersTimeoutMs?: number
  /** From the answer's headers to its end, of which 16 KiB are read at most. Default 10,000 ms. */
  bodyTimeoutMs?: number
}

/** What `http()` makes, and `slack()` and `teams()`, whose URL is a secret and whose format is their own. */
export interface HttpDestination extends Omit<HttpOptions, 'url' | 'format'> {
  readonly kind: 'http'
  readonly url: string | Secret
  readonly format?: 'cloudevent' | 'original' | 'slack' | 'teams'
}

/** An HTTP endpoint that events go to. What is wrong with it is said at start, with the subscription's name. */
export function http(options: HttpOptions): HttpDestination {
  return { ...options, kind: 'http' }
}
