// Time by vitest's clock, and turns of the event loop until nothing of a store is under way.
import { vi } from 'vitest'

/** Turns in a row, before it counts as quiet. */
const quietTurns = 6

/** Resolves when what is at work waits for time, for a destination or for news, and for nothing of its own. */
export async function quiet(underWay: () => number): Promise<void> {
  for (let turns = 0; turns < quietTurns; turns++) {
    await new Promise(resolve => setImmediate(resolve))
    if (underWay() > 0) turns = 0
  }
}

/** Time passes, in steps, so that what one timer begins has ended before the next one fires. */
export async function pass(ms: number, steps: number, underWay: () => number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const until = Math.floor((ms * (step + 1)) / steps)
    await vi.advanceTimersByTimeAsync(until - Math.floor((ms * step) / steps))
    await quiet(underWay)
  }
}
