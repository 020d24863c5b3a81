// Lists and timelines that are asked for at once: a few are read, some wait, and the rest come again later.
import { EventEmitter } from 'node:events'
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
import { closings } from '../support/closings.ts'
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

/** Lists of events wait once they have begun, until they are released or restored. */
function holdLists() {
  const { store } = gateway.gateway
  const { list } = store
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const held = {
    reading: 0,
    release,
    restore() {
      release()
      store.list = list
    },
  }
  store.list = async query => {
    held.reading++
    await free
    return list(query)
  }
  return held
}

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

test('whoever goes away while he waits has no turn, and the next one has it at once', async () => {
  const { store } = gateway.gateway
  const { list } = store
  const one = await tokenOf(gateway, ['read'])
  const held: (() => void)[] = []
  const limits: number[] = []
  store.list = async query => {
    limits.push(query.limit)
    await new Promise<void>(resolve => held.push(resolve))
    return list(query)
  }
  const closed = closings('limit=7')
  const leaving = new AbortController()
  const ask = () =>
    fetch(`${gateway.gateway.adminUrl}/api/v1/events?limit=7`, {
      headers: { authorization: `Bearer ${one.token}` },
      signal: leaving.signal,
    }).then(
      ({ status }) => status,
      () => 'it has gone',
    )
  try {
    const first = Array.from({ length: 4 }, () => one.ask('/events?limit=5'))
    await until('4 are read', () => limits.length === 4)
    const waiting = Array.from({ length: 9 }, ask)
    expect(await Promise.race(waiting), '8 wait').toBe(503)
    leaving.abort()
    await until('they have gone', () => closed.count === 9)
    const next = one.ask('/events?limit=9')
    held.shift()!()
    await until('one more is read', () => limits.length === 5)
    expect(limits.at(-1)).toBe(9)
    store.list = list
    for (const release of held) release()
    for (const answer of await Promise.all([...first, next])) expect(answer.status).toBe(200)
    expect(limits).toHaveLength(5)
  } finally {
    closed.stop()
    store.list = list
    for (const release of held) release()
  }
})

test('a list that waited is not for a token that was revoked meanwhile', async () => {
  const { store } = gateway.gateway
  const { find } = store.tokens
  const [one, two] = [await tokenOf(gateway, ['read']), await tokenOf(gateway, ['read'])]
  const held = holdLists()
  let found = 0
  try {
    const others = Array.from({ length: 4 }, () => gateway.api('/events'))
    await until('4 are read', () => held.reading === 4)
    store.tokens.find = async id => {
      const row = await find.call(store.tokens, id)
      found++
      return row
    }
    const waiting = [one.ask('/events'), two.ask('/events')]
    await until('both were let in', () => found === 2)
    expect((await gateway.api(`/tokens/${one.id}`, { method: 'DELETE' })).status).toBeLessThan(300)
    held.release()
    const [revoked, live] = await Promise.all(waiting)
    expectProblem(revoked!, 401, 'unauthenticated')
    expect(live!.status).toBe(200)
    expect(held.reading, 'and nothing is read for it').toBe(5)
    for (const answer of await Promise.all(others)) expect(answer.status).toBe(200)
  } finally {
    held.restore()
    store.tokens.find = find
  }
})

test('a turn is given back once, whenever whoever has it goes', async () => {
  const pages = new PageReads({ what: 'lists', atWork: 1, waiting: 2, waitingOfToken: 2 })
  const one = { ...adminPrincipal, tokenId: 'tok_one' }
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const begun: string[] = []
  const ask = (name: string, gone: AbortController) =>
    pages.run(one, gone.signal, async waited => {
      begun.push(name)
      await free
      return `${name} ${waited ? 'waited' : 'at once'}`
    })
  const [reading, waiting, staying] = [new AbortController(), new AbortController(), new AbortController()]
  const first = ask('first', reading)
  for (let round = 0; round < 3; round++) {
    const gone = new AbortController()
    const left = [ask('left', gone), ask('left', gone)]
    expect(() => ask('third', gone)).toThrow('ask again later')
    gone.abort(new Error('gone'))
    for (const each of left) await expect(each).rejects.toThrow('gone')
    await expect(ask('late', gone)).rejects.toThrow('gone')
  }
  reading.abort(new Error('gone'))
  const others = [ask('second', waiting), ask('third', staying)]
  expect(begun, 'what is being read keeps its turn until it is').toEqual(['first'])
  release()
  expect(await first).toBe('first at once')
  expect(await Promise.all(others)).toEqual(['second waited', 'third waited'])
  expect(begun).toEqual(['first', 'second', 'third'])
  for (const each of [reading, waiting, staying]) each.abort()
  expect(await ask('last', new AbortController())).toBe('last at once')
})

test('all tokens together have 64 that wait, and so has the token of the environment', async () => {
  const pages = new PageReads()
  const { signal: gone } = new AbortController()
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const all = Array.from({ length: 68 }, () => pages.run(adminPrincipal, gone, () => free))
  for (const tokenId of [null, 'tok_another']) {
    expect(() => pages.run({ ...adminPrincipal, tokenId }, gone, () => free)).toThrow('ask again later')
  }
  release()
  await Promise.all(all)
  await expect(pages.run(adminPrincipal, gone, () => Promise.reject(new Error('it fails')))).rejects.toThrow('it fails')
  expect(await pages.run(adminPrincipal, gone, () => Promise.resolve('read'))).toBe('read')
})

/** Answers requests for dry runs over a log of which `filtered` reads. */
function dryRuns(head: number, filtered: () => Promise<unknown>, dryRunMs?: number) {
  const spec = JSON.stringify(publicForm(specOf('book', { to: () => {} })))
  const store = {
    extent: async () => ({ head, oldest: 1, epoch: '' }),
    deliveries: { subscriptions: async () => [{ number: 1, name: 'book', removedAt: null, spec }], filtered },
  } as unknown as Store
  const routes = replayRoutes({ store, dryRunMs } as DeliveryRoutesParts)
  return async (tokenId: string | null) => {
    const api: Api = new OpenAPIHono()
    api.use((context, next) => {
      context.set('principal', { ...adminPrincipal, tokenId })
      context.set('audited', (_, run) => run())
      context.set('isLive', async () => true)
      return next()
    })
    api.onError(errorResponse)
    mountRoutes(api, routes)
    const body = JSON.stringify({ filter: {}, subscription: 'book', dryRun: true })
    return await api.request('/replays', { method: 'POST', body }, { outgoing: new EventEmitter() })
  }
}

test('of dry runs one looks at the log at a time, a few wait, and the rest come again later', async () => {
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  let looking = 0
  let most = 0
  const dryRun = dryRuns(10, async () => {
    most = Math.max(most, ++looking)
    await free
    looking--
    return { events: [], position: 10 }
  })
  const ask = async (tokenId: string | null) => (await dryRun(tokenId)).status
  const all = ['tok_one', 'tok_one', 'tok_one'].map(ask)
  await until('it looks', () => looking === 1)
  expect(await ask('tok_one')).toBe(503)
  all.push(ask('tok_two'), ask(null))
  expect(await ask(null)).toBe(503)
  release()
  expect(await Promise.all(all)).toEqual([200, 200, 200, 200, 200])
  expect(most).toBe(1)
})

test('a dry run that takes too long says how far it came', async () => {
  const pages = [200, 400, 600].map(position => ({ events: [], position }))
  const ask = async (dryRunMs: number) => (await dryRuns(600, async () => pages.shift(), dryRunMs)(null)).json()
  expect(await ask(0)).toMatchObject({ complete: false, position: '0000000000000200', matched: 0 })
  expect(await ask(60_000)).toMatchObject({ complete: true, position: '0000000000000600' })
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
  const [one, two] = [await tokenOf(gateway, ['read']), await tokenOf(gateway, ['read'])]
  const held = holdLists()
  try {
    const first = one.ask('/events/export')
    await until('it is under way', () => held.reading === 1)
    expectProblem(await one.ask('/events/export'), 503, 'unavailable')
    const others = [two.ask('/events/export'), gateway.api('/events/export')]
    held.release()
    for (const answer of await Promise.all([first, ...others])) expect(answer.status).toBe(200)
    expect((await one.ask('/events/export')).status).toBe(200)
  } finally {
    held.restore()
  }
})
