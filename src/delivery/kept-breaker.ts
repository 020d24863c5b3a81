// A breaker as the store keeps it: every change is a swap of the state that is known to be stored, so that of several
// nodes one opens it, and one makes the probe, and that a person may ask for one. Who loses adopts what is stored.
import type { Clock } from '../clock.ts'
import type { BreakerState, Deliveries, SubscriptionRow } from '../store/deliveries.ts'
import { Breaker } from './breaker.ts'
import { feedDuty } from './feeder.ts'
import type { SubscriptionSpec } from './subscription.ts'

/** A probe is its attempt, and what it takes to begin it and to write down its end. */
const besideProbeMs = 5_000
/** Who feeds makes the probe, having what there is to be tried; others where it does not, so much later. */
const othersAfterMs = 5_000
const againAfterMs = 1_000

export interface KeptBreakerParts {
  spec: Pick<SubscriptionSpec, 'breaker' | 'timeoutMs'>
  row: Pick<SubscriptionRow, 'number' | 'breaker'>
  store: Pick<Deliveries, 'leaseMs' | 'owns' | 'subscriptions' | 'swapBreaker'>
  clock: Clock
  /** It is as another node or a person has left it. */
  adopted(): void
  failed(error: unknown): void
}

/** Told of a change once it is stored. */
type Written = (state: BreakerState) => void

interface Wanted {
  state: BreakerState
  written: Written
}

export class KeptBreaker {
  readonly #parts: KeptBreakerParts
  readonly #number: number
  readonly #shared: boolean
  readonly #probeMs: number
  readonly #breaker: Breaker
  /** As it was last read or written. */
  #stored: BreakerState
  #wanted: Wanted | undefined
  #writing: Promise<void> | undefined
  #claiming = false
  #changes = 0
  #closed = false

  constructor(parts: KeptBreakerParts) {
    const { spec, row, store, clock } = parts
    this.#parts = parts
    this.#number = row.number
    this.#shared = store.leaseMs !== null
    this.#probeMs = spec.timeoutMs + besideProbeMs
    this.#breaker = new Breaker({ ...spec.breaker, probeMs: this.#probeMs }, row.breaker, clock.now())
    this.#stored = row.breaker
  }

  get state(): BreakerState {
    return this.#breaker.state
  }

  /** How often it changed: who read the store before the last time knows nothing of it. */
  get changes(): number {
    return this.#changes
  }

  /** How many attempts may be under way at once. */
  allowance(now: number): number {
    const allowance = this.#breaker.allowance(now)
    return allowance === 1 && now < this.#firstLook() ? 0 : allowance
  }

  /** Where nothing is allowed: when it may be. */
  nextLook(now: number): number {
    return Math.max(now, this.#firstLook())
  }

  /** Before so many are begun. False where it has opened meanwhile, or another node makes the probe. */
  async mayBegin(count: number): Promise<boolean> {
    if (count > this.allowance(this.#parts.clock.now())) return false
    if (this.#isClosed) return true
    if (!this.#shared) {
      if (this.#breaker.probing()) this.#keep(() => {})
      return true
    }
    await this.#writing
    if (this.#isClosed) return true
    return this.#claim()
  }

  succeeded(written: Written): void {
    if (this.#breaker.succeeded()) this.#keep(written)
  }

  /** Returns whether it opened now. */
  failed(now: number, written: Written): boolean {
    const opened = this.#breaker.failed(now)
    if (opened) this.#keep(written)
    return opened
  }

  /** As somebody read it, after so many changes. */
  seen(stored: BreakerState, changes: number): void {
    if (changes !== this.#changes || this.#writing !== undefined || this.#claiming) return
    if (!isSame(stored, this.#stored)) this.#adopt(stored)
  }

  /** Whoever is next need not wait for a probe that is not made. */
  async close(): Promise<void> {
    if (this.#shared && this.#breaker.gaveUp(this.#parts.clock.now())) this.#keep(() => {})
    this.#closed = true
    await this.#writing
  }

  get #isClosed(): boolean {
    return this.#breaker.state.state === 'closed'
  }

  #firstLook(): number {
    const { until } = this.#breaker.state
    if (until === null || this.#breaker.isProbing) return 0
    return until + (this.#shared && !this.#parts.store.owns(feedDuty(this.#number)) ? othersAfterMs : 0)
  }

  async #claim(): Promise<boolean> {
    const { store, clock, failed } = this.#parts
    const until = clock.now() + this.#probeMs
    const claimed: BreakerState = { ...this.state, state: 'half_open', until }
    this.#claiming = true
    try {
      if (await store.swapBreaker(this.#number, this.#stored, claimed)) {
        this.#changes++
        this.#stored = claimed
        this.#breaker.probing(until)
        return true
      }
      const stored = await this.#read()
      if (stored !== undefined) this.#adopt(stored)
    } catch (error) {
      failed(error)
    } finally {
      this.#claiming = false
    }
    return this.#isClosed
  }

  #keep(written: Written): void {
    this.#changes++
    this.#wanted = { state: this.state, written }
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined
    })
  }

  async #write(): Promise<void> {
    const { store, failed } = this.#parts
    for (let wanted = this.#wanted; wanted !== undefined; wanted = this.#wanted) {
      try {
        const swapped = await store.swapBreaker(this.#number, this.#stored, wanted.state)
        const stored = swapped ? wanted.state : await this.#read()
        // Also where it had been written, and the answer was lost.
        if (isSame(stored, wanted.state)) {
          this.#stored = wanted.state
          wanted.written(wanted.state)
        } else if (stored !== undefined) this.#adopt(stored)
        if (this.#wanted === wanted) this.#wanted = undefined
      } catch (error) {
        failed(error)
        if (this.#closed) return
        await new Promise<void>(resolve => setTimeout(resolve, againAfterMs).unref())
      }
    }
  }

  async #read(): Promise<BreakerState | undefined> {
    return (await this.#parts.store.subscriptions()).find(({ number }) => number === this.#number)?.breaker
  }

  #adopt(stored: BreakerState): void {
    this.#changes++
    this.#stored = stored
    this.#wanted = undefined
    this.#breaker.adopt(stored, this.#parts.clock.now())
    this.#parts.adopted()
  }
}

function isSame(one: BreakerState | undefined, other: BreakerState): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
