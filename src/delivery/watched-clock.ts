// A clock that tells when it was set back: what was set by it before lies too far ahead, by as much.
import type { Clock } from '../clock.ts'

/** What is less is a clock that goes slower than another. */
const toleranceMs = 1_000

/** `setBack` is called once for each time that it was, at the end of the turn of the event loop that noticed it. */
export function watchedClock(clock: Clock, setBack: (byMs: number) => void): Clock {
  /** The most that it was ahead of a clock that nobody sets. */
  let furthest = Number.NEGATIVE_INFINITY
  return {
    now() {
      const now = clock.now()
      const ahead = now - performance.now()
      if (ahead > furthest) furthest = ahead
      else if (furthest - ahead > toleranceMs) {
        setImmediate(setBack, furthest - ahead)
        furthest = ahead
      }
      return now
    },
  }
}
