// A subscription as the delivery works with it: every option with its default filled in, every secret resolved. Plain
// data, so that it can be handed to another thread; it holds secrets and is never printed or stored as it is.

/** How an attempt's content is written. `original`: the vendor's bytes. */
export type Format = 'cloudevent' | 'original' | 'slack' | 'teams'

export interface OAuthSpec {
  tokenUrl: string
  clientId: string
  clientSecret: string
  scopes: readonly string[]
  audience?: string | undefined
}

export type AuthSpec =
  | { kind: 'basic'; username: string; password: string }
  | { kind: 'bearer'; token: string }
  | ({ kind: 'oauth' } & OAuthSpec)

export interface HttpSpec {
  kind: 'http'
  url: string
  format: Format
  /** Standard Webhooks secrets, newest first: each attempt is signed by all. Empty: unsigned. */
  secrets: readonly string[]
  /** Sent with every attempt. */
  headers: Readonly<Record<string, string>>
  auth?: AuthSpec | undefined
  /** PEM texts. */
  tls?: { cert?: string | undefined; key?: string | undefined; ca?: string | undefined } | undefined
  /** An HTTP proxy's URL; only the configuration file may name one. */
  proxy?: string | undefined
  /** Statuses that end a delivery at once. */
  deadOn: readonly number[]
  connectTimeoutMs: number
  headersTimeoutMs: number
  bodyTimeoutMs: number
}

/** A function of the configuration file, found by the subscription's name where it runs. */
export interface HandlerSpec {
  kind: 'handler'
  /** Heap of its worker thread. */
  memoryMiB: number
}

/** Where the first cursor is set. */
export type Start = 'now' | 'beginning' | { sequence: number } | { time: string }

export interface SubscriptionSpec {
  name: string
  origin: 'config' | 'api'
  /** Globs; an event matches if any of `types` or any of `vendorTypes` matches it. Both empty: every event but our own. */
  types: readonly string[]
  vendorTypes: readonly string[]
  /** Globs of source names; empty: all. */
  sources: readonly string[]
  /** JMESPath over the event; what it gives must be truthy. */
  filter: string | null
  /** Attempts at once, in each node. */
  concurrency: number
  rate: { limit: number; intervalMs: number } | null
  order: 'none' | 'subject'
  /** What a dead delivery does to its lane. */
  onDead: 'hold' | 'skip'
  retry: {
    /** Waiting before each attempt: as many attempts as entries. */
    scheduleMs: readonly number[]
    /** Up to this share is added by chance. */
    jitter: number
  }
  breaker: {
    /** Consecutive failures that open it. */
    failures: number
    /** Until the first probe; doubled with each probe that fails, up to twenty times as long. */
    coolDownMs: number
  }
  /** For one attempt, all in all. */
  timeoutMs: number
  include: readonly 'original'[]
  /** Leaves out events that carry `sameas`. */
  skipSame: boolean
  start: Start
  to: HttpSpec | HandlerSpec
}
