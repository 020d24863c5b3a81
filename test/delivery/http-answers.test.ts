// What becomes of an attempt, whatever a subscriber does: each way to answer, badly or well, over real sockets.
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Attempt, answerBytesMax, type Destination, type Outcome } from '../../src/delivery/destination.ts'
import { Exchange } from '../../src/delivery/destinations/http-exchange.ts'
import type { HttpSpec } from '../../src/delivery/subscription.ts'
import {
  answers,
  type Behaviour,
  breaksOff,
  drips,
  dripsHeaders,
  hangsUp,
  hints,
  huge,
  inTurn,
  never,
  redirects,
  resets,
  type Subscriber,
  says,
  slow,
  startSubscriber,
} from '../support/subscriber.ts'
import { attemptOf, destinationTo } from './http-attempt.ts'

let subscriber: Subscriber
const open: Destination[] = []

beforeEach(async () => {
  subscriber = await startSubscriber()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map(destination => destination.close()))
  await subscriber.close()
})

function destination(spec: Partial<HttpSpec> = {}, connections = 4): Destination {
  const made = destinationTo(subscriber.url, spec, { connections })
  open.push(made)
  return made
}

async function outcome(behaviour: Behaviour, spec: Partial<HttpSpec> = {}, attempt: Partial<Attempt> = {}) {
  subscriber.behave(behaviour)
  return await destination(spec).attempt(attemptOf(attempt))
}

const failure = (more: Partial<Outcome>): Outcome => ({
  result: 'failed',
  status: null,
  reason: null,
  answer: null,
  retryAfterMs: null,
  ...more,
})

describe('by status', () => {
  test.each([200, 201, 202, 204, 206, 299])('%d is success, with the answer kept', async status => {
    const answer = status === 204 ? null : 'thanks'
    expect(await outcome(answers(status, {}, answer ?? ''))).toEqual({
      ...failure({ answer }),
      result: 'succeeded',
      status,
    })
  })

  test.each([
    [400, 'answered 400 Bad Request'],
    [401, 'answered 401 Unauthorized'],
    [404, 'answered 404 Not Found'],
    [500, 'answered 500 Internal Server Error'],
    [599, 'answered 599'],
    [304, 'answered 304 Not Modified'],
  ])('%d is a failure that says so, with the answer kept', async (status, reason) => {
    const answer = status === 304 ? null : 'no\u0000 <b>'
    expect(await outcome(answers(status, {}, answer ?? ''))).toEqual(failure({ status, reason, answer }))
  })

  test.each([301, 302, 303, 307, 308])('%d is a failure, and its location is not called', async status => {
    const other = await startSubscriber()
    const answered = await outcome(redirects(other.url, status))
    expect(answered).toMatchObject({
      result: 'failed',
      status,
      reason: expect.stringMatching(/redirects are not followed/),
    })
    expect(answered.reason).toContain(String(status))
    expect(other.received).toEqual([])
    await other.close()
  })

  test('410 is gone', async () => {
    expect(await outcome(answers(410))).toEqual(failure({ result: 'gone', status: 410, reason: 'answered 410 Gone' }))
  })

  test('one on the list of `deadOn` ends the delivery, and others do not', async () => {
    const deadOn = [400, 422]
    expect(await outcome(answers(422), { deadOn })).toMatchObject({ result: 'dead', status: 422 })
    expect(await outcome(answers(400, { 'retry-after': '5' }), { deadOn })).toMatchObject({
      result: 'dead',
      retryAfterMs: null,
    })
    expect(await outcome(answers(404), { deadOn })).toMatchObject({ result: 'failed' })
  })

  test('500 ten times and then well: ten failures and a success', async () => {
    const ten = Array.from({ length: 10 }, () => answers(500))
    subscriber.behave(inTurn(answers(500), ...ten.slice(1), answers(204)))
    const to = destination()
    const results: string[] = []
    for (let number = 1; number <= 11; number++) results.push((await to.attempt(attemptOf({ number }))).result)
    expect(results).toEqual([...ten.map(() => 'failed'), 'succeeded'])
    expect(subscriber.received.map(({ headers }) => headers['postern-attempt'])).toEqual([
      ...Array.from({ length: 11 }, (_, index) => String(index + 1)),
    ])
  })
})

describe('Retry-After', () => {
  test.each([429, 503, 500, 404, 302])('in seconds goes with a %d', async status => {
    expect(await outcome(answers(status, { 'retry-after': '120' }))).toMatchObject({ status, retryAfterMs: 120_000 })
  })

  test('as a date is counted from the answer on', async () => {
    const now = Date.parse('2024-01-15T15:45:00Z')
    const date = new Date(now + 60_000).toUTCString()
    const { retryAfterMs } = await outcome(answers(429, { 'retry-after': date }), {}, { now })
    expect(retryAfterMs).toBeLessThanOrEqual(60_000)
    expect(retryAfterMs).toBeGreaterThan(50_000)
  })

  test('means nothing on a success', async () => {
    expect(await outcome(answers(200, { 'retry-after': '120' }))).toMatchObject({ retryAfterMs: null })
  })
})

describe('no answer', () => {
  test('a slow one is waited for', async () => {
    expect(await outcome(slow(150))).toMatchObject({ result: 'succeeded' })
  })

  test('never one: a failure once the time for headers is over, and the connection is closed', async () => {
    expect(await outcome(never, { headersTimeoutMs: 100 })).toEqual(failure({ reason: 'no answer within 100 ms' }))
    await subscriber.idle()
  })

  test('never one: a failure once the time of the attempt is over', async () => {
    expect(await outcome(never, {}, { timeoutMs: 100 })).toEqual(failure({ reason: 'no answer within 100 ms' }))
    await subscriber.idle()
  })

  test('headers that drip, and interim answers, win no time', async () => {
    const spec = { headersTimeoutMs: 150 }
    expect(await outcome(dripsHeaders(20), spec)).toMatchObject({ reason: 'no answer within 150 ms' })
    expect(await outcome(hints(20), spec)).toMatchObject({ reason: 'no answer within 150 ms' })
    await subscriber.idle()
  })

  test('a reset', async () => {
    expect(await outcome(resets)).toEqual(
      failure({ reason: expect.stringMatching(/ECONNRESET|closed before an answer/) }),
    )
  })

  test('the end of the connection', async () => {
    expect(await outcome(hangsUp)).toEqual(failure({ reason: 'the connection was closed before an answer' }))
  })

  test('something that is no HTTP', async () => {
    expect(await outcome(says('SSH-2.0-OpenSSH_9.6\r\n'))).toEqual(failure({ reason: 'what came is no HTTP answer' }))
    expect(await outcome(says(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`))).toEqual(
      failure({ reason: "the answer's headers are too large" }),
    )
    expect(
      await outcome(says('HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n')),
    ).toMatchObject({
      result: 'failed',
      status: null,
    })
  })

  test('nobody there', async () => {
    const { url } = subscriber
    await subscriber.close()
    const to = destinationTo(url)
    expect(await to.attempt(attemptOf())).toEqual(failure({ reason: expect.stringMatching(/ECONNREFUSED/) }))
    await to.close()
  })

  test('after any of them the next attempt goes through', async () => {
    subscriber.behave(
      inTurn(resets, hangsUp, never, says('nonsense\r\n\r\n'), breaksOff(500), drips(10, 500), answers(204)),
    )
    const to = destination({ headersTimeoutMs: 100, bodyTimeoutMs: 100 }, 1)
    const results: string[] = []
    for (let number = 1; number <= 7; number++) results.push((await to.attempt(attemptOf({ number }))).result)
    expect(results).toEqual([...Array.from({ length: 6 }, () => 'failed'), 'succeeded'])
    expect(subscriber.received.length).toBe(7)
  })
})

describe('a long answer', () => {
  test.each([
    [200, 'succeeded'],
    [500, 'failed'],
  ])('that is huge is read to 16 KiB and no further: %d has %s', async (status, result) => {
    const behaviour = huge(status)
    const { answer, ...rest } = await outcome(behaviour)
    expect(rest).toMatchObject({ result, status })
    expect(answer).toBe('x'.repeat(answerBytesMax))
    await subscriber.idle()
    // What the two sockets hold between them.
    expect(behaviour.written).toBeLessThan(16 * 1024 * 1024)
  })

  test.each([
    [200, 'succeeded'],
    [500, 'failed'],
  ])('that drips is left at the time limit: %d has %s', async (status, result) => {
    const began = performance.now()
    expect(await outcome(drips(20, status), { bodyTimeoutMs: 150 })).toMatchObject({
      result,
      status,
      answer: expect.stringMatching(/^\.+$/),
    })
    expect(performance.now() - began).toBeLessThan(2_000)
    await subscriber.idle()
  })

  test("is left at the attempt's time limit, too", async () => {
    expect(await outcome(drips(20, 200), {}, { timeoutMs: 500 })).toMatchObject({ result: 'succeeded' })
    await subscriber.idle()
  })

  test.each([
    [200, 'succeeded'],
    [500, 'failed'],
  ])('that breaks off was an answer: %d has %s', async (status, result) => {
    expect(await outcome(breaksOff(status))).toMatchObject({ result, status, answer: 'only this' })
  })

  test('of exactly 16 KiB keeps its connection', async () => {
    subscriber.behave(answers(200, {}, 'x'.repeat(answerBytesMax)))
    const to = destination({}, 1)
    for (let number = 1; number <= 3; number++) {
      expect((await to.attempt(attemptOf({ number }))).answer).toHaveLength(answerBytesMax)
    }
    expect(subscriber.connections).toBe(1)
  })

  test('is text, whatever its bytes, and never longer as UTF-8', async () => {
    const { answer } = await outcome(
      says(
        Buffer.concat([
          Buffer.from('HTTP/1.1 500 No\r\ncontent-length: 6\r\n\r\n'),
          Buffer.from([0x61, 0xff, 0x00, 0x1b, 0xc3, 0x28]),
        ]),
      ),
    )
    expect(answer).toBe('a\ufffd\u0000\u001b\ufffd(')
    const cut = await outcome(answers(500, {}, `x${'é'.repeat(answerBytesMax)}`))
    expect(cut.answer).toMatch(/^xé+$/)
    const broken = Buffer.alloc(answerBytesMax, 0xff)
    const kept = await outcome(({ response }) => response.writeHead(500).end(broken))
    expect(kept.answer).toMatch(/^\ufffd+$/)
    for (const { answer: text } of [cut, kept]) {
      expect(Buffer.byteLength(text!)).toBeLessThanOrEqual(answerBytesMax)
      expect(Buffer.byteLength(text!)).toBeGreaterThan(answerBytesMax - 4)
    }
  })
})

describe('the end of the gateway', () => {
  test('releases an attempt that waits for its answer', async () => {
    const control = new AbortController()
    subscriber.behave(() => control.abort())
    expect(await destination().attempt(attemptOf({ signal: control.signal }))).toEqual(
      failure({ result: 'released', reason: 'the gateway ended' }),
    )
    await subscriber.idle()
  })

  test('sends nothing any more', async () => {
    const to = destination()
    expect((await to.attempt(attemptOf({ signal: AbortSignal.abort() }))).result).toBe('released')
    await to.close()
    expect((await to.attempt(attemptOf())).result).toBe('released')
    expect(subscriber.received).toEqual([])
  })

  test('lets an answer stand that has begun', () => {
    for (const [status, ended] of [
      [0, 'released'],
      [200, { answered: true, status: 200, headers: {}, answer: 'so f' }],
      [500, { answered: true, status: 500, headers: {}, answer: 'so f' }],
    ] as const) {
      const ends: unknown[] = []
      const limits = { headersTimeoutMs: 1_000, bodyTimeoutMs: 1_000, timeoutMs: 1_000 }
      const exchange = new Exchange(limits, end => ends.push(end))
      const controller = { abort: () => {} } as unknown as Dispatcher.DispatchController
      exchange.onRequestStart(controller)
      if (status > 0) {
        exchange.onResponseStart(controller, status, {})
        exchange.onResponseData(controller, Buffer.from('so f'))
      }
      exchange.release()
      exchange.onResponseError(controller, new Error('aborted'))
      expect(ends).toEqual([ended])
    }
  })

  test('closing releases what is running', async () => {
    subscriber.behave(never)
    const to = destination()
    const outcomes = [1, 2, 3].map(number => to.attempt(attemptOf({ number })))
    await subscriber.atLeast(3)
    await to.close()
    expect((await Promise.all(outcomes)).map(({ result }) => result)).toEqual(['released', 'released', 'released'])
    await subscriber.idle()
  })

  test('leaves no listener behind', async () => {
    const { signal } = new AbortController()
    const counted = new Map<string, number>()
    const count = (name: string, by: number) => counted.set(name, (counted.get(name) ?? 0) + by)
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (name: string, ...rest: [never]) => {
      count(name, 1)
      add(name, ...rest)
    }
    signal.removeEventListener = (name: string, ...rest: [never]) => {
      count(name, -1)
      remove(name, ...rest)
    }
    const to = destination()
    for (const behaviour of [answers(204), resets, answers(500)]) {
      subscriber.behave(behaviour)
      await to.attempt(attemptOf({ signal }))
    }
    expect([...counted]).toEqual([['abort', 0]])
  })
})
