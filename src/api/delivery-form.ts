// Deliveries as the API shows them: with the event that each carries, where that is still kept.
import { isoTime } from '../clock.ts'
import { type AttemptRecord, type Delivery, deliveryId, replayId } from '../store/deliveries.ts'
import { eventId, type StoredEvent, sequenceText } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import { timeOf } from './subscription-form.ts'

/** In their order; events and names are read once for all of them. */
export async function describeDeliveries(store: Store, deliveries: readonly Delivery[]): Promise<object[]> {
  if (deliveries.length === 0) return []
  const [rows, events] = await Promise.all([
    store.deliveries.subscriptions(),
    store.deliveries.events([...new Set(deliveries.map(({ sequence }) => sequence))]),
  ])
  const names = new Map(rows.map(({ number, name }) => [number, name]))
  const bySequence = new Map(events.map(event => [event.sequence, event]))
  return deliveries.map(delivery =>
    described(delivery, names.get(delivery.subscription) ?? null, bySequence.get(delivery.sequence)),
  )
}

function described(delivery: Delivery, subscription: string | null, event: StoredEvent | undefined): object {
  const { sequence, replay, state, attempts, spent, due, settledAt, holds } = delivery
  return {
    id: deliveryId(delivery),
    subscription,
    event: event === undefined ? null : eventId(event.id),
    type: event?.type ?? null,
    subject: event?.subject ?? null,
    namespace: event?.namespace ?? null,
    sequence: sequenceText(sequence),
    replay: replay === 0 ? null : replayId(replay),
    state,
    attemptsMade: attempts,
    failures: spent,
    dueAt: state === 'delivering' ? null : timeOf(due),
    startedAt: state === 'delivering' ? timeOf(due) : null,
    settledAt: timeOf(settledAt),
    holdsLane: holds,
  }
}

export function describeAttempt({ startedAt, ...attempt }: AttemptRecord): object {
  return { ...attempt, startedAt: isoTime(startedAt) }
}
