// What carries one event to one place: the contract that every destination fulfils, and the outcome of an attempt.

import type { StoredEvent } from '../store/record.ts'
import type { KeptRequest } from '../store/store.ts'

/** One try, as a destination is given it. */
export interface Attempt {
  event: StoredEvent
  /** The event as JSON, with what the subscription includes. */
  json: string
  /** The vendor's request; there where the format is `original`. */
  request?: KeptRequest | undefined
  /** `dlv_…` */
  delivery: string
  /** From 1, counted when it is leased. */
  number: number
  /** `rpl_…` on a replay. */
  replay: string | null
  traceparent: string
  /** When it begins, milliseconds since the epoch. */
  now: number
  timeoutMs: number
  /** Aborted when the gateway ends: the outcome is then `released`. */
  signal: AbortSignal
}

/**
 * - `succeeded`
 * - `failed`: charged to the delivery's budget, and tried again while some of it is left
 * - `dead`: charged, and never tried again
 * - `gone`: the destination wants nothing more (410): charged, and the subscription is paused
 * - `released`: a failure of our own: not charged, tried again at once
 */
export type Result = 'succeeded' | 'failed' | 'dead' | 'gone' | 'released'

export interface Outcome {
  result: Result
  /** The HTTP status, where there was an answer. */
  status: number | null
  /** Why it did not succeed, for people: `no answer within 15000 ms`, `ECONNRESET`. Never a secret. */
  reason: string | null
  /** The answer's beginning, 16 KiB at most; of a handler its error's stack. */
  answer: string | null
  /** What the destination asked to wait (Retry-After), at most 24 h. */
  retryAfterMs: number | null
}

export interface Destination {
  /** Never rejects. */
  attempt(attempt: Attempt): Promise<Outcome>
  close(): Promise<void>
}

export const answerBytesMax = 16 * 1024

export function succeeded(status: number | null = null, answer: string | null = null): Outcome {
  return { result: 'succeeded', status, reason: null, answer, retryAfterMs: null }
}

export function failed(reason: string, more: Partial<Outcome> = {}): Outcome {
  return { result: 'failed', status: null, answer: null, retryAfterMs: null, ...more, reason }
}
