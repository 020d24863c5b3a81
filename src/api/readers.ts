// Everybody who waits for news: how many may, what they share, when they are looked after, and how they end.
import type { ServerResponse } from 'node:http'
import PQueue from 'p-queue'
import { systemTimers, type Timers } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { StoredEvent } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import { SharedEvent } from './shared-event.ts'
import { Tail } from './tail.ts'

/** Originals that are read at once: each may be as large as a body, several times over while it is made a text. */
const originalsAtOnce = 4
/** A smaller block is no burden. */
const largeBytes = 256 * 1024

export interface ReaderLimits {
  /** Streams and waiting requests at once. */
  readersMax: number
  /** Of them, exports at once. */
  exportsMax: number
  /** How often a stream says that it is there, and is looked at whether it gets anywhere. */
  heartbeatMs: number
  /** What streams hold of large blocks that their readers have not taken yet, all together. */
  heldBytesMax: number
  /** A reader whose connection has not been emptied over so many heartbeats takes nothing, and is dropped. */
  stalledBeatsMax: number
}

const defaults: ReaderLimits = {
  readersMax: 200,
  exportsMax: 8,
  heartbeatMs: 15_000,
  heldBytesMax: 128 * 1024 * 1024,
  stalledBeatsMax: 2,
}

export interface Reader {
  /** The time of a heartbeat has come. */
  beat(): void
  /** Nobody may wait any longer. */
  end(): void
}

/** A reader that holds a block until its other side has taken it. */
interface Holder extends Reader {
  drop(why: string): void
}

export interface ReadersParts {
  store: Store
  log: Log
  timers?: Timers
  limits?: Partial<ReaderLimits>
}

export class Readers {
  readonly store: Store
  readonly log: Log
  readonly timers: Timers
  readonly tail: Tail
  readonly limits: Readonly<ReaderLimits>
  readonly #readers = new Set<Reader>()
  readonly #exports = new Set<ServerResponse>()
  readonly #held = new Map<Holder, Buffer>()
  readonly #originals = new PQueue({ concurrency: originalsAtOnce })
  readonly #stopBeating: () => void
  #closed = false

  constructor({ store, log, timers = systemTimers, limits = {} }: ReadersParts) {
    this.store = store
    this.log = log
    this.timers = timers
    this.limits = { ...defaults, ...limits }
    this.tail = new Tail({ store, log, requestOf: event => this.#requestOf(event) })
    this.#stopBeating = timers.every(this.limits.heartbeatMs, () => this.#beat())
  }

  /** Throws AppError `unavailable` where there are too many already, or this is ending. Returns how to leave. */
  enter(reader: Reader): () => void {
    this.#assertRoom()
    this.#readers.add(reader)
    return () => {
      this.#readers.delete(reader)
      this.#held.delete(reader as Holder)
    }
  }

  /** The same for an export, of which there may be fewer: each of them keeps the store busy. Until `outgoing` closes. */
  reserveExport(outgoing: ServerResponse): void {
    if (this.#exports.size >= this.limits.exportsMax) {
      throw new AppError('unavailable', `${this.limits.exportsMax} exports are under way already`)
    }
    this.#assertRoom()
    if (outgoing.destroyed) return
    this.#exports.add(outgoing)
    outgoing.once('close', () => this.#exports.delete(outgoing))
  }

  /** As the store's, and not too many at once. */
  originals(...asked: Parameters<Store['originals']>): ReturnType<Store['originals']> {
    return this.#originals.add(() => this.store.originals(...asked))
  }

  share(event: StoredEvent): SharedEvent {
    return new SharedEvent(event, { requestOf: each => this.#requestOf(each) })
  }

  /** Notes that a stream holds `block`, and drops those that hold theirs the longest where it is too much. */
  hold(holder: Holder, block: Buffer): void {
    if (block.length < largeBytes) return
    this.#held.set(holder, block)
    // Several may hold the same block.
    const bytes = () => [...new Set(this.#held.values())].reduce((sum, { length }) => sum + length, 0)
    while (this.#held.size > 1 && bytes() > this.limits.heldBytesMax) {
      const [longest] = this.#held.keys()
      this.#held.delete(longest!)
      longest!.drop('the streams together hold too much that is not taken')
    }
  }

  release(holder: Holder): void {
    this.#held.delete(holder)
  }

  /** Ends every stream and answers whoever waits; nobody new is let in. */
  close(): void {
    this.#closed = true
    this.#stopBeating()
    for (const reader of [...this.#readers]) reader.end()
  }

  #assertRoom(): void {
    if (this.#closed) throw new AppError('unavailable', 'the gateway is stopping')
    if (this.#readers.size >= this.limits.readersMax) {
      throw new AppError('unavailable', `${this.limits.readersMax} readers wait for news already`)
    }
  }

  #requestOf(event: StoredEvent): ReturnType<Store['requestOf']> {
    return this.#originals.add(() => this.store.requestOf(event))
  }

  #beat(): void {
    if (this.#readers.size === 0) return
    // Should a wake-up ever be missed, nobody waits for longer than this.
    this.tail.look()
    for (const reader of [...this.#readers]) reader.beat()
  }
}
