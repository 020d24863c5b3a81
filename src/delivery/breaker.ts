// Stops attempts to a destination that keeps failing, and lets one through now and then to see whether it is well again.
import type { BreakerState } from '../store/deliveries.ts'
import type { SubscriptionSpec } from './subscription.ts'

/** A cool-down is doubled up to this many times its first length. */
const coolDownFactorMax = 20

export class Breaker {
  readonly #options: SubscriptionSpec['breaker']
  #state: BreakerState

  constructor(options: SubscriptionSpec['breaker'], state: BreakerState, now: number) {
    this.#options = options
    this.#state = state
    this.#heedClock(now)
  }

  get state(): BreakerState {
    return this.#state
  }

  /** How many attempts may be under way at once: all, one probe, or none until `state.until`. */
  allowance(now: number): number {
    if (this.#state.state === 'closed') return Number.POSITIVE_INFINITY
    this.#heedClock(now)
    return this.#state.until !== null && now < this.#state.until ? 0 : 1
  }

  /** The probe is being made. Returns whether the state changed. */
  probing(): boolean {
    if (this.#state.state !== 'open') return false
    this.#state = { ...this.#state, state: 'half_open' }
    return true
  }

  /** Returns whether the state changed: closed again, or merely its count back at none. */
  succeeded(): boolean {
    const changed = this.#state.state !== 'closed'
    this.#state = { state: 'closed', failures: 0, opened: 0, until: null }
    return changed
  }

  /** Returns whether it opened now. One that fails though it began before it opened changes nothing. */
  failed(now: number): boolean {
    const { state, failures, opened } = this.#state
    const count = failures + 1
    if (state === 'open' || (state === 'closed' && count < this.#options.failures)) {
      this.#state = { ...this.#state, failures: count }
      return false
    }
    this.#state = { state: 'open', failures: count, opened: opened + 1, until: now + this.#coolDownMs(opened + 1) }
    return true
  }

  #coolDownMs(opened: number): number {
    return this.#options.coolDownMs * Math.min(2 ** Math.max(0, opened - 1), coolDownFactorMax)
  }

  /** A clock that was set back must not keep it open for longer than it may be. */
  #heedClock(now: number): void {
    const { until, opened } = this.#state
    const latest = now + this.#coolDownMs(opened)
    if (until !== null && until > latest) this.#state = { ...this.#state, until: latest }
  }
}
