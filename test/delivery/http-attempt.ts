// Attempts and destinations for the tests of HTTP: an event as the store gives it, and a spec with its defaults.

import type { Attempt, Destination } from '../../src/delivery/destination.ts'
import { type HttpParts, httpDestination } from '../../src/delivery/destinations/http.ts'
import { createEgress } from '../../src/delivery/egress.ts'
import type { HttpSpec } from '../../src/delivery/subscription.ts'
import { eventJson } from '../../src/store/event-json.ts'
import { eventId, type StoredEvent } from '../../src/store/record.ts'
import type { KeptRequest } from '../../src/store/store.ts'

export const secretA = `whsec_${Buffer.alloc(32, 'a').toString('base64')}`
export const secretB = `whsec_${Buffer.alloc(24, 'b').toString('base64')}`

export function storedEvent(change: Partial<StoredEvent> = {}): StoredEvent {
  return {
    id: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    sequence: 42,
    source: 'banclo',
    vendor: 'banclo',
    type: 'loan.status_changed',
    vendortype: 'loan_request.status_changed',
    environment: 'production',
    namespace: 'banclo',
    subject: 'loan/K0Z1Q',
    vendorid: 'evt_660e8400',
    vendortime: '2024-01-15T15:45:00Z',
    time: null,
    received: Date.parse('2024-01-15T15:45:00.812Z'),
    data: JSON.stringify({
      refs: { loan: 'K0Z1Q' },
      status: { current: 'bid', previous: 'pre_bid', phase: 'offered', raw: 'BID' },
      amount: { value: '250000.00', currency: 'EUR' },
    }),
    traceparent: null,
    sameas: null,
    ...change,
  }
}

export function keptRequest(body: Buffer, change: Partial<KeptRequest> = {}): KeptRequest {
  return {
    received: 0,
    method: 'POST',
    rest: '',
    query: '',
    headers: [['Content-Type', 'application/json']],
    address: '192.0.2.1',
    body,
    sha256: null,
    redacted: [],
    ...change,
  }
}

export function attemptOf(change: Partial<Attempt> = {}): Attempt {
  const event = change.event ?? storedEvent()
  return {
    event,
    json: eventJson(event),
    delivery: 'dlv_00000000000000000000000001',
    number: 1,
    replay: null,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    now: Date.now(),
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    ...change,
  }
}

export const storedEventId = eventId(storedEvent().id)

export function httpSpec(url: string, change: Partial<HttpSpec> = {}): HttpSpec {
  return {
    kind: 'http',
    url,
    format: 'cloudevent',
    secrets: [],
    headers: {},
    deadOn: [],
    connectTimeoutMs: 2_000,
    headersTimeoutMs: 3_000,
    bodyTimeoutMs: 3_000,
    ...change,
  }
}

export const anywhere = createEgress({ allowPrivate: true, allow: [] })

export function destinationTo(
  url: string,
  change: Partial<HttpSpec> = {},
  parts: Partial<HttpParts> = {},
): Destination {
  return httpDestination(httpSpec(url, change), { egress: anywhere, connections: 4, ...parts })
}
