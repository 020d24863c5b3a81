// Stops attempts to a destination that keeps failing, and lets one through now and then to see whether it is well again.
import { type BreakerState, closedBreaker } from '../store/deliveries.ts'
import type { SubscriptionSpec } from './subscription.ts'

/** A cool-down is doubled up to this many times its first length. */
const coolDownFactorMax = 20

export type BreakerOptions = SubscriptionSpec['breaker'] & {
  /** How long a probe may take, where others wait for it. Default 0. */
  probeMs?: number
}

export class Breaker {
  readonly #options: BreakerOptions
  #state: BreakerState
  /** The probe is made here. */
  #isProbing = false

  constructor(options: BreakerOptions, state: BreakerState, now: number) {
    this.#options = options
    this.#state = state
    this.#heedClock(now)
  }

  get state(): BreakerState {
    return this.#state
  }

  get isProbing(): boolean {
    return this.#isProbing
  }

  /** How many attempts may be under way at once: all, one probe, or none until `state.until`. */
  allowance(now: number): number {
    if (this.#state.state === 'closed') return Number.POSITIVE_INFINITY
    this.#heedClock(now)
    if (this.#isProbing) return 1
    return this.#state.until !== null && now < this.#state.until ? 0 : 1
  }

  /** The probe is being made here; nobody else makes one before `until`. Returns whether the state changed. */
  probing(until: number | null = this.#state.until): boolean {
    if (this.#state.state === 'closed') return false
    this.#isProbing = true
    if (this.#state.state === 'half_open' && this.#state.until === until) return false
    this.#state = { ...this.#state, state: 'half_open', until }
    return true
  }

  /** The probe is made here no longer, and may be made at once. Returns whether it was. */
  gaveUp(now: number): boolean {
    if (!this.#isProbing) return false
    this.#isProbing = false
    this.#state = { ...this.#state, state: 'open', until: now }
    return true
  }

  /** Another node has changed it. */
  adopt(state: BreakerState, now: number): void {
    this.#isProbing = false
    this.#state = state
    this.#heedClock(now)
  }

  /** Returns whether the state changed: closed again, or merely its count back at none. */
  succeeded(): boolean {
    const changed = this.#state.state !== 'closed'
    this.#state = closedBreaker
    this.#isProbing = false
    return changed
  }

  /** Returns whether it opened now. One that fails though it began before it opened changes nothing. */
  failed(now: number): boolean {
    const { state, failures, opened } = this.#state
    const count = failures + 1
    if (state === 'closed' ? count < this.#options.failures : !this.#isProbing) {
      this.#state = { ...this.#state, failures: count }
      return false
    }
    this.#isProbing = false
    this.#state = { state: 'open', failures: count, opened: opened + 1, until: now + this.#coolDownMs(opened + 1) }
    return true
  }

  #coolDownMs(opened: number): number {
    return this.#options.coolDownMs * Math.min(2 ** Math.max(0, opened - 1), coolDownFactorMax)
  }

  /** A clock that was set back must not keep it open for longer than it may be. */
  #heedClock(now: number): void {
    const { state, until, opened } = this.#state
    const probeMs = state === 'half_open' ? (this.#options.probeMs ?? 0) : 0
    const latest = now + Math.max(this.#coolDownMs(opened), probeMs)
    if (until !== null && until > latest) this.#state = { ...this.#state, until: latest }
  }
}
