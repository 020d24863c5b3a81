// How a vendor's side is set up over its API, as an adapter describes it: what is wanted, how to read what is there,
// and the requests that bring one to the other. Types only; the core makes the calls, and an adapter makes none.
import type { NormaliseOptions, SourceOptions } from './adapter.ts'
import type { Credential } from './checks/check.ts'
import type { SecretUse } from './config/secret.ts'
import type { Json } from './json/parse.ts'

/** A call to the vendor's API; the core adds the credentials of the source's `api`. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `api.baseUrl`. */
  path: string
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  body?: object
  /** A reading that may fail: its answer is then undefined. */
  optional?: boolean
}

export interface RegistrationContext<Options extends SourceOptions = SourceOptions> {
  /** The source's payload URL without a slash at its end. Its path token, if it has one, is a secret. */
  url: string
  /** What the source's check wants of a sender; undefined where that cannot be said, such as a signature. */
  credentials: readonly Credential[] | undefined
  options: Options & NormaliseOptions
  /** A new one at each call. */
  uuid(): string
}

/** One registration as the configuration wants it. */
export interface WantedRegistration {
  /** What it goes by at the vendor's: the event, or the registration's own name. */
  name: string
  url: string
  /** The events it is for, in the vendor's words. */
  events: readonly string[]
  /** How it proves itself, without a secret, for comparing with what the vendor has: `Basic arix`. */
  credentials: string
  /** What else must be so, for comparing, where the vendor says it: `POST`, `json`. */
  settings?: string
}

/** One registration as the vendor has it. */
export interface Registration {
  id: string
  name: string
  url: string
  events: readonly string[]
  suspended: boolean
  /** In the words of WantedRegistration; undefined where the vendor does not say. */
  credentials: string | undefined
  settings?: string | undefined
  /** False for what is no webhook, such as an e-mail: it is never taken for one of ours. */
  isWebhook: boolean
}

export interface Wanted {
  registrations: readonly WantedRegistration[]
  /** What the vendor's API cannot be told, and people must see to. */
  notes: readonly string[]
}

export interface Registrations<Options extends SourceOptions = SourceOptions> {
  /** What the `api` of such a source is like, for who has set none. */
  apiExample: string
  /** Secrets of options that only registering needs. Others have made them: they are never minted. */
  secrets?(options: Options): readonly SecretUse[]
  /** The readings, in order. Their answers go to `read` and to `wanted`. */
  readings(context: RegistrationContext<Options>): readonly ApiRequest[]
  /** What the vendor has of this source's concern; or why the answers make no sense. */
  read(
    answers: readonly (Json | undefined)[],
    context: RegistrationContext<Options>,
  ): readonly Registration[] | { problem: string }
  /** What the configuration wants; or the setting that must be put right first. */
  wanted(context: RegistrationContext<Options>, answers: readonly (Json | undefined)[]): Wanted | { problem: string }
  /** Whether a registration of the vendor's is this one, right or wrong. `leadsHere`: its URL is this source's. */
  isFor(known: Registration, wanted: WantedRegistration, leadsHere: boolean): boolean
  /**
   * The requests that make it, or bring `known` to it. Several ways where vendors differ: each is tried when the one
   * before it was refused.
   */
  put(
    wanted: WantedRegistration,
    known: Registration | undefined,
    all: readonly Registration[],
    context: RegistrationContext<Options>,
  ): readonly [way: readonly ApiRequest[], ...others: (readonly ApiRequest[])[]]
  remove(known: Registration, context: RegistrationContext<Options>): ApiRequest
  /** Why an answer of status 200 is a refusal all the same. */
  refusal?(answer: Json): string | undefined
}
