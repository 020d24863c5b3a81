// A destination of a test's own: it says what comes of each attempt, at once or when it likes, and sees how many are
// under way.
import { type Attempt, type Destination, type Outcome, succeeded } from '../../src/delivery/destination.ts'

export interface MadeAttempt extends Attempt {
  /** In the order in which they began, over all of them. */
  place: number
  /** Ends it; only the first call counts. */
  end(outcome?: Outcome): void
  ended: boolean
}

export const released: Outcome = {
  result: 'released',
  status: null,
  reason: 'the gateway ends',
  answer: null,
  retryAfterMs: null,
}

/** What comes of an attempt; undefined: nothing until the test ends it. */
export type Answer = (attempt: MadeAttempt) => Outcome | undefined | Promise<Outcome>

export class MadeDestination implements Destination {
  readonly attempts: MadeAttempt[] = []
  answer: Answer
  closed = 0
  /** How many were ever under way at once. */
  most = 0
  #underWay = 0
  readonly #waiting = new Set<() => void>()

  constructor(answer: Answer = () => succeeded(204)) {
    this.answer = answer
  }

  get underWay(): number {
    return this.#underWay
  }

  /** Those that nobody has ended. */
  get open(): MadeAttempt[] {
    return this.attempts.filter(({ ended }) => !ended)
  }

  get sequences(): number[] {
    return this.attempts.map(({ event }) => event.sequence)
  }

  attempt(given: Attempt): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.most = Math.max(this.most, ++this.#underWay)
    const made: MadeAttempt = {
      ...given,
      place: this.attempts.length,
      ended: false,
      end: (outcome = succeeded(204)) => finish(() => resolve(outcome)),
    }
    const finish = (settle: () => void) => {
      if (made.ended) return
      made.ended = true
      this.#underWay--
      settle()
      this.#look()
    }
    given.signal.addEventListener('abort', () => made.end(released))
    if (given.signal.aborted) made.end(released)
    this.attempts.push(made)
    this.#look()
    try {
      void Promise.resolve(this.answer(made)).then(
        outcome => outcome && made.end(outcome),
        error => finish(() => reject(error)),
      )
    } catch (error) {
      finish(() => {})
      throw error
    }
    return promise
  }

  async close(): Promise<void> {
    this.closed++
  }

  /** Resolves once so many have begun. */
  begun(count: number): Promise<void> {
    return this.#until(() => this.attempts.length >= count)
  }

  /** Resolves once so many have ended. */
  done(count: number): Promise<void> {
    return this.#until(() => this.attempts.length - this.#underWay >= count)
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = () => {
        if (!condition()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  #look(): void {
    for (const look of [...this.#waiting]) look()
  }
}
