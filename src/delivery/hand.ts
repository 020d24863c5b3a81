// What one subscription has leased and not settled. Each leaves it once: attempted, given back, or lost to another node.
import type { Leased } from '../store/deliveries.ts'
import type { StoredEvent } from '../store/record.ts'
import { failed, type Outcome } from './destination.ts'
import type { FlowParts } from './flow-parts.ts'
import type { Held, Moment } from './leases.ts'
import type { Next } from './retry.ts'

export interface InHand {
  readonly held: Held
  /** When it was leased, or a little earlier, by a clock that nobody sets. */
  readonly askedAt: number
  event?: StoredEvent
  /** Whether it has been begun, given back or lost. */
  begun: boolean
}

/** An attempt that ended, and what becomes of its delivery. */
export interface Ended {
  outcome: Outcome
  next: Next
  startedAt: number
  elapsedMs: number
}

export interface HandParts extends Pick<FlowParts, 'clock' | 'leases' | 'settle'> {
  /** What became of one is in the store. */
  written(): void
  /** One was dropped that had not begun. */
  dropped(): void
  /** So many leases held no more. */
  lost(count: number): void
}

export class Hand {
  readonly #parts: HandParts
  readonly #items = new Set<InHand>()
  #idle: (() => void) | undefined
  #lost = 0

  constructor(parts: HandParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#items.size
  }

  get unbegun(): InHand[] {
    return [...this.#items].filter(({ begun }) => !begun)
  }

  take(leased: Leased, since: Moment): InHand {
    const held = this.#parts.leases.take(leased, since, () => this.#drop(item))
    const item: InHand = { held, askedAt: since.steady, begun: false }
    this.#items.add(item)
    return item
  }

  mayBegin({ held }: InHand): boolean {
    return this.#parts.leases.mayBegin(held)
  }

  /** `counted`: once it is written, if its lease still held. */
  end(item: InHand, { outcome, next, startedAt, elapsedMs }: Ended, counted: () => void = () => {}): void {
    const { settle, leases, written } = this.#parts
    const { result, status, reason, answer } = outcome
    settle({ ...item.held.leased, ...next, startedAt, elapsedMs, result, status, reason, answer }, isCounted => {
      leases.end(item.held)
      if (isCounted) counted()
      else this.#lose()
      written()
    })
    this.#remove(item)
  }

  /** As if it had not been leased. */
  giveBack(item: InHand, reason: string): void {
    item.begun = true
    const { spent } = item.held.leased
    const now = this.#parts.clock.now()
    const outcome: Outcome = { ...failed(reason), result: 'released' }
    const next: Next = { state: spent > 0 ? 'retrying' : 'pending', spent, due: now, holds: false }
    this.end(item, { outcome, next, startedAt: now, elapsedMs: 0 })
  }

  /** There is nothing left to deliver. */
  forget(item: InHand): void {
    this.#parts.leases.end(item.held)
    this.#remove(item)
  }

  async idle(): Promise<void> {
    if (this.#items.size === 0) return
    await new Promise<void>(resolve => {
      this.#idle = resolve
    })
  }

  /** The store says that its lease holds no more: what has begun goes on, and will not count. */
  #drop(item: InHand): void {
    if (item.begun) return
    item.begun = true
    this.#remove(item)
    this.#lose()
    this.#parts.dropped()
  }

  #remove(item: InHand): void {
    this.#items.delete(item)
    if (this.#items.size === 0) this.#idle?.()
  }

  /** Many are lost together. */
  #lose(): void {
    if (this.#lost++ > 0) return
    setImmediate(() => {
      this.#parts.lost(this.#lost)
      this.#lost = 0
    })
  }
}
