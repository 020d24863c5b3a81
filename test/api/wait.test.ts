// GET /events?after=&wait=: answered at once where there is something, else by what comes, else when the time is over.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chance, seedOfRun } from '../faults/requests.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { type Answer, RawConnection, statuses } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
let timers: HeldTimers

beforeEach(async () => {
  timers = new HeldTimers()
  gateway = await startTestGateway({
    config: { sources: { core: plain({ vendor: 'core_bank' }) } },
    readers: { timers, limits: { readersMax: 3 } },
  })
})
afterEach(() => gateway.close())

const text = (number: number) => String(number).padStart(16, '0')
const post = (from: number, count = 1, type = 'loan.updated') =>
  gateway.post(
    '/hooks/core',
    plainBody(...Array.from({ length: count }, (_, index) => ({ key: String(from + index), type }))),
  )
const pageOf = ({ status, json, text: whole }: Answer) => {
  expect(status, whole).toBe(200)
  return json as { items: { sequence: string }[]; position: string; next: string | null }
}
const numbers = (answer: Answer) => pageOf(answer).items.map(({ sequence }) => Number(sequence))
/** A request that is known to wait: its time limit runs. */
async function waiting(query: string): Promise<{ answer: Promise<Answer>; isAnswered: () => boolean }> {
  const before = timers.waiting
  let isAnswered = false
  const answer = gateway.api(`/events${query}`).finally(() => {
    isAnswered = true
  })
  await until('it waits', () => timers.waiting > before || isAnswered)
  return { answer, isAnswered: () => isAnswered }
}

describe('an answer', () => {
  test('comes at once where there is something already', async () => {
    await post(1, 5)
    expect(numbers(await gateway.api('/events?after=0&wait=60'))).toEqual([1, 2, 3, 4, 5])
    const page = pageOf(await gateway.api('/events?after=1&wait=60&limit=2'))
    expect([page.items.length, page.position, page.next]).toEqual([2, text(3), expect.any(String)])
  })

  test('comes with the event that is posted meanwhile', async () => {
    await post(1, 2)
    const { answer, isAnswered } = await waiting('?after=2&wait=60')
    expect(isAnswered()).toBe(false)
    await post(3)
    const page = pageOf(await answer)
    expect([page.items.map(({ sequence }) => Number(sequence)), page.position]).toEqual([[3], text(3)])
    expect((await answer).headers['cache-control']).toBe('no-store')
    expect(timers.waiting, 'its time limit is called off').toBe(0)
  })

  test('comes with the first event that matches, and with nothing for the others', async () => {
    const { answer, isAnswered } = await waiting('?after=0&wait=60&type=loan.created')
    await post(1, 300)
    await post(301, 1, 'client.created')
    expect(isAnswered()).toBe(false)
    await post(302, 1, 'loan.created')
    const page = pageOf(await answer)
    expect([page.items.map(({ sequence }) => Number(sequence)), page.position]).toEqual([[302], text(302)])
  })

  test('comes with nothing when the time is over, and with a position that has moved', async () => {
    const other = await waiting('?after=0&wait=60&type=loan.updated')
    const { answer, isAnswered } = await waiting('?after=0&wait=30&type=loan.created')
    await post(1, 3)
    // The shared tail has come to them when another reader has its answer.
    expect(numbers(await other.answer)).not.toEqual([])
    expect(isAnswered()).toBe(false)
    timers.pass(30_000)
    const page = pageOf(await answer)
    expect(page).toEqual({ items: [], next: null, position: text(3) })
    expect(pageOf(await gateway.api(`/events?after=${page.position}`)).items).toEqual([])
  })

  test('of an empty log moves nothing', async () => {
    const { answer } = await waiting('?after=0&wait=1')
    timers.pass(1_000)
    expect(pageOf(await answer)).toEqual({ items: [], next: null, position: text(0) })
  })

  test('has the original where it is asked for', async () => {
    const { answer } = await waiting('?after=0&wait=60&include=original')
    await post(1)
    expect(pageOf(await answer).items[0]).toMatchObject({ data: { original: [{ key: '1' }] } })
  })

  test('comes at once without `wait`, and with `wait=0`', async () => {
    for (const query of ['?after=0', '?after=0&wait=0', '?after=0&wait=00']) {
      expect(pageOf(await gateway.api(`/events${query}`)).items).toEqual([])
    }
  })
})

test('asking again and again misses and doubles nothing while events are posted at speed', async () => {
  const random = chance(seedOfRun('pages that wait'))
  const total = 2_000
  const posting = (async () => {
    for (let from = 1; from <= total; from += 8) await post(from, 8)
  })()
  const seen: number[] = []
  for (let after = '0'; seen.at(-1) !== total; ) {
    const answer = await gateway.api(`/events?after=${after}&wait=60&limit=${1 + Math.floor(random() * 40)}`)
    seen.push(...numbers(answer))
    after = pageOf(answer).position
  }
  await posting
  expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1))
})

test('one that goes away is waited for no longer', async () => {
  for (let round = 0; round < 5; round++) {
    const connection = new RawConnection(gateway.url)
    connection.write(
      `GET /api/v1/events?after=0&wait=60 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n\r\n`,
    )
    await until('it waits', () => timers.waiting === 1)
    connection.destroy()
    await until('it is forgotten', () => timers.waiting === 0)
  }
  const { answer } = await waiting('?after=0&wait=60')
  await post(1)
  expect(numbers(await answer)).toEqual([1])
})

test('more than may wait are told to come again later', async () => {
  const all = [await waiting('?after=0&wait=60'), await waiting('?after=0&wait=60'), await waiting('?after=0&wait=60')]
  for (const path of ['/events?after=0&wait=60', '/events/stream']) {
    const answer = await gateway.api(path)
    expectProblem(answer, 503, 'unavailable')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  }
  expect((await gateway.api('/events?after=0')).status).toBe(200)
  await post(1)
  for (const { answer } of all) expect(numbers(await answer)).toEqual([1])
  const again = await waiting('?after=1&wait=60')
  await post(2)
  expect(numbers(await again.answer)).toEqual([2])
})

test('at shutdown whoever waits is answered at once, and a stream is ended', async () => {
  const own = await startTestGateway({ config: { sources: { core: plain() } }, readers: { timers } })
  await own.post('/hooks/core', plainBody({ key: '1' }))
  const page = own.api('/events?after=1&wait=60')
  const stream = new RawConnection(own.url)
  stream.write(`GET /api/v1/events/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\n\r\n`)
  await stream.until(received => received.includes('retry:'))
  await until('both are there', () => timers.waiting === 1)
  const began = performance.now()
  await own.close()
  expect(performance.now() - began, 'nothing is waited for to its time limit').toBeLessThan(5_000)
  expect(pageOf(await page)).toEqual({ items: [], next: null, position: text(1) })
  const received = await stream.closed()
  expect([statuses(received), received.endsWith('\r\n0\r\n\r\n')]).toEqual([[200], true])
})

describe('what is refused', () => {
  test('what is no number of seconds up to 60', async () => {
    for (const wait of ['-1', '61', '99', '100', '1.5', 'x', '', '1e1', ' 5']) {
      expectProblem(await gateway.api(`/events?after=0&wait=${encodeURIComponent(wait)}`), 400, 'bad_request', 'wait')
    }
  })

  test('`wait` without `after`, twice, and beside a cursor', async () => {
    expectProblem(await gateway.api('/events?wait=5'), 400, 'bad_request', 'wait')
    expectProblem(await gateway.api('/events?after=0&wait=5&wait=5'), 400, 'bad_request', 'wait')
    expectProblem(await gateway.api('/events?after=0&wait=5&order=newest'), 400, 'bad_request', 'after')
  })

  test('a position beyond the log is gone at once', async () => {
    expectProblem(await gateway.api('/events?after=7&wait=60'), 410, 'position_gone', 'after')
    expect(timers.waiting).toBe(0)
  })
})
