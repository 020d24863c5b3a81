// What a check is: one proof that a request is genuine. A check fails closed, answers with a verdict and never throws
// for what a stranger sent. It says what it reads, so that the core can scrub those places from what it keeps.
import type { InboundRequest, SampleRequest } from '../adapter.ts'
import type { SecretUse } from '../config/secret.ts'

/**
 * Why a request was refused, in the core's words:
 * `unauthenticated` 401, `forbidden` 403 (address), `not_found` 404 (path token), `unreadable` 400 (a body that must be
 * read to be checked and cannot), `unavailable` 503 (our own trouble, such as an identity provider that is away).
 */
export type Refusal = 'unauthenticated' | 'forbidden' | 'not_found' | 'unreadable' | 'unavailable'

export type Verdict =
  | { ok: true; by: string }
  | {
      ok: false
      refusal: Refusal
      /** For the log and the rejection record: which part failed and how, never a secret or part of a MAC. */
      reason: string
      /** The value of WWW-Authenticate, where the scheme has one. */
      challenge?: string
      /** No credential was sent at all: a client that waits for a challenge. */
      missing?: boolean
    }

/** The places of a request that a check reads, whatever they hold. Header names are lower-case. */
export interface Reads {
  headers: readonly string[]
  pathToken: boolean
  query: readonly string[]
}

export interface SignContext {
  /** Milliseconds since the epoch. */
  now: number
}

/** What a sender must have so that it passes, for setting up its side. Holds secrets: never printed as it is. */
export type Credential =
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'header'; name: string; value: string }
  /** A token that the sender asks the issuer for, as a client of it; that client's secret is not ours to know. */
  | { kind: 'oidc'; issuer: string; clientId: string | undefined; scope: string | undefined }

/**
 * `Vendor` is `never` for a check that fits any source; a vendor's own check fits that vendor's sources only.
 */
export interface Check<Vendor extends string = never> {
  readonly kind: string
  readonly forVendor?: Vendor
  readonly reads: Reads
  /** A check that needs no body is made before the body is read. */
  readonly needsBody: boolean
  readonly secrets: readonly SecretUse[]
  verify(request: InboundRequest): Verdict | Promise<Verdict>
  /** Makes a sample genuine, where the secret at hand can: undefined where it cannot (a public key, a foreign token). */
  sign?(sample: SampleRequest, context: SignContext): SampleRequest | undefined
  /**
   * What the sender must have beside its URL; empty where it needs nothing. Left out where that cannot be said in these
   * words (a signature). Throws where a secret of it is not set.
   */
  credentials?(): readonly Credential[]
  /** The parts of allOf and anyOf. */
  readonly parts?: { readonly every: boolean; readonly checks: readonly Check<string>[] }
  /** True where it proves little alone: an address. */
  readonly weak?: boolean
  /** Whether this first path segment is a right token; only path tokens have it. */
  ownsSegment?(segment: string): boolean
}

export const readsNothing: Reads = { headers: [], pathToken: false, query: [] }

export function passed(by: string): Verdict {
  return { ok: true, by }
}

export function refused(
  refusal: Refusal,
  reason: string,
  extra: { challenge?: string; missing?: boolean } = {},
): Verdict {
  return { ok: false, refusal, reason, ...extra }
}
