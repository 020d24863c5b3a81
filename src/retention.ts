// Retention by age: at start and then every hour, what is older than its source's days is deleted, and what nobody will
// deliver any more is cancelled. Of several nodes it is one's duty; who takes it over begins soon.
import { type Clock, systemTimers } from './clock.ts'
import type { Source } from './ingest/source.ts'
import type { Log } from './observe/log.ts'
import type { Store } from './store/store.ts'

const everyMs = 3_600_000
const lookEveryMs = 60_000
const dayMs = 86_400_000
/** A subscription that was taken out of the configuration by mistake may come back: until then its deliveries wait. */
const removedKeepsMs = 7 * dayMs
/** Who did what, and whose token is revoked. */
const auditKeepsMs = 400 * dayMs

export interface RetentionParts {
  store: Store
  sources: readonly Source[]
  /** Of sources that do not say. */
  days: number
  clock: Clock
  log: Log
}

/** Runs until it is stopped; a run that has begun ends after its current step. */
export function startRetention(parts: RetentionParts): { stop(): Promise<void> } {
  const stopping = new AbortController()
  let looks = 0
  /** Counted in looks: no clock that is set changes it. */
  let nextRun = 0
  let running = Promise.resolve()
  const look = () => {
    if (looks++ < nextRun || !parts.store.owns('retention')) return
    nextRun = looks - 1 + everyMs / lookEveryMs
    running = running.then(() => run(parts, stopping.signal))
  }
  look()
  const cancel = systemTimers.every(lookEveryMs, look)
  return {
    async stop() {
      cancel()
      stopping.abort()
      await running
    },
  }
}

async function run({ store, sources, days, clock, log }: RetentionParts, signal: AbortSignal): Promise<void> {
  const now = clock.now()
  const cutoffs = sources.flatMap(({ name, identity, options: { retentionDays } }): [string, number][] =>
    // What a renamed source received before stands under its old name.
    retentionDays === undefined ? [] : [name, identity].map(each => [each, now - retentionDays * dayMs]),
  )
  try {
    const deleted = await store.expire(new Map(cutoffs), now - days * dayMs, now, signal)
    if (deleted > 0) log.info({ deleted }, 'events older than their retention were deleted')
    const cancelled = await store.deliveries.cancelRemoved(now - removedKeepsMs, now)
    if (cancelled > 0)
      log.warn({ cancelled }, 'deliveries of subscriptions that were removed a week ago were cancelled')
    await store.audit.expire(now - auditKeepsMs)
    await store.tokens.forget(now - auditKeepsMs)
  } catch (error) {
    if (!signal.aborted) log.error({ err: error }, 'retention failed; it is tried again in an hour')
  }
}
