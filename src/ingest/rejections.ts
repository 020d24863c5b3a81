// Recording what failed its check: whole, so that it can be admitted after a wrong secret of ours is put right; and
// bounded, so that a stranger can fill neither the disk nor the log.
import type { Chance, Clock } from '../clock.ts'
import type { Log } from '../observe/log.ts'
import type { RejectionLimits, Store } from '../store/store.ts'
import { keptSealed } from './keep.ts'
import type { Inbound } from './request.ts'
import type { SealedBox } from './sealed-box.ts'
import type { Source } from './source.ts'
import { requestId } from './understand.ts'

/** For each source: this many at once, and so many a second in the long run. */
const burst = 500
const perSecond = 50

export interface RejectionsParts {
  store: Store
  box: SealedBox
  limits: RejectionLimits
  clock: Clock
  chance: Chance
  log: Log
}

export class Rejections {
  readonly #parts: RejectionsParts
  readonly #buckets = new Map<string, { tokens: number; at: number }>()
  readonly #pending = new Set<Promise<unknown>>()

  constructor(parts: RejectionsParts) {
    this.#parts = parts
  }

  /** Resolves with the request's id once it is on disk; undefined where it was one too many, or could not be kept. */
  async record(
    source: Source,
    request: Inbound,
    { status, reason, truncated }: { status: number; reason: string; truncated: boolean },
  ): Promise<string | undefined> {
    const { store, box, limits, chance, log } = this.#parts
    if (!this.#take(source.name)) return undefined
    const id = chance.bytes(16)
    const { kept, sealed } = keptSealed(source, request, box)
    const recording = store.reject({ id, source: source.name, status, reason, truncated, sealed }, kept, limits)
    this.#pending.add(recording)
    try {
      await recording
      return requestId(id)
    } catch (error) {
      log.error({ err: error, source: source.name }, 'a rejection could not be recorded')
      return undefined
    } finally {
      this.#pending.delete(recording)
    }
  }

  /** Resolves when everything begun is recorded. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#pending])
  }

  /** Whether one more of the source's would be recorded now. */
  hasRoom(source: string): boolean {
    return this.#refilled(source).tokens >= 1
  }

  #take(source: string): boolean {
    const bucket = this.#refilled(source)
    if (bucket.tokens < 1) return false
    bucket.tokens--
    return true
  }

  #refilled(source: string): { tokens: number } {
    const now = this.#parts.clock.now()
    const bucket = this.#buckets.get(source) ?? { tokens: burst, at: now }
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond)
    bucket.at = now
    this.#buckets.set(source, bucket)
    return bucket
  }
}
