// A store like the one over a network: a test says what becomes of what is sent to it.
import { AppError, type ErrorCode } from '../../src/errors.ts'
import type { EventRecord } from '../../src/store/record.ts'
import type { Store } from '../../src/store/store.ts'

/** `lost`: it is done, and the answer never arrives. */
export type Fate = 'done' | 'lost' | ErrorCode

export interface SwitchedStore extends Store {
  /** Of every write from now on. */
  fate: Fate | (() => Fate)
  /** Events that it refuses for what they hold. */
  refuses(event: EventRecord): boolean
  /** Called before each write, which waits for it. */
  before(): Promise<void>
  /** Writes that it was asked for. */
  readonly asked: string[]
}

export function switched(store: Store, ready: Promise<void> = Promise.resolve()): SwitchedStore {
  const write = async <Value>(what: string, run: () => Promise<Value>): Promise<Value> => {
    made.asked.push(what)
    const fate = typeof made.fate === 'function' ? made.fate() : made.fate
    await made.before()
    if (fate === 'lost') {
      await run()
      throw new AppError('store_unreachable', 'no answer')
    }
    if (fate !== 'done') throw new AppError(fate, `it is ${fate}`)
    return run()
  }
  const check = (events: readonly EventRecord[]) => {
    if (events.some(event => made.refuses(event))) throw new AppError('store_refused', 'it holds what is refused')
  }
  const made: SwitchedStore = {
    ...store,
    ready,
    fate: 'done',
    refuses: () => false,
    before: () => Promise.resolve(),
    asked: [],
    append: (events, request) =>
      write('append', async () => {
        check(events)
        return store.append(events, request)
      }),
    appendInOrder: arrivals =>
      write(`appendInOrder ${arrivals.length}`, async () => {
        check(arrivals.flatMap(({ events }) => events))
        return store.appendInOrder(arrivals)
      }),
    quarantine: (entry, request) => write('quarantine', () => store.quarantine(entry, request)),
    reject: (rejection, request, limits) => write('reject', () => store.reject(rejection, request, limits)),
    async health() {
      const fate = typeof made.fate === 'function' ? made.fate() : made.fate
      return fate === 'done' || fate === 'lost' ? store.health() : { ok: false, problem: 'unreachable' }
    },
  }
  return made
}
