// The ends of attempts, written together. One that cannot be written now is kept and written later: its lease is ours.
import type { Deliveries, Settlement } from '../store/deliveries.ts'

/** As many are written in one transaction: no append waits longer. */
const atOnce = 250
const againAfterMs = 500
/** Statements under way at once, where each takes a way over the network: meanwhile the next one becomes larger. */
const writingMax = 3

export interface SettlementsParts {
  store: Pick<Deliveries, 'settle' | 'leaseMs'>
  now(): number
  failed(error: unknown): void
}

interface Waiting {
  settlement: Settlement
  /** Told whether it counted: whether its lease still held. */
  written: (counted: boolean) => void
}

export class Settlements {
  readonly #parts: SettlementsParts
  #waiting: Waiting[] = []
  #scheduled = false
  #closing = false
  readonly #writing = new Set<Promise<void>>()

  constructor(parts: SettlementsParts) {
    this.#parts = parts
  }

  add(settlement: Settlement, written: Waiting['written'] = () => {}): void {
    this.#waiting.push({ settlement, written })
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** Hands over what there is, in front of whatever is asked of the store next. */
  flush(): void {
    const isShared = this.#parts.store.leaseMs !== null
    while (this.#waiting.length > 0 && !(isShared && this.#writing.size >= writingMax)) {
      const writing = this.#write(this.#waiting.splice(0, atOnce)).then(isOver => {
        this.#writing.delete(writing)
        if (isShared && isOver) this.flush()
      })
      this.#writing.add(writing)
    }
  }

  /** Resolves when all is written, or the store has refused it. */
  async close(): Promise<void> {
    this.#closing = true
    this.flush()
    while (this.#writing.size > 0) await Promise.all(this.#writing)
  }

  /** Never rejects. False where they wait for another time. */
  async #write(waiting: Waiting[]): Promise<boolean> {
    let counted: boolean[]
    try {
      const settlements = waiting.map(({ settlement }) => settlement)
      counted = await this.#parts.store.settle(settlements, this.#parts.now())
    } catch (error) {
      this.#parts.failed(error)
      // At the end they stay leased: the next start makes their leases void, or they run out, and they are tried again.
      if (this.#closing) return true
      this.#waiting.unshift(...waiting)
      setTimeout(() => this.flush(), againAfterMs).unref()
      return false
    }
    for (const [index, { written }] of waiting.entries()) written(counted[index] === true)
    return true
  }
}
