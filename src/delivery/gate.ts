// How many attempts of one subscription are under way, and how fast they begin: p-queue's concurrency and rate.
import PQueue from 'p-queue'
import type { SubscriptionSpec } from './subscription.ts'

/**
 * Leased beyond those under way, for each of them: none waits for the next lease, and a lease is for many, since what a
 * turn costs does not depend on how many it is for.
 */
const leasedAhead = 4
const leasedAheadMax = 64

export class Gate {
  readonly #spec: Pick<SubscriptionSpec, 'concurrency' | 'rate'>
  readonly #underWay = new Set<Promise<void>>()
  #queue: PQueue

  constructor(spec: Pick<SubscriptionSpec, 'concurrency' | 'rate'>) {
    this.#spec = spec
    this.#queue = queueFor(spec)
  }

  /** Attempts that it would take at this moment. */
  get room(): number {
    const { concurrency, rate } = this.#spec
    const { size, pending } = this.#queue
    // What waits for the rate has been leased and is shown as under way: no more of them than may begin soon.
    if (rate !== null) return size > 0 ? 0 : Math.max(0, Math.min(concurrency - pending, rate.limit))
    return Math.max(0, concurrency + ahead(concurrency) - size - pending)
  }

  /** So much that a lease is worth its while. */
  get roomWanted(): number {
    return this.#spec.rate === null ? ahead(this.#spec.concurrency) >> 1 : 1
  }

  /** `run` never rejects. */
  add(run: () => Promise<void>): void {
    this.#take(() => this.#run(run))
  }

  /** Takes out what has not begun, so that it uses up nothing of the rate. */
  clear(): void {
    this.#queue.clear()
  }

  /** Forgets when attempts began, by a clock that has been set back, and what has not begun; those under way still count. */
  restart(): void {
    this.#queue.clear()
    this.#queue = queueFor(this.#spec)
    for (const running of this.#underWay) this.#take(() => running)
  }

  #take(run: () => Promise<void>): void {
    // Rejects where it is taken out before it has begun: whoever did that knows.
    this.#queue.add(run).catch(() => {})
  }

  async #run(run: () => Promise<void>): Promise<void> {
    const running = run()
    this.#underWay.add(running)
    await running
    this.#underWay.delete(running)
  }
}

function ahead(concurrency: number): number {
  return Math.min(concurrency * leasedAhead, leasedAheadMax)
}

function queueFor({ concurrency, rate }: Pick<SubscriptionSpec, 'concurrency' | 'rate'>): PQueue {
  return new PQueue({
    concurrency,
    // Never more in any stretch of that length, not only in each of a row of them.
    ...(rate === null ? {} : { intervalCap: rate.limit, interval: rate.intervalMs, strict: true }),
  })
}
