// Whether an event is for a subscription. The feed asks this of every event: what events of one kind share is decided
// once for all of them, and an event's content is only asked for where a filter reads it.
import { matchesGlob } from '../globs.ts'
import type { Plain } from '../json/plain.ts'
import type { Scanned } from '../store/deliveries.ts'
import { type StoredEvent, toEvent } from '../store/record.ts'
import { compileFilter } from './filter.ts'
import type { SubscriptionSpec } from './subscription.ts'

export type Wanted = Pick<SubscriptionSpec, 'types' | 'vendorTypes' | 'sources' | 'filter' | 'skipSame'>

/** What makes up a kind. */
export type Kind = Pick<Scanned, 'source' | 'type' | 'vendortype'>

/**
 * - `yes`, `no`
 * - `failed`: the filter cannot be evaluated on this event, which is therefore not delivered
 */
export type Verdict = 'yes' | 'no' | 'failed'

export interface Matcher {
  /** What the log's columns say; `filter`: the content decides. */
  scanned(event: Pick<Scanned, 'kind' | 'hasSame'> & Kind): 'yes' | 'no' | 'filter'
  /** What the filter says of one of which `scanned` said `filter`. */
  filtered(event: StoredEvent): Verdict
  /** All in all, of an event alone. */
  matches(event: StoredEvent): Verdict
}

/** Kinds come of vendors' type names: a stranger who passes a check can make up many. */
const kindsMax = 10_000

/** Throws TypeError for a filter that is none; specs that were checked have a good one. */
export function matcher(wanted: Wanted): Matcher {
  const filter = wanted.filter === null ? undefined : compileFilter('filter', wanted.filter)
  const kinds = new Map<number, boolean>()
  const wantsKind = (kind: Kind) => matchesKind(wanted, kind)
  const filtered = (event: StoredEvent): Verdict => {
    if (filter === undefined) return 'yes'
    const passes = filter(toEvent(event) as unknown as Plain)
    return passes === undefined ? 'failed' : passes ? 'yes' : 'no'
  }
  return {
    scanned(event) {
      let wants = kinds.get(event.kind)
      if (wants === undefined) {
        if (kinds.size >= kindsMax) kinds.clear()
        wants = wantsKind(event)
        kinds.set(event.kind, wants)
      }
      if (!wants || (event.hasSame && wanted.skipSame)) return 'no'
      return filter === undefined ? 'yes' : 'filter'
    },
    filtered,
    matches(event) {
      if (!wantsKind(event) || (event.sameas !== null && wanted.skipSame)) return 'no'
      return filtered(event)
    },
  }
}

const own = 'postern.'

function matchesKind({ types, vendorTypes, sources }: Wanted, { source, type, vendortype }: Kind): boolean {
  if (sources.length > 0 && !sources.some(pattern => matchesGlob(pattern, source))) return false
  const isOwn = type.startsWith(own)
  if (types.length === 0 && vendorTypes.length === 0) return !isOwn
  const any = (patterns: readonly string[], name: string) =>
    patterns.some(pattern => (!isOwn || pattern.startsWith(own)) && matchesGlob(pattern, name))
  return any(types, type) || any(vendorTypes, vendortype)
}
