// What a flow is given, and who hears of what happens in it. Types only.
import type { Chance, Clock } from '../clock.ts'
import type { AttemptAttributes } from '../observe/traces.ts'
import type { BreakerState, Deliveries, Settlement } from '../store/deliveries.ts'
import type { StoredEvent } from '../store/record.ts'
import type { Outcome } from './destination.ts'
import type { Leases } from './leases.ts'

/** What a flow is given of the engine. */
export interface FlowParts {
  store: Deliveries
  /** In step with the store's. */
  clock: Clock
  chance: Chance
  leases: Leases
  /** Takes an attempt's end; it is written with those of other flows. `written` is told whether it counted. */
  settle(settlement: Settlement, written: (counted: boolean) => void): void
  /** Sends what was settled so far, before what is asked for next. */
  flush(): void
  /** Runs an attempt within its trace. */
  traced(
    event: StoredEvent,
    attributes: AttemptAttributes,
    run: (traceparent: string) => Promise<Outcome>,
  ): Promise<Outcome>
  watcher: FlowWatcher
}

/** Who hears of what happens. */
export interface FlowWatcher {
  attempted(subscription: string, outcome: Outcome, elapsedMs: number): void
  died(subscription: string, event: StoredEvent, attempts: number, outcome: Outcome): void
  breakerChanged(subscription: string, state: BreakerState, event: StoredEvent, outcome: Outcome): void
  /** It has been paused by its destination. */
  gone(subscription: string, event: StoredEvent, outcome: Outcome): void
  /** Leases that no longer held: what was not begun under them is dropped, what was does not count. */
  leasesLost(subscription: string, count: number): void
  /** Events that retention took before the feed came to them. */
  missed(subscription: string, count: number): void
  /** Events that its filter could not be evaluated on. */
  unfiltered(subscription: string, count: number): void
  failed(subscription: string, error: unknown): void
  /** It is delivered no more: it was removed. */
  ended(subscription: string): void
}
