// How much the search index does at once, and how long it rests: while much comes in it falls behind, and catches up
// when little does.

/** What came in faster than so many a second while it was looked at is a load. */
const busyPerSecond = 300
/** Of the time, at the most, while that lasts. */
const shareWhileBusy = 0.05
const pageWhileBusy = 100
const pageSize = 250
/** Each look costs some milliseconds of CPU, and a gateway that nobody sends anything to should cost nothing. */
const idleMs = 1_000
const restMinMs = 20
/** Two looks that are nearer to each other say nothing of how much comes in. */
const looksApartMs = 100

export class Pace {
  #head: number | undefined
  #lookedAt = 0
  #busy = false

  /** Events to take in one go. */
  get page(): number {
    return this.#busy ? pageWhileBusy : pageSize
  }

  /** Before each go: where the log ends, at this time in milliseconds. */
  look(head: number, now: number): void {
    if (this.#head !== undefined && now - this.#lookedAt < looksApartMs) return
    const perSecond = this.#head === undefined ? 0 : ((head - this.#head) * 1000) / (now - this.#lookedAt)
    this.#busy = perSecond > busyPerSecond
    this.#head = head
    this.#lookedAt = now
  }

  /** After a go that took so long, in milliseconds; `behind`: events that are left. */
  rest(tookMs: number, behind: number): number {
    if (this.#busy) return Math.max(restMinMs, tookMs * (1 / shareWhileBusy - 1))
    return behind > 0 ? 0 : idleMs
  }
}
