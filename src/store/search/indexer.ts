// Fills the search index from the log, behind the append and never in its transaction: page by page from a cursor of its
// own, which moves with what was added. It may end at any moment and goes on where it stood; an index that is missing,
// damaged or another log's is made anew.
import type { Entry, SearchedLog } from './log.ts'
import { Pace } from './pace.ts'

/** Of the tables, of what is a word, and of which an event has: an index of another one is made anew. */
export const indexFormat = 2
/** Sequences of one part of an index: each is a table of its own, which is dropped when all of it is too old. */
export const rangeSize = 65_536

const sweepEveryMs = 3_600_000
/** Of its turns, while there is much to add. */
const sweepOneIn = 8
/** Searches wait for each try. */
const busyAgainMs = 60_000
const beginAgainMs = 5_000

export function rangeOf(sequence: number): number {
  return Math.floor(sequence / rangeSize)
}

export interface IndexState {
  /** The log's that it is made of. */
  epoch: string
  /** Everything up to this sequence is in it. */
  through: number
}

/** What each engine does in its own way. `begin`, `drop` and `sweep` may throw IndexBusy. */
export interface SearchIndex {
  /** Null where there is none yet, or one of another make. */
  state(): Promise<IndexState | null>
  /** An empty one in place of what is there. */
  begin(state: IndexState): Promise<void>
  /** Entries of one range, and the cursor with them. Does nothing where the cursor is not at `after` any more. */
  add(batch: { after: number; through: number; range: number; entries: readonly Entry[] }): Promise<void>
  ranges(): Promise<number[]>
  drop(range: number): Promise<void>
  /** Deletes what is no longer in the log. */
  sweep(range: number): Promise<void>
}

/** Thrown where what is kept cannot be read any more: it is made anew. */
export class IndexDamaged extends Error {}

/** Thrown where somebody reads on in what is to be dropped: again later. */
export class IndexBusy extends Error {}

export interface IndexerParts {
  log: Pick<SearchedLog, 'extent' | 'page'>
  index: SearchIndex
  /** Makes an empty one in place of what is damaged. */
  remake(): Promise<void>
  /** Whether this node is the one that fills it. */
  owns(): boolean
  /** Milliseconds of a clock that nobody sets. */
  now(): number
}

export class Indexer {
  readonly #parts: IndexerParts
  readonly #pace = new Pace()
  /** Ranges to be looked through; all of them at first, since retention may have been at work without it. */
  #sweeps: number[] | null = null
  #sweptAt = 0
  /** Of those, the ones that somebody held up. */
  #heldUp: number[] = []
  #heldUpAt = 0
  #turns = 0

  constructor(parts: IndexerParts) {
    this.#parts = parts
  }

  /** Retention has deleted events. */
  sweep(): void {
    this.#sweeps = null
  }

  /** One go; how long to rest after it, in milliseconds. */
  async turn(): Promise<number> {
    const { owns, now } = this.#parts
    if (!owns()) return this.#pace.rest(0, 0)
    const from = now()
    try {
      const behind = await this.#step()
      return this.#pace.rest(now() - from, behind)
    } catch (error) {
      if (error instanceof IndexBusy) return beginAgainMs
      if (!(error instanceof IndexDamaged)) throw error
      await this.#parts.remake()
      return 0
    }
  }

  /** How much is left to do. */
  async #step(): Promise<number> {
    const { log, index, now } = this.#parts
    // Before the log: another node may add to both meanwhile, and one that is beyond the log then is another's.
    const state = await index.state()
    const { head, oldest, epoch } = await log.extent()
    this.#pace.look(head, now())
    if (state === null || state.epoch !== epoch || state.through > head) {
      await index.begin({ epoch, through: oldest === 0 ? head : oldest - 1 })
      this.#sweeps = []
      return 1
    }
    // Where another node deletes nobody tells.
    if (this.#sweeps?.length === 0 && now() - this.#sweptAt > sweepEveryMs) this.#sweeps = null
    if (now() - this.#heldUpAt > busyAgainMs) this.#sweeps?.push(...this.#heldUp.splice(0))
    const after = state.through
    const isSweepDue = this.#sweeps?.length !== 0 && ++this.#turns % sweepOneIn === 0
    if (after < head && !isSweepDue) {
      const { entries, through } = await log.page(after, head, this.#pace.page)
      let at = after
      for (const [range, some] of byRange(entries)) {
        const upTo = some.at(-1)!.sequence
        await index.add({ after: at, through: upTo, range, entries: some })
        at = upTo
      }
      if (at < through) await index.add({ after: at, through, range: rangeOf(through), entries: [] })
      return head - through
    }
    return (await this.#sweepOne(oldest, head)) + head - after
  }

  async #sweepOne(oldest: number, head: number): Promise<number> {
    const { index, now } = this.#parts
    if (this.#sweeps === null) {
      this.#sweeps = (await index.ranges()).toSorted((a, b) => a - b)
      this.#sweptAt = now()
      this.#heldUp = []
    }
    const range = this.#sweeps.shift()
    if (range === undefined) return 0
    try {
      if (range < rangeOf(oldest === 0 ? head + 1 : oldest)) await index.drop(range)
      else await index.sweep(range)
    } catch (error) {
      if (!(error instanceof IndexBusy)) throw error
      this.#heldUp.push(range)
      this.#heldUpAt = now()
    }
    // Retention may have told of more meanwhile.
    return this.#sweeps?.length ?? 1
  }
}

function byRange(entries: readonly Entry[]): Map<number, Entry[]> {
  return Map.groupBy(entries, ({ sequence }) => rangeOf(sequence))
}
