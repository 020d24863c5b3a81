// Lists, searches, timelines and figures: how many are read at once and how many may wait, so that whoever asks for many
// has no more of the store than the others. What lasts, streams and exports, has bounds of its own: see readers.ts.
import PQueue from 'p-queue'
import { AppError } from '../errors.ts'
import type { Principal } from './access.ts'

const atWork = 4
/** All together; of the environment's token so many. */
const waitingMax = 64
const waitingOfToken = 8

export class PageReads {
  readonly #queue = new PQueue({ concurrency: atWork })
  /** By token. */
  readonly #waiting = new Map<string | null, number>()

  /** What `read` answers, when its turn has come. Throws AppError `unavailable` where too many wait already. */
  run<Value>({ tokenId }: Principal, read: () => Promise<Value>): Promise<Value> {
    const isWaiting = this.#queue.pending >= atWork
    const waiting = this.#waiting.get(tokenId) ?? 0
    if (isWaiting && (this.#queue.size >= waitingMax || (tokenId !== null && waiting >= waitingOfToken))) {
      throw new AppError('unavailable', 'too many lists are asked for at once: ask again later')
    }
    this.#waiting.set(tokenId, waiting + 1)
    return this.#queue.add(() => {
      const others = this.#waiting.get(tokenId)! - 1
      if (others === 0) this.#waiting.delete(tokenId)
      else this.#waiting.set(tokenId, others)
      return read()
    })
  }
}
