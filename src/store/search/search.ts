// A search as lists have it: the index that is asked, what is asked of it beside the words, and how far it has come.
import { AppError } from '../../errors.ts'
import { hasRefs, impliedClauses, isOpen, refsOf } from '../filters.ts'
import type { StoredEvent } from '../record.ts'
import type { EventFilter, SearchProgress } from '../store.ts'
import type { IndexState } from './indexer.ts'
import { questionOf } from './question.ts'
import type { SearchReads } from './reading.ts'

/** Matching kinds up to here are asked for with the words; past it most of the log matches anyway. */
const kindsAskedMax = 32
/** Looked up in one step, where not all of them may be wanted. */
const foundAtOnce = 100

interface Extent {
  head: number
  oldest: number
  epoch: string
}

interface Walk<Row> {
  filter: EventFilter & { q: string }
  kinds: readonly number[] | undefined
  newest: boolean
  /** Those of these events that the filter takes, refs aside, in the walk's order; `cut` is the first one not read. */
  read(sequences: readonly number[]): Promise<{ rows: Row[]; cut: number | undefined }>
}

export function indexedOf(
  state: IndexState | null,
  { head, epoch }: Omit<Extent, 'oldest'>,
): { indexedThrough: number } {
  const isOfLog = state !== null && state.epoch === epoch && state.through <= head
  return { indexedThrough: isOfLog ? state.through : 0 }
}

type Found = Pick<StoredEvent, 'sequence' | 'subject' | 'data'>

export class Search {
  readonly #reads: SearchReads | undefined

  /** Without `reads` nothing is searched. */
  constructor(reads: SearchReads | undefined) {
    this.#reads = reads
  }

  /**
   * How far the index has come. Asked before the log is: one that is beyond the log then is another's. Throws AppError
   * `bad_request` where nothing is searched.
   */
  state(): Promise<IndexState | null> {
    return this.#on().state()
  }

  /** See `Store.search`. */
  async progress(extent: () => Promise<Extent>): Promise<SearchProgress | null> {
    if (this.#reads === undefined) return null
    const state = await this.state().catch(() => null)
    const { head, oldest, epoch } = await extent()
    const { indexedThrough } = indexedOf(state, { head, epoch })
    return { indexedThrough, behind: Math.max(0, head - Math.max(indexedThrough, oldest - 1)) }
  }

  /**
   * One step of the log from `at`, and where the next one begins. The kinds, the subject and the refs are asked of the
   * index with the words, so that what is rare is found among what is common.
   */
  walk<Row extends Found>({ filter, kinds, newest, read }: Walk<Row>) {
    const reads = this.#on()
    const refs = refsOf(filter)
    const question = [...questionOf(filter.q), ...impliedClauses(filter)]
    const asked = kinds !== undefined && kinds.length <= kindsAskedMax && !isOpen(filter) ? kinds : undefined
    const find = reads.walk({ question, kinds: asked, newest })
    const step = newest ? -1 : 1
    return async (at: number, bounds: { low: number; high: number }, wanted: number) => {
      const range = newest ? { low: bounds.low, high: at } : { low: at, high: bounds.high }
      const limit = Math.max(foundAtOnce, wanted)
      const { found, last } = await find({ ...range, limit })
      const ended = newest ? bounds.low - 1 : bounds.high + 1
      const beyond = last === null ? ended : last + step
      if (found.length === 0) return { rows: [], next: beyond }
      const { rows: all, cut } = await read(found)
      const rows = (refs.length === 0 ? all : all.filter(row => hasRefs(row, refs))).slice(0, wanted)
      if (rows.length === wanted) return { rows, next: rows.at(-1)!.sequence + step }
      return { rows, next: cut ?? beyond, isCut: cut !== undefined }
    }
  }

  #on(): SearchReads {
    if (this.#reads !== undefined) return this.#reads
    const detail = 'nothing is searched here: POSTERN_SEARCH is off'
    throw new AppError('bad_request', `the parameter q is wrong: ${detail}`, { errors: [{ parameter: 'q', detail }] })
  }
}
