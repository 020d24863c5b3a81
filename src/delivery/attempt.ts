// One attempt: what its destination is given, within its trace. Whatever goes wrong is an outcome.
import { deliveryId, type Leased, replayId } from '../store/deliveries.ts'
import { eventJson, wantsOriginal } from '../store/event-json.ts'
import type { StoredEvent } from '../store/record.ts'
import { type Destination, failed, type Outcome } from './destination.ts'
import type { FlowParts } from './flow-parts.ts'
import type { SubscriptionSpec } from './subscription.ts'

export interface AttemptParts {
  store: Pick<FlowParts['store'], 'requestOf'>
  traced: FlowParts['traced']
  spec: SubscriptionSpec
  destination: Destination
  signal: AbortSignal
}

/** Why an attempt is not made that was leased for it. */
export const tooLate = 'it was too late to begin under its lease'

/** `mayBegin`: asked last of all, since reading what is sent may have taken longer than its lease. Never rejects. */
export async function makeAttempt(
  { store, traced, spec, destination, signal }: AttemptParts,
  leased: Leased,
  event: StoredEvent,
  now: number,
  mayBegin: () => boolean,
): Promise<Outcome> {
  const { to, include, timeoutMs } = spec
  const original = to.kind === 'http' && to.format === 'original'
  const delivery = deliveryId(leased)
  const replay = leased.replay === 0 ? null : replayId(leased.replay)
  try {
    const request = original || wantsOriginal(event, include) ? await store.requestOf(event) : undefined
    if (!mayBegin()) return { ...failed(tooLate), result: 'released' }
    const attributes = { subscription: spec.name, delivery, number: leased.attempt, replay, kind: to.kind }
    return await traced(event, attributes, traceparent =>
      destination.attempt({
        event,
        json: original ? '' : eventJson(event, request),
        ...(original && request !== undefined ? { request } : {}),
        delivery,
        number: leased.attempt,
        replay,
        traceparent,
        now,
        timeoutMs,
        signal,
      }),
    )
  } catch (error) {
    return failed(`the attempt could not be made: ${(error as Error).message}`)
  }
}
