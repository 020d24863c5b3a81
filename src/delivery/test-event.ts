// The event of a subscription's test: made on the spot, in no log, and plainly one of ours.
import { type Chance, isoTime } from '../clock.ts'
import { ownName, ownRequest } from '../own-events.ts'
import { eventJson } from '../store/event-json.ts'
import type { StoredEvent } from '../store/record.ts'
import type { KeptRequest } from '../store/store.ts'

export interface TestEvent {
  event: StoredEvent
  json: string
  request: KeptRequest
}

export function testEvent(subscription: string, now: number, chance: Chance): TestEvent {
  const data = JSON.stringify({ refs: { subscription }, text: `A test of the subscription ${subscription}` })
  const event: StoredEvent = {
    id: chance.bytes(16),
    sequence: 0,
    source: ownName,
    vendor: ownName,
    type: 'postern.subscription.tested',
    vendortype: 'postern.subscription.tested',
    environment: null,
    namespace: ownName,
    subject: `subscription/${subscription}`,
    vendorid: null,
    vendortime: null,
    time: isoTime(now),
    received: now,
    data,
    sameas: null,
    traceparent: null,
  }
  return { event, json: eventJson(event), request: ownRequest(data, now) }
}
