// How an index is asked, whichever engine keeps it: step by step along the log, so that no question takes long.
import { AppError } from '../../errors.ts'
import type { IndexState } from './indexer.ts'
import type { Question } from './question.ts'

export interface WordWalk {
  question: Question
  /** Only events of these; undefined: of any. */
  kinds: readonly number[] | undefined
  newest: boolean
}

/** Sequences, both included. */
export interface WordStep {
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

/** Throw AppError `unavailable` where the index cannot be read. */
export interface SearchReads {
  /** Null where there is no index yet. */
  state(): Promise<IndexState | null>
  /** Each call is one step of one walk: it goes on where the last one ended. */
  walk(asked: WordWalk): (step: WordStep) => Promise<WordsFound>
}

export function unreadable(cause: unknown): AppError {
  return new AppError('unavailable', 'the search index cannot be read now: it is being made', { cause })
}
