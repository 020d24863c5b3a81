// How an index is asked, whichever engine keeps it: step by step along the log, so that no question takes long.
import type { Question } from './question.ts'
import type { IndexState } from './indexer.ts'

export interface WordWalk {
  question: Question
  /** Only events of these; undefined: of any. */
  kinds: readonly number[] | undefined
  newest: boolean
  /** Sequences, both included. */
  low: number
  high: number
  limit: number
}

export interface WordsFound {
  /** Sequences of events that have all that is asked for, in the walk's order. */
  found: number[]
  /** The last one that was looked at; null where there are no more. */
  last: number | null
}

export interface SearchReads {
  /** Null where there is no index yet. Throws AppError `unavailable` where it cannot be read. */
  state(): Promise<IndexState | null>
  find(walk: WordWalk): Promise<WordsFound>
}
