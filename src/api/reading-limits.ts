// How often each token may read what the audit log notes: nobody who may only read can fill the disk with entries. It holds
// for this node. The token of the environment may as it likes.
import type { Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import { allows, type Principal } from './access.ts'

/** Without `raw` these are exports. */
const perMinute = { raw: 600, read: 60 }
const minuteMs = 60_000

export class ReadingLimits {
  readonly #clock: Clock
  /** What each token has left, as of when. One that is not here has all of it. */
  readonly #left = new Map<string, { count: number; at: number }>()
  #sweptAt = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws AppError `unavailable` where nothing is left. */
  take(principal: Principal): void {
    const { tokenId } = principal
    if (tokenId === null) return
    const now = this.#clock.now()
    this.#sweep(now)
    const most = perMinute[allows(principal, 'raw') ? 'raw' : 'read']
    const last = this.#left.get(tokenId) ?? { count: most, at: now }
    const since = Math.max(0, now - last.at)
    const count = Math.min(most, last.count + (since * most) / minuteMs)
    if (count < 1) {
      throw new AppError('unavailable', `this token has read what is audited ${most} times within a minute: wait`)
    }
    this.#left.set(tokenId, { count: count - 1, at: now })
  }

  /** After a minute a token has all of it again. */
  #sweep(now: number): void {
    if (Math.abs(now - this.#sweptAt) < minuteMs) return
    this.#sweptAt = now
    for (const [tokenId, { at }] of this.#left) if (now - at >= minuteMs || now < at) this.#left.delete(tokenId)
  }
}
