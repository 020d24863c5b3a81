// What becomes of a delivery after an attempt: settled, tried again and when, or dead. Pure.
import type { Settlement } from '../store/deliveries.ts'
import type { Outcome } from './destination.ts'
import type { SubscriptionSpec } from './subscription.ts'

export type Next = Pick<Settlement, 'state' | 'spent' | 'due' | 'holds'>

/** After a failure of our own: whoever takes it next should not meet it at once. */
const ourPauseMs = 1_000

/** `spent`: failures charged before this attempt. `random` gives a number in [0, 1). */
export function afterAttempt(
  { retry, onDead }: Pick<SubscriptionSpec, 'retry' | 'onDead'>,
  spent: number,
  outcome: Outcome,
  now: number,
  random: () => number,
): Next {
  const holds = onDead === 'hold'
  if (outcome.result === 'succeeded') return { state: 'succeeded', spent, due: now, holds: false }
  // Ours, not the destination's: as if the attempt had not been.
  if (outcome.result === 'released')
    return { state: spent > 0 ? 'retrying' : 'pending', spent, due: now + ourPauseMs, holds: false }
  const charged = spent + 1
  const delay = retry.scheduleMs[charged]
  if (outcome.result === 'dead' || delay === undefined) return { state: 'dead', spent: charged, due: now, holds }
  const jittered = delay * (1 + retry.jitter * random())
  return {
    state: 'retrying',
    spent: charged,
    due: now + Math.ceil(Math.max(jittered, outcome.retryAfterMs ?? 0)),
    holds: false,
  }
}

/** The longest waits by the failures charged so far, but for what a destination asked for. */
export function longestWaits({ retry }: Pick<SubscriptionSpec, 'retry'>): number[] {
  return retry.scheduleMs.map(ms => Math.ceil(ms * (1 + retry.jitter)))
}
