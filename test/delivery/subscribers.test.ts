// Real subscribers of every kind, well and ill, behind one gateway at once: what each of them got, what the store says
// of its deliveries and their attempts, and that the one that is well got everything meanwhile.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HttpOptions, http } from '../../src/config/http.ts'
import type { SubscriptionOptions } from '../../src/config/subscription-options.ts'
import { answerBytesMax } from '../../src/delivery/destination.ts'
import type { AttemptRecord } from '../../src/store/deliveries.ts'
import { FanOut, idsOf, type Told } from '../support/fan-out.ts'
import {
  answers,
  type Behaviour,
  breaksOff,
  drips,
  dripsHeaders,
  type Exchange,
  hangsUp,
  huge,
  never,
  redirects,
  resets,
  type Subscriber,
  says,
} from '../support/subscriber.ts'

const count = 5
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const attempts = (most: number) => ({ scheduleMs: [0, ...Array<number>(most - 1).fill(10)], jitter: 0 })

interface Ill {
  behaviour: Behaviour
  options?: SubscriptionOptions
  to?: Omit<HttpOptions, 'url'>
}

const enormous = huge(500)
let slowOnes = 0
let slowOnesMost = 0
let asked = 0
const elsewhere = new URL('http://127.0.0.1/')

/** Each event by itself: `inTurn`, but for every `webhook-id`. */
function eachInTurn(...behaviours: readonly Behaviour[]): Behaviour {
  const turns = new Map<string, number>()
  return exchange => {
    const [id] = idsOf([exchange.received])
    const turn = turns.get(id!) ?? 0
    turns.set(id!, turn + 1)
    return behaviours[Math.min(turn, behaviours.length - 1)]!(exchange)
  }
}

function takesItsTime({ response }: Exchange): void {
  slowOnesMost = Math.max(slowOnesMost, ++slowOnes)
  setTimeout(() => {
    slowOnes--
    response.writeHead(204).end()
  }, 50)
}

const tried: Record<string, Ill> = {
  well: { behaviour: answers(200, {}, 'thanks') },
  slow: { behaviour: takesItsTime, options: { concurrency: 2 } },
  'never-answers': { behaviour: never, to: { headersTimeoutMs: 80 } },
  'drips-headers': { behaviour: dripsHeaders(20), to: { headersTimeoutMs: 80 } },
  'out-of-time': { behaviour: never, options: { timeoutMs: 80 } },
  resets: { behaviour: resets },
  'hangs-up': { behaviour: hangsUp },
  'no-http': { behaviour: says('I am no server\r\n\r\n') },
  absent: { behaviour: never },
  drips: { behaviour: drips(20), to: { bodyTimeoutMs: 80 } },
  'breaks-off': { behaviour: breaksOff() },
  huge: { behaviour: enormous, options: { retry: attempts(1) } },
  redirects: {
    behaviour: eachInTurn(...[302, 307, 308].map(status => redirects(elsewhere.href, status))),
    options: { retry: attempts(3) },
  },
  'too-many': { behaviour: eachInTurn(answers(429, { 'retry-after': '1' }), answers(204)) },
  'too-many-until': {
    // A date has no parts of a second: the wait is up to one shorter.
    behaviour: eachInTurn(
      exchange => answers(429, { 'retry-after': new Date(Date.now() + 2_000).toUTCString() })(exchange),
      answers(204),
    ),
  },
  'ten-times': {
    behaviour: eachInTurn(...Array<Behaviour>(9).fill(answers(500)), answers(500, {}, 'sorry'), answers(200)),
    options: { retry: attempts(11) },
  },
  breaks: {
    behaviour: exchange => answers(++asked <= 12 ? 500 : 204)(exchange),
    options: { retry: attempts(20), breaker: { failures: 5, coolDownMs: 20 }, concurrency: 2 },
  },
  'dead-on': { behaviour: answers(422), options: { retry: attempts(5) }, to: { deadOn: [422] } },
}

let fanOut: FanOut
let ids: string[]
let pointedAt: Subscriber
const subscribers = new Map<string, Subscriber>()

beforeAll(async () => {
  fanOut = new FanOut()
  pointedAt = await fanOut.subscriber()
  elsewhere.port = String(pointedAt.port)
  const subscriptions = []
  for (const [name, { behaviour, options, to }] of Object.entries(tried)) {
    const subscriber = await fanOut.subscriber({ behaviour })
    subscribers.set(name, subscriber)
    const breaker = { failures: 1_000_000 }
    const destination = http({ url: subscriber.url, secret, ...to })
    subscriptions.push([name, { retry: attempts(2), breaker, ...options, to: destination }])
  }
  await subscribers.get('absent')!.close()
  await fanOut.start(Object.fromEntries(subscriptions))
  ids = await fanOut.send(count)
})

afterAll(() => fanOut.close())

/** What the store says of one subscription's deliveries once all of them are in this state. */
async function settled(name: string, state: 'succeeded' | 'dead'): Promise<Told[]> {
  await fanOut.reaches(name, state, count)
  expect(await fanOut.counts(name)).toEqual({ [state]: count })
  const deliveries = await fanOut.deliveries(name)
  expect(deliveries.map(({ event }) => event)).toEqual(ids)
  for (const { attempts, told } of deliveries) {
    expect(told.map(({ number }) => number)).toEqual(Array.from({ length: attempts }, (_, index) => index + 1))
  }
  return deliveries
}

function received(name: string): string[] {
  return idsOf(subscribers.get(name)!.received)
}

const repeated = (times: number) => ids.flatMap(id => Array<string>(times).fill(id)).sort()
const told = (deliveries: readonly Told[]): AttemptRecord[] => deliveries.flatMap(delivery => delivery.told)

test('answers at once: each event comes once, and is settled by its first attempt', async () => {
  const deliveries = await settled('well', 'succeeded')
  expect(received('well').sort()).toEqual(repeated(1))
  for (const { attempts, spent, told } of deliveries) {
    expect({ attempts, spent }).toEqual({ attempts: 1, spent: 0 })
    expect(told).toMatchObject([{ result: 'succeeded', status: 200, reason: null, answer: 'thanks' }])
  }
})

test('slow: it has its time, and no more of its attempts run at once than may', async () => {
  const deliveries = await settled('slow', 'succeeded')
  expect(received('slow').sort()).toEqual(repeated(1))
  expect(slowOnesMost).toBe(2)
  for (const { elapsedMs, status } of told(deliveries)) {
    expect(status).toBe(204)
    expect(elapsedMs).toBeGreaterThanOrEqual(45)
  }
})

test.each<[name: string, reason: RegExp]>([
  ['never-answers', /^no answer within 80 ms$/],
  ['drips-headers', /^no answer within 80 ms$/],
  ['out-of-time', /^no (answer|connection) within 80 ms$/],
  ['resets', /ECONNRESET|^the connection was closed before an answer$/],
  ['hangs-up', /ECONNRESET|^the connection was closed before an answer$/],
  ['no-http', /^what came is no HTTP answer$/],
  ['absent', /ECONNREFUSED/],
])('%s: it is charged, tried again, and dead when its budget is spent', async (name, reason) => {
  const deliveries = await settled(name, 'dead')
  // Out of time may be before a connection.
  if (name !== 'absent' && name !== 'out-of-time') expect(received(name).sort()).toEqual(repeated(2))
  for (const { attempts, spent } of deliveries) expect({ attempts, spent }).toEqual({ attempts: 2, spent: 2 })
  for (const attempt of told(deliveries)) {
    expect(attempt).toMatchObject({ result: 'failed', status: null, answer: null })
    expect(attempt.reason).toMatch(reason)
  }
})

test.each(['drips', 'breaks-off'])('%s: the status that has come decides, whatever becomes of its body', async name => {
  const deliveries = await settled(name, 'succeeded')
  expect(received(name).sort()).toEqual(repeated(1))
  for (const attempt of told(deliveries)) expect(attempt).toMatchObject({ result: 'succeeded', status: 200 })
})

test('huge answer: 16 KiB of it are kept, and not much more is read', async () => {
  const deliveries = await settled('huge', 'dead')
  await subscribers.get('huge')!.idle()
  for (const { status, answer } of told(deliveries)) {
    expect(status).toBe(500)
    expect(answer).toBe('x'.repeat(answerBytesMax))
  }
  // What the kernel's buffers took; without end it would be gigabytes.
  expect(enormous.written).toBeLessThan(64 * 1024 * 1024)
})

test('redirects: they are failures, and nobody is asked where they point', async () => {
  for (const { told } of await settled('redirects', 'dead')) {
    expect(told.map(({ status }) => status)).toEqual([302, 307, 308])
    for (const { reason } of told) expect(reason).toContain('redirects are not followed')
  }
  expect(pointedAt.connections).toBe(0)
})

test.each([
  ['in seconds', 'too-many', 990],
  ['as a date', 'too-many-until', 900],
])('429 with Retry-After %s: it is waited for, beyond what the schedule says', async (_, name, atLeastMs) => {
  const deliveries = await settled(name, 'succeeded')
  expect(received(name).sort()).toEqual(repeated(2))
  for (const { event, spent, told } of deliveries) {
    expect(spent).toBe(1)
    expect(told).toMatchObject([
      { result: 'failed', status: 429 },
      { result: 'succeeded', status: 204 },
    ])
    const [first, again] = subscribers.get(name)!.received.filter(({ headers }) => headers['webhook-id'] === event)
    expect(again!.at - first!.at).toBeGreaterThan(atLeastMs)
  }
})

describe('500 ten times and then well', () => {
  test('the eleventh attempt succeeds, each is numbered and signed, and all are kept', async () => {
    for (const { event, attempts, spent, told } of await settled('ten-times', 'succeeded')) {
      expect({ attempts, spent }).toEqual({ attempts: 11, spent: 10 })
      expect(told.map(({ status }) => status)).toEqual([...Array<number>(10).fill(500), 200])
      expect(told[9]!.answer).toBe('sorry')
      const own = subscribers.get('ten-times')!.received.filter(({ headers }) => headers['webhook-id'] === event)
      expect(own.map(({ headers }) => Number(headers['postern-attempt']))).toEqual(told.map(({ number }) => number))
      expect(new Set(own.map(({ text }) => text)).size, 'the same bytes each time').toBe(1)
      expect(own.every(({ headers }) => /^v1,/.test(String(headers['webhook-signature'])))).toBe(true)
    }
  })

  test('the breaker opens, probes, and closes when it is well: all events come', async () => {
    await settled('breaks', 'succeeded')
    expect(new Set(received('breaks'))).toEqual(new Set(ids))
    const { breaker } = await fanOut.row('breaks')
    expect(breaker).toEqual({ state: 'closed', failures: 0, opened: 0, until: null })
    const said = fanOut.gateway
      .lines()
      .filter(({ msg, subscription }) => subscription === 'breaks' && msg.startsWith('a breaker is now'))
    expect(said[0]!.msg).toBe('a breaker is now open')
    expect(said.at(-1)!.msg).toBe('a breaker is now closed')
  })
})

test('deadOn: a status that ends a delivery ends it at its first attempt', async () => {
  for (const { told } of await settled('dead-on', 'dead')) {
    expect(told).toMatchObject([{ result: 'dead', status: 422 }])
  }
})
