// The store's clock, as this machine knows it: several nodes set and read what is due by one clock, whatever theirs say.
import type { Clock } from '../clock.ts'

/**
 * `skewMs`: by how much the store's clock is ahead of `clock`, measured now and then. In between it goes by a clock that
 * nobody sets: setting this machine's changes nothing here.
 */
export function storeClock(clock: Clock, skewMs: () => number): Clock {
  let measured: number | undefined
  let ahead = 0
  return {
    now() {
      const skew = skewMs()
      if (skew !== measured) {
        measured = skew
        ahead = clock.now() + skew - performance.now()
      }
      return Math.round(performance.now() + ahead)
    },
  }
}
