// Timers that a test fires by hand: nothing passes unless it says so.
import type { Timers } from '../../src/clock.ts'

interface Timer {
  milliseconds: number
  run: () => void
}

export class HeldTimers implements Timers {
  readonly #after = new Set<Timer>()
  readonly #every = new Set<Timer>()

  after(milliseconds: number, run: () => void): () => void {
    return hold(this.#after, { milliseconds, run })
  }

  every(milliseconds: number, run: () => void): () => void {
    return hold(this.#every, { milliseconds, run })
  }

  /** How many wait for their time. */
  get waiting(): number {
    return this.#after.size
  }

  /** How many repeat. */
  get repeating(): number {
    return this.#every.size
  }

  /** One interval of each that repeats. */
  beat(): void {
    for (const { run } of [...this.#every]) run()
  }

  /** The end of each that waits for so many milliseconds. */
  pass(milliseconds: number): void {
    for (const timer of [...this.#after]) {
      if (timer.milliseconds !== milliseconds) continue
      this.#after.delete(timer)
      timer.run()
    }
  }
}

function hold(timers: Set<Timer>, timer: Timer): () => void {
  timers.add(timer)
  return () => timers.delete(timer)
}
