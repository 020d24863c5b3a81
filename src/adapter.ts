// The contract that adapters fulfil: types only. The core owns the order receive → check → normalise → append;
// an adapter says what a request means and nothing else.
import type { ZodType } from 'zod'
import type { Check } from './checks/check.ts'
import type { HttpAuth } from './config/http.ts'
import type { EventData } from './event.ts'
import type { Json } from './json/parse.ts'
import type { Registrations } from './registration.ts'

/** A request as a check and an adapter see it. Its parsed forms are made once, when they are first asked for. */
export interface InboundRequest {
  readonly method: string
  /** The path after the source and its token, without slashes at its ends: `custom/backend_update_webhook`. */
  readonly rest: string
  /** The first path segment after the source, where the source's check reads one. */
  readonly pathToken: string | undefined
  /** The raw query without its `?`. */
  readonly query: string
  /** All headers in the order they came, in the case they came in. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** A header's value by its lower-case name; of several the first. */
  header(name: string): string | undefined
  /** The raw bytes, decompressed. */
  readonly body: Buffer
  /** The body as text; undefined where it is not UTF-8. A byte order mark is dropped. */
  readonly text: string | undefined
  /** The body as JSON with its numbers' digits kept, or why it is none. */
  readonly json: { ok: true; value: Json } | { ok: false; problem: string }
  /** SHA-256 of the body as it came, before any redaction: lower-case hex. */
  readonly sha256: string
  /** When it arrived, milliseconds since the epoch. */
  readonly receivedAt: number
  readonly address: string
}

/** An event as the adapter sees it, before it has an id and a place in the log. */
export interface Draft {
  type: string
  vendortype: string
  vendorid?: string | undefined
  /** The vendor's time as it was sent. */
  vendortime?: string | undefined
  /** The same as RFC 3339 (`rfc3339` of src/time.ts); the receipt's time where the vendor gives none. */
  time?: string | undefined
  /** `kind/id`, such as `loan/K0Z1Q`. */
  subject?: string | undefined
  environment?: string | undefined
  /** The vendor's tenant, where one source serves several: it becomes part of the namespace. */
  tenant?: string | undefined
  /**
   * What is the same when the vendor sends the same thing again, without the source's name. Parts must not be empty:
   * where the vendor leaves one out, use the body's hash, so that two events never become one.
   */
  dedupe: readonly string[]
  /** What suggests that two events tell one fact. */
  soft?: readonly string[] | undefined
  /**
   * SHA-256 (hex) of what must be the same for two requests with one dedupe key to be no conflict; the body's where
   * it is left out.
   */
  content?: string | undefined
  data: EventData
}

/** One or more drafts, or why the request is not understood: then it waits in quarantine. */
export type Normalised = { drafts: [Draft, ...Draft[]] } | { notUnderstood: string }

/** A request to send, signed or not yet. `rest` is the path after the source. */
export interface SampleRequest {
  method: string
  rest: string
  query: string
  pathToken?: string
  headers: Record<string, string>
  body: string
}

export interface SampleContext {
  /** Milliseconds since the epoch. */
  now: number
  /** A new UUID at each call, so that no two samples are duplicates. */
  uuid(): string
}

/** How handlers call the vendor back: `vendor.fetch('/loan-requests/K0Z1Q')`. */
export interface ApiOptions {
  /** What every call is below; for events of all instances but those that `instances` names. */
  baseUrl?: string | undefined
  /** OAuth 2.0 client credentials, a bearer token, or Basic. */
  auth?: HttpAuth | undefined
  /** Where each of the vendor's instances has its own, by the `data.instance` of their events. */
  instances?: Readonly<Record<string, { baseUrl: string; auth?: HttpAuth | undefined }>> | undefined
  /** For one call, all in all. Default 10,000 ms. */
  timeoutMs?: number | undefined
}

/** Options of every source; an adapter adds its own. */
export interface SourceOptions {
  environment?: string | undefined
  /** IANA name; how times without an offset are read. Default `UTC`. */
  timezone?: string | undefined
  /** ISO 4217; the currency of amounts whose vendor names none. */
  currency?: string | undefined
  /** What identifiers are unique within; default the source's name. */
  namespace?: string | undefined
  /** The name this source had before: ids go on being derived from it, and its old URL goes on working. */
  formerly?: string | undefined
  /** Largest body in bytes, after decompression. Default 16 MiB. */
  bodyBytesMax?: number | undefined
  /** Dotted paths of JSON members (`data.metadata.token`, `*` for any one name) or form fields never to be kept. */
  redact?: readonly string[] | undefined
  /** `payload`: events can also be found by the words of their requests' bodies, the first 64 KiB of each. */
  search?: 'payload' | undefined
  retentionDays?: number | undefined
  /** Default none: handlers cannot call the vendor back. */
  api?: ApiOptions | undefined
}

/** What an adapter's `normalise` is given beside the request. */
export interface NormaliseOptions extends SourceOptions {
  source: string
  timezone: string
}

export interface Adapter<Options extends SourceOptions = SourceOptions> {
  readonly vendor: string
  /** Schema of the options that only this adapter has. */
  readonly options: ZodType
  /** The methods it takes at a sub-path; empty where the path means nothing to it. Default POST everywhere. */
  methods?(rest: string): readonly string[]
  /** Pure, total, deterministic: the same request gives the same drafts for ever. */
  normalise(request: InboundRequest, options: Options & NormaliseOptions): Normalised
  /** The vendor's types that `sample` can make; the first is the default. */
  readonly sampleTypes: readonly string[]
  /** A realistic request of one type, new each time, unsigned: the source's check signs it. */
  sample(type: string, context: SampleContext, options: Options & NormaliseOptions): SampleRequest
  /** What to enter in the vendor's console: one line a step. */
  setup(url: string, options: Options): readonly string[]
  /** Where the vendor has an API for it: how its side is set up. */
  readonly registrations?: Registrations<Options>
  /** Where `setup` is not enough and there is no API that one may call: what to do by hand, one line a step. */
  guide?(url: string, options: Options): readonly string[]
  /** Paths that are always redacted, beside the source's own. */
  readonly redact?: readonly string[]
  /** Headers (lower-case) that carry a secret whichever check is configured. */
  readonly secretHeaders?: readonly string[]
}

/** A configured entrance as an adapter's factory returns it, before the core gives it its name. */
export interface SourceDefinition {
  readonly adapter: Adapter
  readonly check: Check<string> | Unverified
  readonly options: SourceOptions
}

/** Says that a source takes what anybody sends, and why. Warned of at every start. */
export interface Unverified {
  readonly kind: 'unverified'
  readonly why: string
}
