// A source as the ingest works with it: its definition under its name, with every default filled in.
import type { Adapter, NormaliseOptions, SourceDefinition, SourceOptions, Unverified } from '../adapter.ts'
import { type Check, readsNothing } from '../checks/check.ts'
import { type Scrubber, scrubber } from './scrub.ts'
import type { SourceIdentity } from './seal.ts'

export interface Source extends SourceIdentity {
  readonly adapter: Adapter
  /** Undefined for a source that says `unverified`. */
  readonly check: Check<string> | undefined
  readonly unverified: Unverified | undefined
  readonly options: SourceOptions & NormaliseOptions
  readonly bodyBytesMax: number
  readonly redact: readonly string[]
  readonly scrub: Scrubber
  /** Whether the first path segment after the source is a token. */
  readonly hasPathToken: boolean
}

export const bodyBytesMaxDefault = 16 * 1024 * 1024

export function sourceOf(name: string, { adapter, check, options }: SourceDefinition): Source {
  const verified = check.kind === 'unverified' ? undefined : (check as Check<string>)
  const identity = options.formerly ?? name
  return {
    name,
    identity,
    vendor: adapter.vendor,
    namespace: options.namespace ?? identity,
    adapter,
    check: verified,
    unverified: verified === undefined ? (check as Unverified) : undefined,
    options: { ...options, source: name, timezone: options.timezone ?? 'UTC' },
    bodyBytesMax: options.bodyBytesMax ?? bodyBytesMaxDefault,
    redact: [...(adapter.redact ?? []), ...(options.redact ?? [])],
    scrub: scrubber(verified?.reads ?? readsNothing, adapter.secretHeaders ?? []),
    hasPathToken: verified?.reads.pathToken ?? false,
  }
}
