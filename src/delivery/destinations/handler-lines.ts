// The lines that handlers write, gathered before they are sent, and so many a second at most: one that logs every event
// must not fill the gateway's log, nor its memory.
import type { Line } from './handler-messages.ts'

/** At once, and then each second. */
const burst = 500
const perSecond = 100

export class Lines {
  #allowance = burst
  #countedAt: number
  #gathered: Line[] = []
  #leftOut = 0

  constructor(now: number) {
    this.#countedAt = now
  }

  add(line: Line, now: number): void {
    this.#allowance = Math.min(burst, this.#allowance + (Math.max(0, now - this.#countedAt) / 1000) * perSecond)
    this.#countedAt = now
    if (this.#allowance < 1) {
      this.#leftOut++
      return
    }
    this.#allowance--
    if (this.#leftOut > 0) {
      this.#gathered.push([line[0], 'warn', `${this.#leftOut} lines of this handler were left out`, null])
      this.#leftOut = 0
    }
    this.#gathered.push(line)
  }

  take(): Line[] {
    return this.#gathered.splice(0)
  }
}
