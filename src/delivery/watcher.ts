// What becomes of what happens in the delivery: lines in the log, metrics, and events about ourselves.
import { isoTime } from '../clock.ts'
import type { DeliveryMetrics } from '../observe/delivery-metrics.ts'
import type { Log } from '../observe/log.ts'
import type { Announcer } from '../own-events.ts'
import { eventId, type StoredEvent } from '../store/record.ts'
import type { Outcome } from './destination.ts'
import type { FlowWatcher } from './flow-parts.ts'

export interface WatcherParts {
  metrics: DeliveryMetrics
  announcer: Announcer
  log: Log
}

export function flowWatcher({ metrics, announcer, log }: WatcherParts): FlowWatcher {
  const about = (subscription: string, event: StoredEvent) => ({ subscription, event: eventId(event.id) })
  const last = ({ status, reason }: Outcome) => ({
    ...(status === null ? {} : { httpStatus: status }),
    ...(reason === null ? {} : { reason }),
  })
  return {
    attempted: (subscription, { result }, elapsedMs) => metrics.attempt(subscription, result, elapsedMs),
    died(subscription, event, attempts, outcome) {
      const refs = about(subscription, event)
      log.warn({ ...refs, attempts, ...last(outcome) }, 'a delivery is dead')
      const data = { refs, attempts, eventType: event.type, ...last(outcome) }
      announcer.announce('postern.delivery.died', subscription, data, { about: event.type })
    },
    breakerChanged(subscription, { state, failures, until }, event, outcome) {
      metrics.breaker(subscription, state)
      const isOpen = state === 'open'
      log[isOpen ? 'warn' : 'info']({ subscription, failures, ...last(outcome) }, `a breaker is now ${state}`)
      if (!isOpen) return
      const data = {
        refs: about(subscription, event),
        failures,
        ...(until === null ? {} : { until: isoTime(until) }),
        ...last(outcome),
      }
      announcer.announce('postern.breaker.opened', subscription, data, { about: event.type })
    },
    gone(subscription, event, outcome) {
      const refs = about(subscription, event)
      log.warn(refs, 'a destination wants nothing more (410): its subscription is paused')
      const data = { refs, by: 'gone' as const, ...last(outcome) }
      announcer.announce('postern.subscription.paused', subscription, data, { about: event.type })
    },
    leasesLost(subscription, count) {
      metrics.leasesLost(subscription, count)
      log.warn({ subscription, count }, 'leases no longer held: others may have had what was leased')
    },
    missed: (subscription, count) =>
      log.error({ subscription, count }, 'events were deleted by age before they were fed to this subscription'),
    unfiltered: (subscription, count) =>
      log.warn({ subscription, count }, 'the filter cannot be evaluated on some events: they are not delivered'),
    ended: subscription => metrics.forget(subscription),
    failed: (subscription, error) =>
      log.error({ err: error, subscription }, 'the delivery could not go on; it is tried again'),
  }
}
