// The options of a subscription as a configuration file says them: types for its author.
// Their defaults are filled in by `src/config/subscriptions.ts`, which checks each.

export interface RetryOptions {
  /**
   * How long is waited before each attempt, in milliseconds: as many attempts as there are entries, at most 50.
   * Default 0 s, 5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
   */
  scheduleMs?: readonly number[]
  /** Up to this share of each wait is added by chance, 0 to 1. Default 0.2. */
  jitter?: number
}

export interface BreakerOptions {
  /** Consecutive failures that stop the attempts. Default 10. */
  failures?: number
  /** Until the first probe; each that fails doubles it, up to twenty times as long. Default 30,000 ms. */
  coolDownMs?: number
}

export interface SubscriptionOptions {
  /**
   * Globs of the vendors' own type names. An event matches if any of `types` or any of these does.
   * Default none; with neither list, every event but Postern's own matches.
   */
  vendorTypes?: readonly string[]
  /** Globs of source names. Default all. */
  sources?: readonly string[]
  /**
   * JMESPath over the event: it is delivered where the result is true as JMESPath says it (not null, false, or empty).
   * Default: every event.
   */
  filter?: string
  /** Attempts at once, in each node, 1 to 1,000. Default 16. */
  concurrency?: number
  /** At most `limit` attempts begin in any `intervalMs`. Default: no limit. */
  rate?: {
    limit: number
    /** Milliseconds, at most an hour. */
    intervalMs: number
  }
  /**
   * `subject`: the events of one subject one after another, by sequence; other subjects are not held up.
   * An event without a subject waits for none. Default `none`.
   */
  order?: 'none' | 'subject'
  /** What a dead delivery does to those behind it, with `order: 'subject'`. Default `hold`: until it is retried or skipped. */
  onDead?: 'hold' | 'skip'
  retry?: RetryOptions
  breaker?: BreakerOptions
  /** For one attempt, all in all. Default 15,000 ms. */
  timeoutMs?: number
  /** `['original']`: the vendor's own content as `data.original`, with every event. Default none. */
  include?: readonly 'original'[]
  /** Leaves out events that seem to tell what an earlier one told (`sameas`). Default false. */
  skipSame?: boolean
  /** Where a new subscription begins; one that there was before goes on where it stood. Default `now`. */
  start?: 'now' | 'beginning' | { sequence: number } | { time: string }
  /** Heap of a handler's worker thread, in MiB. Default 128. Only where `to` is a handler. */
  memoryMiB?: number
}
