// Which way goes what comes in: straight to the database, or into the spool. It keeps a node's order: as long as anything
// waits in the spool all that comes goes through it, and the way back is straight only when nothing does.
import { AppError, type ErrorCode } from '../../errors.ts'

/** The database cannot be reached, takes no writes, has no room: nothing that a record could help. */
const awayCodes: ReadonlySet<ErrorCode> = new Set(['store_unreachable', 'store_readonly', 'store_full', 'store_busy'])

export function isAway(error: unknown): error is AppError {
  return error instanceof AppError && awayCodes.has(error.code)
}

/** How long anything waits here for its way, in milliseconds. */
export const waitMs = 1_000

export class Turnout {
  /** Called where the way turns to the spool, with what the database said. */
  readonly #turned: (error: unknown) => void
  #straight: boolean
  /** How many more the spool takes before others wait. */
  #room = Number.POSITIVE_INFINITY
  /** Who waits, in their order. */
  readonly #queue: { since: number; goOn: () => void }[] = []
  /** Writes into the spool: begun so far, and under way. */
  #begun = 0
  #writing = 0
  #underWay = 0
  #calm: (() => void)[] = []
  #ended: (() => void)[] = []

  constructor(straight: boolean, turned: (error: unknown) => void) {
    this.#straight = straight
    this.#turned = turned
  }

  get straight(): boolean {
    return this.#straight
  }

  /** Writes into the spool that have begun since the beginning: another number means that one came meanwhile. */
  get begun(): number {
    return this.#begun
  }

  /** A write of an unknown outcome goes into the spool too: the drain finds that it is there already. */
  async pass<Value>(straight: () => Promise<Value>, spool: () => Promise<Value>): Promise<Value> {
    this.#underWay++
    try {
      const waiting = this.#straight ? undefined : this.#wait()
      if (waiting !== undefined) await waiting
      if (this.#straight) {
        try {
          return await straight()
        } catch (error) {
          if (!isAway(error)) throw error
          this.turn(error)
        }
      }
      return await this.#spool(spool)
    } finally {
      if (--this.#underWay === 0) for (const ended of this.#ended.splice(0)) ended()
    }
  }

  /** From now on into the spool. */
  turn(error: unknown): void {
    if (!this.#straight) return
    this.#straight = false
    this.#turned(error)
  }

  /** What comes now waits. */
  hold(): void {
    this.#room = 0
  }

  /** So many go on, and whoever has waited long enough; the next wait. */
  admit(count: number): void {
    const longest = performance.now() - waitMs
    this.#room = count
    while (this.#queue.length > 0 && (this.#room > 0 || this.#queue[0]!.since <= longest)) {
      this.#room--
      this.#queue.shift()!.goOn()
    }
  }

  /** Nobody waits any more. */
  release(): void {
    this.admit(Number.POSITIVE_INFINITY)
  }

  /** Resolves when no write into the spool is under way. */
  async calm(): Promise<void> {
    while (this.#writing > 0) await new Promise<void>(resolve => this.#calm.push(resolve))
  }

  /** Resolves when all that has come has gone its way. */
  async ended(): Promise<void> {
    while (this.#underWay > 0) await new Promise<void>(resolve => this.#ended.push(resolve))
  }

  /** `begun`: as it was before the spool was found empty. False where something has come into it since. */
  straighten(begun: number): boolean {
    if (this.#writing > 0 || this.#begun !== begun) return false
    this.#straight = true
    this.release()
    return true
  }

  /** In a turn of the same event loop where there is room: order is kept. */
  #wait(): Promise<void> | undefined {
    if (this.#room > 0 && this.#queue.length === 0) {
      this.#room--
      return undefined
    }
    return new Promise(goOn => this.#queue.push({ since: performance.now(), goOn }))
  }

  async #spool<Value>(write: () => Promise<Value>): Promise<Value> {
    // One that failed late, when the way was straight again: what is in the spool must be moved on once more.
    this.turn(undefined)
    this.#begun++
    this.#writing++
    try {
      return await write()
    } finally {
      if (--this.#writing === 0) for (const calm of this.#calm.splice(0)) calm()
    }
  }
}
