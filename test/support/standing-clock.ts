// A clock that stands still, and timers that go by it: time passes where a test says so.
import type { Clock, Timers } from '../../src/clock.ts'

export interface StandingClock {
  clock: Clock
  timers: Pick<Timers, 'after'>
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
  let due: { at: number; run: () => void }[] = []
  const settle = () => new Promise<void>(resolve => setImmediate(resolve))
  return {
    clock: { now: () => now + skew },
    timers: {
      after(ms, run) {
        const timer = { at: now + ms, run }
        due.push(timer)
        return () => {
          due = due.filter(each => each !== timer)
        }
      },
    },
    async pass(ms) {
      const end = now + ms
      await settle()
      for (;;) {
        const next = due.toSorted((a, b) => a.at - b.at).find(({ at }) => at <= end)
        if (next === undefined) break
        due = due.filter(each => each !== next)
        now = next.at
        next.run()
        await settle()
      }
      now = end
    },
    jump(ms) {
      skew += ms
    },
    waiting: () => due.length,
  }
}
