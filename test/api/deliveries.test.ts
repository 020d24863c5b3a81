// Deliveries over the API: what became of each and why, trying one again, and letting a lane go on.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { deliveryId, deliveryStates } from '../../src/store/deliveries.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

interface Shown {
  id: string
  subscription: string
  event: string
  state: string
  [member: string]: unknown
}
interface Page {
  items: Shown[]
  next: string | null
}

let gateway: TestGateway
let well: Subscriber
let broken: Subscriber
beforeAll(async () => {
  well = await startSubscriber()
  broken = await startSubscriber({ behaviour: answers(500, { 'content-type': 'text/plain' }, 'out of order') })
  const retry = { scheduleMs: [0, 0], jitter: 0 }
  gateway = await startTestGateway({
    config: {
      sources: { plain: plain(), other: plain({ namespace: 'other' }) },
      subscriptions: {
        well: { types: ['loan.*'], to: http({ url: well.url }) },
        lanes: { types: ['lane.*'], order: 'subject', retry, to: http({ url: broken.url }) },
        broken: { types: ['broken.*'], retry, breaker: { failures: 1_000 }, to: http({ url: broken.url }) },
      },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  await Promise.all([well.close(), broken.close()])
})

const list = async (query = '') => {
  const answer = await gateway.api(`/deliveries${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Page
}
const post = (path: string, body: unknown = {}) =>
  gateway.api(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })
let keys = 0
const send = async (type: string, subject?: string, source = 'plain') => {
  const body = plainBody({ key: `k${keys++}`, type, ...(subject === undefined ? {} : { subject }) })
  const answer = await gateway.post(`/hooks/${source}`, body)
  expect(answer.status, answer.text).toBe(200)
  return (answer.json as { id: string }).id
}
const reaches = (query: string, count: number) =>
  until(`${count} of ${query}`, async () => (await list(query)).items.length === count)

describe('a delivery', () => {
  test('that succeeded, with its attempts, and among its event’s', async () => {
    const event = await send('loan.created', 'loan/1')
    await reaches('?subscription=well&state=succeeded', 1)
    const [item] = (await list('?subscription=well')).items
    expect(item).toEqual({
      id: expect.stringMatching(/^dlv_[0-9a-z]{26}$/),
      subscription: 'well',
      event,
      type: 'loan.created',
      subject: 'loan/1',
      namespace: 'plain',
      sequence: expect.stringMatching(/^\d{16}$/),
      replay: null,
      state: 'succeeded',
      attemptsMade: 1,
      failures: 0,
      dueAt: null,
      startedAt: null,
      settledAt: expect.stringMatching(/Z$/),
      holdsLane: false,
    })
    expect(well.received[0]?.headers['postern-delivery']).toBe(item!.id)
    const one = (await gateway.api(`/deliveries/${item!.id}`)).json
    expect(one).toEqual({
      ...item,
      attempts: [
        {
          number: 1,
          startedAt: expect.stringMatching(/Z$/),
          elapsedMs: expect.any(Number),
          result: 'succeeded',
          status: 204,
          reason: null,
          answer: expect.toSatisfy(answer => answer === null || answer === ''),
        },
      ],
    })
    expect((await gateway.api(`/events/${event}/deliveries`)).json).toEqual({ items: [item], next: null })
  })

  test('that died says why, and is tried again with a fresh budget when it is asked for', async () => {
    const event = await send('broken.one')
    await reaches('?subscription=broken&state=dead', 1)
    const [dead] = (await list('?subscription=broken')).items
    expect(dead).toMatchObject({ event, state: 'dead', attemptsMade: 2, failures: 2, holdsLane: false })
    const one = (await gateway.api(`/deliveries/${dead!.id}`)).json as { attempts: object[] }
    expect(one.attempts).toEqual(
      [1, 2].map(number => expect.objectContaining({ number, result: 'failed', status: 500, answer: 'out of order' })),
    )
    broken.behave(answers(200))
    try {
      const again = await post(`/deliveries/${dead!.id}/retry`)
      expect([again.status, again.json]).toEqual([200, expect.objectContaining({ id: dead!.id, failures: 0 })])
      await reaches('?subscription=broken&state=succeeded', 1)
      const now = (await gateway.api(`/deliveries/${dead!.id}`)).json
      expect(now).toMatchObject({ state: 'succeeded', attemptsMade: 3 })
      expectProblem(await post(`/deliveries/${dead!.id}/retry`), 409, 'not_settled')
    } finally {
      broken.behave(answers(500))
    }
  })
})

describe('lists', () => {
  test('page through all, newest first, and hold to their filter', async () => {
    const before = (await list('?limit=500')).items.length
    for (let index = 0; index < 7; index++) await send('loan.updated')
    await send('broken.two')
    await until('all have settled', async () => {
      const { items } = await list('?limit=500')
      return items.length === before + 8 && items.every(({ state }) => state === 'succeeded' || state === 'dead')
    })
    for (const query of ['', '&subscription=well', '&state=succeeded', '&subscription=well&state=succeeded']) {
      const whole = (await list(`?limit=500${query}`)).items
      expect(whole.length).toBeGreaterThan(6)
      expect(whole.map(({ sequence }) => sequence)).toEqual(
        whole
          .map(({ sequence }) => sequence)
          .toSorted()
          .reverse(),
      )
      const paged: Shown[] = []
      let cursor = ''
      do {
        const { items, next } = await list(`?limit=2${query}${cursor}`)
        expect(items.length).toBeLessThanOrEqual(2)
        paged.push(...items)
        cursor = next === null ? '' : `&cursor=${encodeURIComponent(next)}`
      } while (cursor !== '')
      expect(paged).toEqual(whole)
    }
    expect((await list('?state=dead')).items).toMatchObject([{ subscription: 'broken', state: 'dead' }])
    for (const state of deliveryStates) await list(`?state=${state}`)
  })

  test('with a cursor of another list, or a changed one, are refused', async () => {
    const next = (await list('?limit=1&subscription=well')).next!
    const cursor = encodeURIComponent(next)
    expect((await gateway.api(`/deliveries?subscription=well&cursor=${cursor}`)).status).toBe(200)
    for (const query of ['', '&subscription=broken', '&subscription=well&state=succeeded']) {
      expectProblem(await gateway.api(`/deliveries?cursor=${cursor}${query}`), 400, 'bad_cursor', 'cursor')
    }
    const events = await gateway.api(`/events?cursor=${cursor}`)
    expectProblem(events, 400, 'bad_cursor', 'cursor')
    for (let at = 0; at < next.length; at++) {
      for (const other of ['0', '1', '-', '.', 'A', '']) {
        const changed = next.slice(0, at) + other + next.slice(at + 1)
        if (changed === next) continue
        const answer = await gateway.api(`/deliveries?subscription=well&cursor=${encodeURIComponent(changed)}`)
        expect([changed, answer.status]).toEqual([changed, 400])
      }
    }
  })
})

describe('a lane', () => {
  const dead = () => list('?subscription=lanes&state=dead')

  test('that is held is let go on past what holds it', async () => {
    const first = await send('lane.one', 'loan/L1')
    await reaches('?subscription=lanes&state=dead', 1)
    const second = await send('lane.two', 'loan/L1')
    await reaches('?subscription=lanes&state=waiting', 1)
    expect((await dead()).items).toMatchObject([{ event: first, holdsLane: true, subject: 'loan/L1' }])
    const { lanesHeld } = (await gateway.api('/subscriptions/lanes')).json as { lanesHeld: number }
    expect(lanesHeld).toBe(1)

    broken.behave(answers(200))
    try {
      const answer = await post('/lanes/skip', { subscription: 'lanes', subject: 'loan/L1' })
      expect(answer.status, answer.text).toBe(200)
      expect(answer.json).toMatchObject({ skipped: { event: first, state: 'skipped', holdsLane: false } })
      await reaches('?subscription=lanes&state=succeeded', 1)
      expect((await list('?subscription=lanes&state=succeeded')).items).toMatchObject([{ event: second }])
    } finally {
      broken.behave(answers(500))
    }
    const problem = await post('/lanes/skip', { subscription: 'lanes', subject: 'loan/L1' })
    expectProblem(problem, 409, 'lane_not_held')
  })

  test('of a subject that two namespaces have is not guessed', async () => {
    const ours = await send('lane.one', 'loan/L2')
    const theirs = await send('lane.one', 'loan/L2', 'other')
    await reaches('?subscription=lanes&state=dead', 2)
    const lane = { subscription: 'lanes', subject: 'loan/L2' }
    const { detail } = expectProblem(await post('/lanes/skip', lane), 400, 'bad_request', '/namespace')
    expect(detail).toMatch(/other.*plain|plain.*other/)
    expect((await post('/lanes/skip', { ...lane, namespace: 'other' })).json).toMatchObject({
      skipped: { event: theirs, namespace: 'other' },
    })
    expect((await dead()).items).toMatchObject([{ event: ours }])
    expectProblem(await post('/lanes/skip', { ...lane, namespace: 'other' }), 409, 'lane_not_held')
    expectProblem(await post('/lanes/skip', { ...lane, namespace: 'nowhere' }), 409, 'lane_not_held')
  })

  test.each<[body: unknown, pointer: string]>([
    [{}, '/subscription'],
    [{ subscription: 'nobody', subject: 'loan/1' }, '/subscription'],
    [{ subscription: 'constructor', subject: 'loan/1' }, '/subscription'],
    [{ subscription: 'lanes' }, '/subject'],
    [{ subscription: 'lanes', subject: 'loan' }, '/subject'],
    [{ subscription: 'lanes', subject: ['loan/1'] }, '/subject'],
    [{ subscription: 'lanes', subject: 'loan/1', namespace: '' }, '/namespace'],
    [{ subscription: 'lanes', subject: 'loan/1', all: true }, '/all'],
    ['{', ''],
  ])('skipped by %j is refused', async (body, pointer) => {
    expectProblem(await post('/lanes/skip', body), 400, 'bad_request', pointer)
  })

  test('that there never was', async () => {
    expectProblem(await post('/lanes/skip', { subscription: 'lanes', subject: 'loan/never' }), 409, 'lane_not_held')
  })
})

describe('refused', () => {
  test.each([
    ['state=lost', 'state'],
    ['state=', 'state'],
    ['subscription=nobody', 'subscription'],
    ['subscription=__proto__', 'subscription'],
    ['subscription=well&subscription=broken', 'subscription'],
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['cursor=', 'cursor'],
    ['cursor=1.1.0', 'cursor'],
    ['subject=loan/1', 'subject'],
  ])('/deliveries?%s', async (query, parameter) => {
    const answer = await gateway.api(`/deliveries?${query}`)
    expect(answer.json).toMatchObject({ status: 400, errors: [{ parameter }] })
  })

  const nobody = deliveryId({ sequence: 1, subscription: 4_000_000_000, replay: 0 })
  test.each([
    'dlv_0',
    `dlv_${'z'.repeat(26)}`,
    nobody,
    nobody.toUpperCase(),
    nobody.replace('dlv_', 'evt_'),
    deliveryId({ sequence: Number.MAX_SAFE_INTEGER, subscription: 1, replay: 1 }),
    '__proto__',
    '%00',
  ])('no such delivery: %s', async id => {
    expectProblem(await gateway.api(`/deliveries/${id}`), 404, 'not_found')
    expectProblem(await post(`/deliveries/${id}/retry`), 404, 'not_found')
    expectProblem(await gateway.api(`/events/${id}/deliveries`), 404, 'not_found')
  })

  test('members and parameters that there are not', async () => {
    const [item] = (await list('?limit=1')).items
    expectProblem(await post(`/deliveries/${item!.id}/retry`, { now: true }), 400, 'bad_request', '/now')
    expectProblem(await post(`/deliveries/${item!.id}/retry?now=1`), 400, 'bad_request', 'now')
    expectProblem(await gateway.api(`/deliveries/${item!.id}?full=1`), 400, 'bad_request', 'full')
    expectProblem(await gateway.api(`/events/${item!.event}/deliveries?limit=1`), 400, 'bad_request', 'limit')
    expectProblem(await post('/lanes/skip?subject=x', {}), 400, 'bad_request', 'subject')
  })
})

test('nothing of it without the token', async () => {
  const id = '0'.repeat(26)
  const routes: [method: string, path: string][] = [
    ['GET', '/subscriptions'],
    ['GET', '/subscriptions/well'],
    ['PUT', '/subscriptions/well'],
    ['DELETE', '/subscriptions/well'],
    ...['pause', 'resume', 'test', 'retry'].map((each): [string, string] => ['POST', `/subscriptions/well/${each}`]),
    ['GET', '/deliveries'],
    ['GET', `/deliveries/dlv_${id}`],
    ['POST', `/deliveries/dlv_${id}/retry`],
    ['GET', `/events/evt_${id}/deliveries`],
    ['POST', `/events/evt_${id}/replay`],
    ['POST', '/lanes/skip'],
    ['POST', '/replays'],
    ['GET', `/replays/rpl_${id}`],
    ['POST', `/replays/rpl_${id}/cancel`],
  ]
  for (const [method, path] of routes) {
    for (const authorization of [undefined, 'Bearer wrong']) {
      const headers = authorization === undefined ? {} : { authorization }
      const answer = await gateway.request(`/api/v1${path}`, { method, headers })
      expect([method, path, answer.status]).toEqual([method, path, 401])
    }
  }
})
