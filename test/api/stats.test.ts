// The figures of a gateway at work: what came, what did not get in, what is not delivered, and how far behind it is.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer } from '../../src/checks/bearer.ts'
import { http } from '../../src/config/http.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

interface Figures {
  at: string
  log: { head: string; oldest: string | null; epoch: string }
  store: object
  search: { indexedThrough: string; behind: number } | null
  sources: { name: string }[]
  subscriptions: { name: string; lag: number; deliveries: Record<string, number> }[]
}

const now = Date.parse('2026-06-30T12:00:00.000Z')
let gateway: TestGateway
let subscriber: Subscriber
beforeAll(async () => {
  subscriber = await startSubscriber()
  gateway = await startTestGateway({
    clock: { now: () => now },
    env: { POSTERN_SEARCH: 'on' },
    config: {
      sources: { core: plain(), guarded: plain({ check: bearer('a-bearer-token-of-a-test') }), quiet: plain() },
      subscriptions: { book: { types: ['loan.*'], to: http({ url: subscriber.url }) } },
    },
  })
})
afterAll(async () => {
  await gateway.close()
  await subscriber.close()
})

const figures = async () => {
  const answer = await gateway.api('/stats')
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Figures
}
const none = {
  configured: true,
  lastReceivedAt: null,
  events: { lastHour: 0, lastDay: 0 },
  quarantine: 0,
  rejections: 0,
  conflicts: 0,
}

test('before anything came', async () => {
  const { at, log, store, sources } = await figures()
  expect(at).toBe('2026-06-30T12:00:00.000Z')
  expect(log).toEqual({ head: '0000000000000000', oldest: null, epoch: expect.stringMatching(/^\w+$/) })
  expect(store).toEqual({ ok: true, problem: null, degraded: null, spool: null })
  expect(sources).toEqual(['core', 'guarded', 'quiet'].map(name => ({ name, ...none })))
})

test('of each source, of the log and of each subscription', async () => {
  const loan = (key: string, content = key) => ({ key, type: 'loan.created', content })
  await gateway.post('/hooks/core', plainBody(loan('1'), loan('2'), { key: '3' }))
  await gateway.post('/hooks/core', plainBody(loan('1', 'something else')))
  await gateway.post('/hooks/core', 'not understood')
  expect((await gateway.post('/hooks/guarded', plainBody(loan('4')), { authorization: 'Bearer no' })).status).toBe(401)
  await until('the rejection is kept', async () => (await gateway.rejections()).length === 1)
  await until('both are delivered', () => subscriber.received.length === 2)
  await until('and settled', async () => (await figures()).subscriptions[0]?.deliveries.succeeded === 2)
  await until('all of it can be searched', async () => (await figures()).search?.behind === 0)
  const { log, search, sources, subscriptions } = await figures()
  expect(search).toEqual({ indexedThrough: log.head, behind: 0 })
  const received = { lastReceivedAt: '2026-06-30T12:00:00.000Z' }
  expect(sources).toEqual([
    { name: 'core', ...none, ...received, events: { lastHour: 3, lastDay: 3 }, quarantine: 1, conflicts: 1 },
    { name: 'guarded', ...none, rejections: 1 },
    { name: 'quiet', ...none },
    // What is told of the quarantine.
    { name: 'postern', ...none, ...received, configured: false, events: { lastHour: 1, lastDay: 1 } },
  ])
  expect(log).toMatchObject({ head: '0000000000000004', oldest: '0000000000000001' })
  expect(subscriptions).toEqual([
    {
      name: 'book',
      paused: null,
      breaker: 'closed',
      lag: 0,
      oldestUnsettledAt: null,
      lanesHeld: 0,
      deliveries: expect.objectContaining({ succeeded: 2, dead: 0, pending: 0 }),
    },
  ])
})

test('of a subscription that is paused: how far the log is ahead of it', async () => {
  await gateway.api('/subscriptions/book/pause', { method: 'POST' })
  const before = (await figures()).subscriptions[0]!.lag
  await gateway.post('/hooks/core', plainBody({ key: '5' }, { key: '6' }))
  expect((await figures()).subscriptions[0]).toMatchObject({ paused: 'person', lag: before + 2 })
})

test('takes no parameters', async () => {
  expectProblem(await gateway.api('/stats?source=core'), 400, 'bad_request')
})
