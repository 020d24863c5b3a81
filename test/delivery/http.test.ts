// What a subscriber gets, over real sockets, and read by the libraries that subscribers use.
import { type CloudEvent, HTTP } from 'cloudevents'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Attempt, Destination } from '../../src/delivery/destination.ts'
import { httpDestination } from '../../src/delivery/destinations/http.ts'
import type { HttpSpec } from '../../src/delivery/subscription.ts'
import { eventJson } from '../../src/store/event-json.ts'
import { answers, type Received, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import {
  anywhere,
  attemptOf,
  destinationTo,
  httpSpec,
  keptRequest,
  secretA,
  secretB,
  storedEvent,
  storedEventId,
} from './http-attempt.ts'

let subscriber: Subscriber
const open: Destination[] = []

beforeAll(async () => {
  subscriber = await startSubscriber()
})
afterAll(() => subscriber.close())
afterEach(async () => {
  subscriber.behave(answers(204))
  await Promise.all(open.splice(0).map(destination => destination.close()))
})

/** One successful attempt, as the subscriber got it. */
async function received(spec: Partial<HttpSpec>, attempt: Partial<Attempt> = {}): Promise<Received> {
  const destination = destinationTo(subscriber.url, spec)
  open.push(destination)
  expect(await destination.attempt(attemptOf(attempt))).toMatchObject({ result: 'succeeded', status: 204 })
  return subscriber.received.at(-1)!
}

describe('content', () => {
  test('is a CloudEvent in structured mode, which the cloudevents SDK reads', async () => {
    const { method, headers, text } = await received({})
    expect(method).toBe('POST')
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
    expect(headers['content-length']).toBe(String(Buffer.byteLength(text)))
    const event = HTTP.toEvent({ headers, body: text }) as CloudEvent<{ amount: unknown }>
    expect(event.validate()).toBe(true)
    // The SDK writes the time with milliseconds.
    const sent = { ...JSON.parse(eventJson(storedEvent())), time: '2024-01-15T15:45:00.000Z' }
    expect(event.toJSON()).toMatchObject(sent)
    expect(event.data?.amount).toEqual({ value: '250000.00', currency: 'EUR' })
  })

  test('is the JSON it was given, to the byte', async () => {
    const json = '{"data":{"original":1.50e3,"text":"ü – 中 \\u0000"}}'
    expect((await received({}, { json })).text).toBe(json)
  })

  test("is the vendor's bytes and content type, with `original`", async () => {
    const body = Buffer.from([0x00, 0xff, 0x7b, 0x80, 0x0a])
    const headers = [['CONTENT-TYPE', 'text/weird; charset="x"'] as const]
    const got = await received({ format: 'original' }, { request: keptRequest(body, { headers }) })
    expect([got.body, got.headers['content-type']]).toEqual([body, 'text/weird; charset="x"'])
  })

  test.each([
    ['none', []],
    ['no header', [['content-type', 'a\r\nx-evil: 1']]],
    ['no Latin-1', [['content-type', 'text/中']]],
    ['nothing', [['content-type', '']]],
  ] as const)("is binary where the vendor's content type is %s", async (_, headers) => {
    const got = await received({ format: 'original' }, { request: keptRequest(Buffer.from('x'), { headers }) })
    expect(got.headers['content-type']).toBe('application/octet-stream')
    expect(got.headers['x-evil']).toBeUndefined()
  })

  test('is the query of a request that had nothing else', async () => {
    const request = keptRequest(Buffer.alloc(0), { method: 'GET', query: 'loan=1&x=%20' })
    const got = await received({ format: 'original' }, { request })
    expect([got.text, got.headers['content-type']]).toEqual(['loan=1&x=%20', 'application/x-www-form-urlencoded'])
  })

  test('may be empty', async () => {
    const got = await received({ format: 'original', secrets: [secretA] }, { request: keptRequest(Buffer.alloc(0)) })
    expect([got.text, got.headers['content-length']]).toEqual(['', '0'])
    expect(() => new Webhook(secretA).verify('', got.headers as never, { jsonParse: false })).not.toThrow()
  })
})

describe('headers', () => {
  test('say which event, delivery and attempt it is, and its trace', async () => {
    const now = 1_700_000_000_999
    const { headers } = await received({}, { number: 7, now })
    expect(headers).toMatchObject({
      'webhook-id': storedEventId,
      'webhook-timestamp': '1700000000',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'postern-delivery': 'dlv_00000000000000000000000001',
      'postern-attempt': '7',
      'user-agent': 'postern',
    })
    expect(headers).not.toHaveProperty('postern-replay')
    expect(headers).not.toHaveProperty('webhook-signature')
  })

  test('name the replay, on replays', async () => {
    const { headers } = await received({}, { replay: 'rpl_00000000000000000000000003' })
    expect(headers['postern-replay']).toBe('rpl_00000000000000000000000003')
  })

  test('of the configuration go with every attempt, and may say who calls', async () => {
    const { headers } = await received({ headers: { 'X-Tenant': 'eu', 'User-Agent': 'lender' } })
    expect([headers['x-tenant'], headers['user-agent']]).toEqual(['eu', 'lender'])
  })

  test('keep the path and query of the URL', async () => {
    const destination = destinationTo(`${subscriber.url}/a%20b?x=1&y=ü`)
    open.push(destination)
    await destination.attempt(attemptOf())
    expect(subscriber.received.at(-1)!.path).toBe('/events/a%20b?x=1&y=%C3%BC')
  })
})

describe('the signature', () => {
  test.each([
    ['a CloudEvent', {}, {}],
    ["the vendor's bytes", { format: 'original' }, { request: keptRequest(Buffer.from('{"a": 1.0}')) }],
  ] as const)(
    'over %s is accepted by the standardwebhooks package, by each of the secrets',
    async (_, spec, attempt) => {
      const got = await received({ ...spec, secrets: [secretA, secretB] }, attempt)
      for (const secret of [secretA, secretB]) {
        expect(new Webhook(secret).verify(got.text, got.headers as never)).toEqual(got.json)
      }
      const stranger = `whsec_${Buffer.alloc(32, 'x').toString('base64')}`
      expect(() => new Webhook(stranger).verify(got.text, got.headers as never)).toThrow()
      expect(() => new Webhook(secretA).verify(`${got.text} `, got.headers as never)).toThrow()
    },
  )

  test('is one for each secret, newest first, and new with each attempt', async () => {
    const now = Date.now()
    const both = await received({ secrets: [secretA, secretB] }, { now })
    const [first] = String(both.headers['webhook-signature']).split(' ')
    expect(both.headers['webhook-signature']).toMatch(/^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/)
    const one = await received({ secrets: [secretA] }, { now })
    expect(one.headers['webhook-signature']).toBe(first)
    const later = await received({ secrets: [secretA] }, { now: now + 1_000 })
    expect(later.headers['webhook-signature']).not.toBe(first)
  })
})

test.each(['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://user:hunter2@127.0.0.1/'])('%s is refused', url => {
  const make = () => httpDestination(httpSpec(url), { egress: anywhere, connections: 1 })
  expect(make).toThrow(TypeError)
  expect(make).not.toThrow(/hunter2/)
})
