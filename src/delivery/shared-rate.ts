// A rate over all nodes. The store counts when attempts are leased; they begin somewhat later, and each in its own time.
// So it is asked for a longer interval by as much as they may be late, and what is later than that is not begun.
import type { Rate } from '../store/deliveries.ts'

const slack = { share: 1 / 10, leastMs: 20, mostMs: 10_000 }

export class SharedRate {
  readonly #rate: Rate | null
  #slackMs: number

  /** Null for none. */
  constructor(rate: Rate | null) {
    this.#rate = rate
    const share = Math.ceil((rate?.intervalMs ?? 0) * slack.share)
    this.#slackMs = Math.min(Math.max(share, slack.leastMs), slack.mostMs)
  }

  /** What to lease by. */
  get leased(): Rate | null {
    return this.#rate && { ...this.#rate, intervalMs: this.#rate.intervalMs + this.#slackMs }
  }

  /** `askedAt`: when the lease was asked for, by a clock that nobody sets. */
  isInTime(askedAt: number): boolean {
    return this.#rate === null || performance.now() - askedAt <= this.#slackMs
  }

  /** It was not, and costs its place; from now on there is more time, for a store that is far away. */
  wasLate(): void {
    this.#slackMs = Math.min(this.#slackMs * 2, slack.mostMs)
  }
}
