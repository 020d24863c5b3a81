// Deliveries as the API shows them: with the event that each carries, where that is still kept.
import { z } from '@hono/zod-openapi'
import { isoTime } from '../clock.ts'
import { type AttemptRecord, type Delivery, deliveryId, deliveryStates, replayId } from '../store/deliveries.ts'
import { eventId, type StoredEvent, sequenceText } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import { eventExample, sequenceForm, timeForm } from './event-form.ts'
import { deliveryPath } from './path.ts'
import { timeOf } from './subscription-form.ts'

const shape = {
  id: z.string().regex(/^dlv_[0-9a-z]{26}$/),
  subscription: z.string().nullable(),
  event: z.string().nullable().meta({ description: 'its id; null: it is kept no longer' }),
  type: z.string().nullable(),
  subject: z.string().nullable(),
  namespace: z.string().nullable(),
  sequence: sequenceForm,
  replay: z.string().nullable().meta({ description: 'the replay that it belongs to; null: the live flow' }),
  state: z.enum(deliveryStates),
  attemptsMade: z.number().int(),
  failures: z.number().int().meta({ description: 'charged to its budget' }),
  dueAt: timeForm.nullable(),
  startedAt: timeForm.nullable().meta({ description: 'of the attempt that is under way' }),
  settledAt: timeForm.nullable(),
  holdsLane: z.boolean().meta({ description: 'whether it is dead and holds what stands behind it' }),
}
export const deliveryForm = z.object(shape).openapi('Delivery')
export type ShownDelivery = z.infer<typeof deliveryForm>

export const attemptForm = z
  .object({
    number: z.number().int(),
    startedAt: timeForm,
    elapsedMs: z.number(),
    result: z.string().meta({ description: '`succeeded`, `failed`, `dead`, `gone` or `released`' }),
    status: z.number().int().nullable().meta({ description: "the answer's HTTP status" }),
    reason: z.string().nullable().meta({ description: 'why it did not succeed' }),
    answer: z.string().nullable().meta({ description: "the answer's beginning" }),
  })
  .openapi('Attempt')
export const deliveryWithAttemptsForm = z
  .object({ ...shape, attempts: z.array(attemptForm) })
  .openapi('DeliveryWithAttempts')

export const deliveryExample: ShownDelivery = {
  id: deliveryPath.shape.id.meta()?.example as string,
  subscription: 'loan-book',
  event: eventExample.id,
  type: eventExample.type,
  subject: 'loan/K0Z1Q',
  namespace: 'loan-portal',
  sequence: eventExample.sequence,
  replay: null,
  state: 'retrying',
  attemptsMade: 1,
  failures: 1,
  dueAt: '2026-03-01T15:45:06.120Z',
  startedAt: null,
  settledAt: null,
  holdsLane: false,
}
export const attemptExample: z.infer<typeof attemptForm> = {
  number: 1,
  startedAt: '2026-03-01T15:45:00.903Z',
  elapsedMs: 118,
  result: 'failed',
  status: 500,
  reason: 'answered 500',
  answer: 'Internal Server Error',
}

/** In their order; events and names are read once for all of them. */
export async function describeDeliveries(store: Store, deliveries: readonly Delivery[]): Promise<ShownDelivery[]> {
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

function described(delivery: Delivery, subscription: string | null, event: StoredEvent | undefined): ShownDelivery {
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

export function describeAttempt({ startedAt, ...attempt }: AttemptRecord): z.infer<typeof attemptForm> {
  return { ...attempt, startedAt: isoTime(startedAt) }
}
