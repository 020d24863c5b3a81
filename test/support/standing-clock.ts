// A clock that stands still, and timers that go by it: time passes where a test says so.
import type { Clock } from '../../src/clock.ts'

export interface StandingClock {
  clock: Clock
  later(run: () => void, ms: number): () => void
  /** Lets time pass, and runs what is due meanwhile, each at its own time. */
  pass(ms: number): Promise<void>
  /** Sets the clock by so much; timers go on as if nothing had happened. */
  jump(ms: number): void
  /** Timers that have not run. */
  waiting(): number
}

export function standingClock(start: number): StandingClock {
  let now = start
  let skew = 0
  let timers: { at: number; run: () => void }[] = []
  const settle = () => new Promise<void>(resolve => setImmediate(resolve))
  return {
    clock: { now: () => now + skew },
    later(run, ms) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return () => {
        timers = timers.filter(each => each !== timer)
      }
    },
    async pass(ms) {
      const end = now + ms
      await settle()
      for (;;) {
        const next = timers.toSorted((a, b) => a.at - b.at).find(({ at }) => at <= end)
        if (next === undefined) break
        timers = timers.filter(each => each !== next)
        now = next.at
        next.run()
        await settle()
      }
      now = end
    },
    jump(ms) {
      skew += ms
    },
    waiting: () => timers.length,
  }
}
