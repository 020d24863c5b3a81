// The end of the log, read once for everybody who has come to it: one read and one wake-up for what was committed,
// however many readers there are. What it holds is bounded; whoever has fallen further behind reads the log itself.
import { setTimeout as after } from 'node:timers/promises'
import type { Log } from '../observe/log.ts'
import type { StoredEvent } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import { SharedEvent } from './shared-event.ts'

const countMax = 1_000
const bytesMax = 8 * 1024 * 1024
const pageSize = 200
/** Under load what is committed in this time is one read and one wake-up. */
const paceMs = 10

export interface TailParts {
  store: Pick<Store, 'list' | 'extent' | 'onAppended'>
  requestOf(event: StoredEvent): ReturnType<Store['requestOf']>
  log: Log
}

export class Tail {
  readonly #parts: TailParts
  readonly #wakes = new Set<() => void>()
  #events: SharedEvent[] = []
  #bytes = 0
  /** All that was appended behind `#start`, up to `#position`, is in `#events`. */
  #start = 0
  #position = 0
  #following: Promise<void> | undefined
  #unfollow: () => void = () => {}
  /** Counts the times that it began anew: a read that was begun before is of no use. */
  #begun = 0
  #hasBegun = false
  #pending = false
  #reading = false
  #readAt = 0

  constructor(parts: TailParts) {
    this.#parts = parts
  }

  /** Follows the log while anybody is there; calls `wake` whenever there is more. Resolves with how to leave. */
  async join(wake: () => void): Promise<() => void> {
    const leave = () => {
      if (!this.#wakes.delete(wake) || this.#wakes.size > 0) return
      this.#unfollow()
      this.#following = undefined
      this.#hasBegun = false
      this.#events = []
    }
    this.#wakes.add(wake)
    this.#following ??= this.#follow()
    try {
      await this.#following
    } catch (error) {
      leave()
      throw error
    }
    return leave
  }

  /** The last sequence that it has looked at. */
  get position(): number {
    return this.#position
  }

  /** Whether a reader at `position` has fallen out of what is held here. */
  isBehind(position: number): boolean {
    return position < this.#start
  }

  /** The event that comes behind `position`; undefined where the reader has them all, or has fallen out. */
  next(position: number): SharedEvent | undefined {
    if (this.isBehind(position)) return undefined
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.event.sequence > position) high = middle
      else low = middle + 1
    }
    return this.#events[low]
  }

  /** Reads what has been appended since. */
  look(): void {
    this.#pending = true
    if (this.#hasBegun && !this.#reading) void this.#read()
  }

  async #follow(): Promise<void> {
    const begun = ++this.#begun
    // Before the head is asked for: an append in between is looked for as well.
    this.#unfollow = this.#parts.store.onAppended(() => this.look())
    const { head } = await this.#parts.store.extent()
    if (begun !== this.#begun) return
    this.#events = []
    this.#bytes = 0
    this.#start = this.#position = head
    this.#hasBegun = true
    this.look()
  }

  async #read(): Promise<void> {
    this.#reading = true
    try {
      while (this.#pending && this.#wakes.size > 0) {
        const since = performance.now() - this.#readAt
        if (since < paceMs) await after(paceMs - since)
        // It begins anew elsewhere, and is read from there: from here on would leave a gap.
        if (!this.#hasBegun) return
        this.#pending = false
        this.#readAt = performance.now()
        const begun = this.#begun
        const query = { filter: {}, order: 'oldest', from: this.#position, limit: pageSize } as const
        const page = await this.#parts.store.list(query)
        if (begun !== this.#begun) this.#pending = true
        else this.#take(page.events, page.position, page.next !== null)
      }
    } catch (error) {
      this.#parts.log.error({ err: error }, 'the end of the log cannot be read; it is tried again')
    } finally {
      this.#reading = false
    }
  }

  #take(events: readonly StoredEvent[], position: number, isMore: boolean): void {
    for (const event of events) {
      const shared: SharedEvent = new SharedEvent(event, {
        requestOf: this.#parts.requestOf,
        grown: bytes => {
          if (this.#events[0] === undefined || event.sequence < this.#events[0].event.sequence) return
          this.#bytes += bytes
          this.#trim()
        },
      })
      this.#bytes += shared.bytes
      this.#events.push(shared)
    }
    this.#trim()
    if (isMore) this.#pending = true
    if (position <= this.#position) return
    this.#position = position
    for (const wake of this.#wakes) wake()
  }

  /** The newest one is held however large it is. */
  #trim(): void {
    while (this.#events.length > 1 && (this.#events.length > countMax || this.#bytes > bytesMax)) {
      const oldest = this.#events.shift()!
      this.#bytes -= oldest.bytes
      this.#start = oldest.event.sequence
    }
  }
}
