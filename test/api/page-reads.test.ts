// Lists and timelines that are asked for at once: a few are read, some wait, and the rest come again later.
import { OpenAPIHono } from '@hono/zod-openapi'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { adminPrincipal } from '../../src/api/access.ts'
import type { DeliveryRoutesParts } from '../../src/api/delivery-parts.ts'
import { PageReads } from '../../src/api/page-reads.ts'
import { errorResponse } from '../../src/api/problem.ts'
import { replayRoutes } from '../../src/api/replays.ts'
import { type Api, mountRoutes } from '../../src/api/route.ts'
import { specOf } from '../../src/config/subscriptions.ts'
import { publicForm } from '../../src/delivery/public-form.ts'
import type { Store } from '../../src/store/store.ts'
import { definitions } from '../support/api-document.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { calls } from '../support/route-table.ts'
import { tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

let gateway: TestGateway
const timers = new HeldTimers()
beforeAll(async () => {
  gateway = await startTestGateway({
    config: { sources: { core: plain() } },
    readers: { timers, limits: { readersOfToken: 2, exportsOfToken: 1 } },
  })
  await gateway.post('/hooks/core', plainBody({ key: '1' }))
})
afterAll(() => gateway.close())

/** Each route whose answer is as long as the inbox makes it. */
const lists = definitions
  .filter(({ method, answers: { 200: answer } }) => method === 'get' && 'items' in Object(answer?.example))
  .map(({ name }) => calls.get(name)!)
  .filter(({ path }) => path !== '/sources')
  .map(({ path, query }) => ({ path: query.includes('namespace') ? `${path}?subject=loan/1` : path }))
  .concat({ path: '/stats' })

test('of one token 4 are read and 8 wait; another gets its turn, and the rest come again later', async () => {
  const { store } = gateway.gateway
  const { list, timeline } = store
  const [one, two] = [await tokenOf(gateway, ['admin']), await tokenOf(gateway, ['read'])]
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  let reading = 0
  store.list = async query => {
    reading++
    await free
    return list(query)
  }
  store.timeline = async query => {
    reading++
    await free
    return timeline(query)
  }
  try {
    let refused = 0
    const ask = async (path: string) => {
      const answer = await one.ask(path)
      if (answer.status === 503) refused++
      return answer
    }
    const paths = ['/events', '/events?after=0000000000000000', '/timeline?subject=loan/1', '/events?order=oldest']
    const asked = Array.from({ length: 20 }, (_, index) => ask(paths[index % paths.length]!))
    await until('4 are read, and the rest are refused', () => reading >= 4 && refused === 8)
    expect(reading).toBe(4)
    const other = two.ask('/events')
    expect((await one.ask('/sources')).status).toBe(200)
    for (const { path } of lists) expectProblem(await one.ask(path), 503, 'unavailable')
    release()
    const answers = await Promise.all(asked)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(12)
    const [first] = answers.filter(({ status }) => status === 503)
    expectProblem(first!, 503, 'unavailable')
    expect(Number(first!.headers['retry-after'])).toBeGreaterThan(0)
    expect((await other).status).toBe(200)
    expect((await one.ask('/events')).status, 'and then there is room again').toBe(200)
  } finally {
    Object.assign(store, { list, timeline })
  }
})

test('all tokens together have 64 that wait, and so has the token of the environment', async () => {
  const pages = new PageReads()
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const all = Array.from({ length: 68 }, () => pages.run(adminPrincipal, () => free))
  for (const tokenId of [null, 'tok_another']) {
    expect(() => pages.run({ ...adminPrincipal, tokenId }, () => free)).toThrow('ask again later')
  }
  release()
  await Promise.all(all)
  await expect(pages.run(adminPrincipal, () => Promise.reject(new Error('it fails')))).rejects.toThrow('it fails')
  expect(await pages.run(adminPrincipal, () => Promise.resolve('read'))).toBe('read')
})

test('of dry runs one looks at the log at a time, a few wait, and the rest come again later', async () => {
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  let looking = 0
  let most = 0
  const store = {
    extent: async () => ({ head: 10, oldest: 1, epoch: '' }),
    deliveries: {
      subscriptions: async () => [
        {
          number: 1,
          name: 'book',
          removedAt: null,
          spec: JSON.stringify(publicForm(specOf('book', { to: () => {} }))),
        },
      ],
      filtered: async () => {
        most = Math.max(most, ++looking)
        await free
        looking--
        return { events: [], position: 10 }
      },
    },
  } as unknown as Store
  const routes = replayRoutes({ store } as DeliveryRoutesParts)
  const ask = async (tokenId: string | null) => {
    const api: Api = new OpenAPIHono()
    api.use((context, next) => {
      context.set('principal', { ...adminPrincipal, tokenId })
      context.set('audited', (_, run) => run())
      return next()
    })
    api.onError(errorResponse)
    mountRoutes(api, routes)
    const body = JSON.stringify({ filter: {}, subscription: 'book', dryRun: true })
    return (await api.request('/replays', { method: 'POST', body })).status
  }
  const all = ['tok_one', 'tok_one', 'tok_one'].map(ask)
  await until('it looks', () => looking === 1)
  expect(await ask('tok_one')).toBe(503)
  all.push(ask('tok_two'), ask(null))
  expect(await ask(null)).toBe(503)
  release()
  expect(await Promise.all(all)).toEqual([200, 200, 200, 200, 200])
  expect(most).toBe(1)
})

test('a token has its share of those that wait for news, and leaves others theirs', async () => {
  const [one, two] = [await tokenOf(gateway, ['read']), await tokenOf(gateway, ['read'])]
  const path = '/events?after=0000000000000001&wait=60'
  const all = [one.ask(path), one.ask(path)]
  await until('both wait', () => timers.waiting === 2)
  for (const each of [path, '/events/stream']) expectProblem(await one.ask(each), 503, 'unavailable')
  all.push(two.ask(path), gateway.api(path))
  await until('the others wait', () => timers.waiting === 4)
  await gateway.post('/hooks/core', plainBody({ key: '2' }))
  for (const answer of await Promise.all(all)) expect(answer.status).toBe(200)
})

test('a token has its share of the exports', async () => {
  const { store } = gateway.gateway
  const { list } = store
  const [one, two] = [await tokenOf(gateway, ['read']), await tokenOf(gateway, ['read'])]
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  let reading = 0
  store.list = async query => {
    reading++
    await free
    return list(query)
  }
  try {
    const first = one.ask('/events/export')
    await until('it is under way', () => reading === 1)
    expectProblem(await one.ask('/events/export'), 503, 'unavailable')
    const others = [two.ask('/events/export'), gateway.api('/events/export')]
    release()
    for (const answer of await Promise.all([first, ...others])) expect(answer.status).toBe(200)
    expect((await one.ask('/events/export')).status).toBe(200)
  } finally {
    store.list = list
  }
})
