// Everybody who waits for news: how many may, what they share, when they are looked after, and how they end.
import type { ServerResponse } from 'node:http'
import PQueue from 'p-queue'
import { systemTimers, type Timers } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { StoredEvent } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './access.ts'
import { PageReads } from './page-reads.ts'
import { SharedEvent } from './shared-event.ts'
import { Tail } from './tail.ts'

/** Originals that are read at once: each may be as large as a body, several times over while it is made a text. */
const originalsAtOnce = 4
/** A smaller block is no burden. */
const largeBytes = 256 * 1024

export interface ReaderLimits {
  /** Streams and waiting requests at once. */
  readersMax: number
  /** Of them, those of one token. The environment's may have all. */
  readersOfToken: number
  /** Of them, exports at once. */
  exportsMax: number
  exportsOfToken: number
  exportsOfAdmin: number
  /** How often a stream says that it is there, and is looked at whether it gets anywhere. */
  heartbeatMs: number
  /** What streams hold of large blocks that their readers have not taken yet, all together. */
  heldBytesMax: number
  /** A reader whose connection has not been emptied over so many heartbeats takes nothing, and is dropped. */
  stalledBeatsMax: number
}

const defaults: ReaderLimits = {
  readersMax: 200,
  readersOfToken: 50,
  exportsMax: 8,
  exportsOfToken: 2,
  exportsOfAdmin: 4,
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
  readonly pages = new PageReads()
  /** Each with its token's id. */
  readonly #readers = new Map<Reader, string | null>()
  readonly #exports = new Map<ServerResponse, string | null>()
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
  enter(reader: Reader, principal: Principal): () => void {
    this.#assertRoom(principal)
    this.#readers.set(reader, principal.tokenId)
    return () => {
      this.#readers.delete(reader)
      this.#held.delete(reader as Holder)
    }
  }

  /** The same for an export, of which there may be fewer: each of them keeps the store busy. Until `outgoing` closes. */
  reserveExport(outgoing: ServerResponse, principal: Principal): void {
    const { exportsMax, exportsOfToken, exportsOfAdmin } = this.limits
    const { tokenId } = principal
    const share = tokenId === null ? exportsOfAdmin : exportsOfToken
    if (this.#exports.size >= exportsMax) {
      throw new AppError('unavailable', `${exportsMax} exports are under way already`)
    }
    if (countOf(this.#exports, tokenId) >= share) {
      throw new AppError('unavailable', `${share} exports of this token are under way already`)
    }
    this.#assertRoom(principal)
    if (outgoing.destroyed) return
    this.#exports.set(outgoing, tokenId)
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
    for (const reader of [...this.#readers.keys()]) reader.end()
  }

  #assertRoom({ tokenId }: Principal): void {
    if (this.#closed) throw new AppError('unavailable', 'the gateway is stopping')
    const { readersMax, readersOfToken } = this.limits
    if (this.#readers.size >= readersMax) {
      throw new AppError('unavailable', `${readersMax} readers wait for news already`)
    }
    if (tokenId !== null && countOf(this.#readers, tokenId) >= readersOfToken) {
      throw new AppError('unavailable', `${readersOfToken} readers of this token wait for news already`)
    }
  }

  #requestOf(event: StoredEvent): ReturnType<Store['requestOf']> {
    return this.#originals.add(() => this.store.requestOf(event))
  }

  #beat(): void {
    if (this.#readers.size === 0) return
    // Should a wake-up ever be missed, nobody waits for longer than this.
    this.tail.look()
    for (const reader of [...this.#readers.keys()]) reader.beat()
  }
}

function countOf(readers: ReadonlyMap<unknown, string | null>, token: string | null): number {
  let count = 0
  for (const tokenId of readers.values()) if (tokenId === token) count++
  return count
}
