// What reads much at once: how many do so at a time and how many may wait, so that whoever asks for many has no more of the
// store, or of this thread, than the others. What lasts, streams and exports, has bounds of its own: see readers.ts.
import PQueue from 'p-queue'
import { AppError } from '../errors.ts'
import type { Principal } from './access.ts'

export interface PageReadLimits {
  /** As a refusal calls them. */
  what: string
  atWork: number
  /** All together; of the environment's token so many. */
  waiting: number
  waitingOfToken: number
}

/** Of lists, searches, timelines and figures. */
const ofLists: PageReadLimits = { what: 'lists', atWork: 4, waiting: 64, waitingOfToken: 8 }

export class PageReads {
  readonly #limits: PageReadLimits
  readonly #queue: PQueue
  /** By token. */
  readonly #waiting = new Map<string | null, number>()

  constructor(limits: PageReadLimits = ofLists) {
    this.#limits = limits
    this.#queue = new PQueue({ concurrency: limits.atWork })
  }

  /**
   * What `read` answers, when its turn has come; it is told whether it waited. Once `gone` is aborted it is not begun, and
   * leaves whoever waits: rejects with its reason. Throws AppError `unavailable` where too many wait already.
   */
  run<Value>({ tokenId }: Principal, gone: AbortSignal, read: (waited: boolean) => Promise<Value>): Promise<Value> {
    if (gone.aborted) return Promise.reject(gone.reason)
    const { what, atWork, waiting: waitingMax, waitingOfToken } = this.#limits
    const isWaiting = this.#queue.pending >= atWork
    const waiting = this.#waiting.get(tokenId) ?? 0
    if (isWaiting && (this.#queue.size >= waitingMax || (tokenId !== null && waiting >= waitingOfToken))) {
      throw new AppError('unavailable', `too many ${what} are asked for at once: ask again later`)
    }
    this.#waiting.set(tokenId, waiting + 1)
    // Not `gone` itself: the queue would give away the turn of what is being read, which the store reads on.
    const leaving = new AbortController()
    const leave = () => {
      this.#waitsNoMore(tokenId)
      leaving.abort(gone.reason)
    }
    gone.addEventListener('abort', leave, { once: true })
    let waited = false
    const answer = this.#queue.add(
      () => {
        gone.removeEventListener('abort', leave)
        this.#waitsNoMore(tokenId)
        return read(waited)
      },
      { signal: leaving.signal },
    )
    // What has not begun by now has no turn yet.
    waited = true
    return answer
  }

  #waitsNoMore(tokenId: string | null): void {
    const others = this.#waiting.get(tokenId)! - 1
    if (others === 0) this.#waiting.delete(tokenId)
    else this.#waiting.set(tokenId, others)
  }
}
