// The leases in hand, from being leased until what became of them is written: renewed together, well before their end.
// Nothing is begun under one that may have run out: another node may be at it, and at what comes behind it in its lane.
import type { Clock } from '../clock.ts'
import type { Deliveries, Leased } from '../store/deliveries.ts'

/** A moment, by two clocks: one stands still while a machine sleeps, the other may be set. */
export interface Moment {
  steady: number
  wall: number
}

export interface Held {
  readonly leased: Leased
  /** Since when it holds: before the store was asked. */
  since: Moment
  /** The store says that it holds no more. */
  readonly lost: () => void
}

export interface LeasesParts {
  store: Pick<Deliveries, 'leaseMs' | 'renew' | 'releaseLost'>
  /** This machine's. */
  clock: Clock
  /** In step with the store's. */
  now(): number
  /** What others had leased, who are no more, is due again. */
  released(): void
  failed(error: unknown): void
}

/** Of its time: after a third it is renewed, and of what is left in the last sixth nothing is begun. */
const renewedAfter = 1 / 3
const begunWithin = 5 / 6

export class Leases {
  readonly #parts: LeasesParts
  readonly #held = new Set<Held>()
  readonly #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** Nobody could renew anything, as far as is known here. */
  #wasAway = true

  constructor(parts: LeasesParts) {
    this.#parts = parts
    const { leaseMs } = parts.store
    if (leaseMs === null) return
    this.#timer = setInterval(() => void this.look(), leaseMs * renewedAfter)
    this.#timer.unref()
  }

  /** To be taken before the store is asked: the lease holds for no less than from then. */
  moment(): Moment {
    return { steady: performance.now(), wall: this.#parts.clock.now() }
  }

  take(leased: Leased, since: Moment, lost: () => void): Held {
    const held = { leased, since, lost }
    this.#held.add(held)
    return held
  }

  mayBegin({ since }: Held): boolean {
    const { leaseMs } = this.#parts.store
    if (leaseMs === null) return true
    const { steady, wall } = this.moment()
    return Math.max(steady - since.steady, wall - since.wall) < leaseMs * begunWithin
  }

  end(held: Held): void {
    this.#held.delete(held)
  }

  /** Renews what is in hand, and frees what nobody renews. One at a time; it never rejects. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const { store, now, released, failed } = this.#parts
    try {
      await this.#renew()
      // While the store was away all ran out together: each node has the time to renew its own first.
      if (this.#wasAway) this.#wasAway = false
      else if ((await store.releaseLost(now())) > 0) released()
    } catch (error) {
      this.#wasAway = true
      failed(error)
    }
  }

  async #renew(): Promise<void> {
    const all = [...this.#held]
    // With nothing in hand it still shows whether the store is there.
    if (all.length === 0 && !this.#wasAway) return
    const since = this.moment()
    const answers = await this.#parts.store.renew(all.map(({ leased }) => leased))
    for (const [index, held] of all.entries()) {
      // What ended meanwhile is no longer anybody's.
      if (!this.#held.has(held)) continue
      if (answers[index]) held.since = since
      else {
        this.#held.delete(held)
        held.lost()
      }
    }
  }
}
