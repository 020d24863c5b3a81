import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { standardWebhooks } from '../../adapters/standard-webhooks/index.ts'
import { bearer } from '../../src/checks/bearer.ts'
import { request } from '../checks/request.ts'
import { eventsOf, testAdapter } from '../contract/adapter.ts'
import { keys } from '../contract/fixture.ts'

const check = standardWebhooks.signature({ secret: keys.standardWebhooks.secret })
const source = standardWebhooks({ vendor: 'contacts', check })

testAdapter({
  vendor: 'generic',
  sourceName: 'generic',
  sampled: source,
  cases: [
    { name: 'standard-webhooks', source, expect: 'accept', receivedAt: 1_674_087_231_000 },
    { name: 'github-style', source, expect: 'reject' },
  ],
})

describe('standardWebhooks', () => {
  const eventOf = (
    body: string | Uint8Array,
    headers: Record<string, string> = { 'webhook-id': 'msg_1' },
    by = source,
  ) => eventsOf(by, 'contacts', request({ headers, body }))

  test('what the reference library signs becomes an event', async () => {
    const [id, now, body] = ['msg_p5jXN8AQM9LWM0D4loKWxJek', new Date(), '{"type":"InvoicePaid.v2","data":{}}']
    const signed = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': new Webhook(keys.standardWebhooks.secret).sign(id, now, body),
    }
    const arrived = request({ headers: signed, body, receivedAt: now.getTime() })
    expect(await check.verify(arrived)).toMatchObject({ ok: true })
    expect(eventsOf(source, 'contacts', arrived)).toMatchObject([
      { type: 'custom.contacts.invoice_paid.v2', vendortype: 'InvoicePaid.v2', vendorid: id, vendor: 'contacts' },
    ])
  })

  test('the same id is the same event, and without one the content is', () => {
    const idOf = (body: string, headers: Record<string, string>) => {
      const events = eventOf(body, headers) as { id: string }[]
      return events[0]?.id
    }
    expect(idOf('{"type":"a"}', { 'webhook-id': 'm' })).toBe(idOf('{"type":"b"}', { 'webhook-id': 'm' }))
    expect(idOf('{"type":"a"}', { 'webhook-id': 'm' })).not.toBe(idOf('{"type":"a"}', { 'webhook-id': 'n' }))
    expect(idOf('{"type":"a"}', {})).toBe(idOf('{"type":"a"}', { 'webhook-id': '' }))
    expect(idOf('{"type":"a"}', {})).not.toBe(idOf('{"type":"a","x":1}', {}))
  })

  test('a time without an offset is read in the timezone of the source; what is no time is shown as sent', () => {
    const berlin = standardWebhooks({ vendor: 'contacts', check, timezone: 'Europe/Berlin', environment: 'sandbox' })
    expect(eventOf('{"type":"a","timestamp":"2024-07-01T12:00:00"}', undefined, berlin)).toMatchObject([
      { time: '2024-07-01T12:00:00+02:00', vendortime: '2024-07-01T12:00:00', environment: 'sandbox' },
    ])
    expect(eventOf('{"type":"a","timestamp":"soon"}')).toMatchObject([
      { time: '2026-01-02T03:04:05.678Z', vendortime: 'soon' },
    ])
  })

  test('a body without a type, or that is no JSON, waits', () => {
    const bodies = [
      '{}',
      '{"type":""}',
      '{"type":null}',
      '{"type":{}}',
      '[]',
      'null',
      '"type"',
      '{"data":{"type":"a"}}',
    ]
    for (const body of bodies) expect(eventOf(body), body).toEqual({ notUnderstood: 'the body has no type' })
    for (const body of ['', 'type=a', Buffer.from([0xff])]) {
      expect(eventOf(body)).toEqual({ notUnderstood: expect.stringMatching(/^the body is not JSON/) })
    }
  })

  test('a type of the catalogue stays one of the vendor', () => {
    expect(eventOf('{"type":"loan.created"}')).toMatchObject([{ type: 'custom.contacts.loan.created' }])
  })

  test('any other check fits as well', () => {
    expect(standardWebhooks({ vendor: 'contacts', check: bearer('token') })).toMatchObject({
      check: { kind: 'bearer' },
    })
  })
})
