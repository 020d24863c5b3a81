// A subscription as the API shows it: its options without secrets, and where it stands.
import { isoTime } from '../clock.ts'
import type { PublicForm } from '../delivery/public-form.ts'
import { openSpec } from '../delivery/sealed-spec.ts'
import type { SealedBox } from '../ingest/sealed-box.ts'
import { type Counts, deliveryStates, type SubscriptionRow } from '../store/deliveries.ts'
import { sequenceText } from '../store/record.ts'
import type { Store } from '../store/store.ts'

export type Describe = (row: SubscriptionRow) => Promise<object>

/** With the log's head and the counts read once for all that are described. */
export async function describer(store: Store, box: SealedBox): Promise<Describe> {
  const [{ head }, counts] = await Promise.all([store.extent(), store.deliveries.counts()])
  return async row => {
    const oldest = await store.deliveries.oldestUnsettled(row.number)
    return described(row, head, counts.get(row.number), oldest, problemOf(row, box))
  }
}

function described(
  row: SubscriptionRow,
  head: number,
  counts: Counts | undefined,
  oldestUnsettled: number | null,
  problem: string | null,
): object {
  const { breaker, ...options } = JSON.parse(row.spec) as PublicForm
  const { state, failures, opened, until } = row.breaker
  return {
    name: row.name,
    origin: row.origin,
    createdAt: isoTime(row.createdAt),
    removedAt: timeOf(row.removedAt),
    problem,
    paused: row.paused === null ? null : { by: row.paused, at: timeOf(row.pausedAt) },
    cursor: sequenceText(row.cursor),
    lag: Math.max(0, head - row.cursor),
    oldestUnsettledAt: timeOf(oldestUnsettled),
    deliveries: Object.fromEntries(deliveryStates.map(each => [each, counts?.[each] ?? 0])),
    lanesHeld: counts?.held ?? 0,
    ...options,
    breaker: { ...breaker, state, consecutiveFailures: failures, opened, until: timeOf(until) },
  }
}

/** Sealed under a key that is gone, it cannot be delivered to. */
function problemOf(row: SubscriptionRow, box: SealedBox): string | null {
  if (row.origin === 'config' || row.removedAt !== null || openSpec(row, box) !== undefined) return null
  return 'its secrets were sealed under another key: put it anew'
}

export function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : isoTime(milliseconds)
}
