// Tokens that are limited to sources: on every route they see and touch what came by these, and nothing else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type InboxParts, inboxRoutes } from '../../src/api/inbox.ts'
import { apiKey } from '../../src/checks/api-key.ts'
import { http } from '../../src/config/http.ts'
import { record, request } from '../contract/store/record.ts'
import { StreamReader } from '../support/event-stream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { type TestToken, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

interface Shown {
  id: string
  source: string
  [member: string]: unknown
}

const key = 'the key of this test'
const check = apiKey({ header: 'x-key', key })
let gateway: TestGateway
let subscriber: Subscriber
/** Of `north` alone, of `north` and `east`, and of a source that has had another name before. */
let north: TestToken
let both: TestToken
let renamed: TestToken
const ids: Record<string, string> = {}

const post = async (source: string, body: string, headers: Record<string, string> = { 'x-key': key }) =>
  (await gateway.post(`/hooks/${source}`, body, headers)).json as { id?: string; request?: string }

beforeAll(async () => {
  subscriber = await startSubscriber({ behaviour: answers(500, { 'content-type': 'text/plain' }, 'out of order') })
  gateway = await startTestGateway({
    env: { POSTERN_SEARCH: 'on' },
    config: {
      sources: {
        north: plain({ check, unknown: ['strange'] }),
        south: plain({ check, unknown: ['strange'] }),
        east: plain({ check }),
        west: plain({ check, formerly: 'far-west' }),
      },
      subscriptions: {
        all: { types: ['*'], retry: { scheduleMs: [0], jitter: 0 }, to: http({ url: subscriber.url }) },
      },
    },
  })
  for (const source of ['north', 'south', 'east']) {
    const event = { key: 'one', subject: 'loan/1', refs: { loan: '1' } }
    ids[source] = (await post(source, plainBody({ ...event, content: 'first' }))).id!
    await post(source, plainBody({ ...event, content: 'another' }))
    await post(source, plainBody(event), { 'x-key': 'wrong' })
    if (source !== 'east') await post(source, plainBody({ key: 'strange', type: 'strange' }))
  }
  const { store } = gateway.gateway
  for (const source of ['far-west', 'west']) await store.append([record(`of ${source}`, { source })], request('x'))
  north = await tokenOf(gateway, ['raw', 'operate'], { sources: ['north'] })
  both = await tokenOf(gateway, ['raw', 'operate'], { sources: ['north', 'east'] })
  renamed = await tokenOf(gateway, ['read'], { sources: ['west'] })
  await until('all deliveries are dead', async () => {
    const list = await gateway.api('/deliveries?state=dead')
    return (list.json as { items: unknown[] }).items.length === 5
  })
})
afterAll(async () => {
  await gateway?.close()
  await subscriber?.close()
})

const list = async (token: TestToken, path: string) => {
  const answer = await token.ask(path)
  expect(answer.status, answer.text).toBe(200)
  return (answer.json as { items: Shown[] }).items
}
const sourcesOf = (items: readonly Shown[]) =>
  [...new Set(items.map(({ source }) => source.replace('/sources/', '')))].toSorted()
const all = async (path: string) => ((await gateway.api(path)).json as { items: Shown[] }).items
const other = async (path: string, source = 'south') => (await all(path)).find(each => each.source === source)!
const ask = (token: TestToken, path: string, body: unknown = {}) => token.ask(path, { method: 'POST', body })

describe('a list', () => {
  test.each(['/events', '/quarantine', '/rejections', '/conflicts'])('%s has what is of its sources', async path => {
    expect(sourcesOf(await all(path))).toEqual(expect.arrayContaining(['north', 'south']))
    expect(sourcesOf(await list(north, path))).toEqual(['north'])
    expect(sourcesOf(await list(north, `${path}?source=north`))).toEqual(['north'])
    expect(await list(north, `${path}?source=south`)).toEqual([])
    const shared = path === '/quarantine' ? ['north'] : ['east', 'north']
    expect(sourcesOf(await list(both, path))).toEqual(shared)
  })

  test('of events narrows what globs take', async () => {
    for (const [query, sources] of [
      ['source=*', ['east', 'north']],
      ['source=*t', ['east']],
      ['source=s*', []],
      ['source=s*&source=n*', ['north']],
      ['source=far-west', []],
      ['vendor=plain', ['east', 'north']],
      ['type=*', ['east', 'north']],
      ['subject=loan/1', ['east', 'north']],
      ['ref=loan:1', ['east', 'north']],
      ['after=0', ['east', 'north']],
      ['order=oldest', ['east', 'north']],
      ['type=postern.*', []],
      ['source=postern', []],
    ] as const) {
      expect([query, sourcesOf(await list(both, `/events?${query}`))]).toEqual([query, sources])
    }
  })

  test('of events by words has what is of its sources', async () => {
    const { store } = gateway.gateway
    const { head } = await store.extent()
    await until('all is indexed', async () => ((await store.search.progress())?.indexedThrough ?? 0) >= head)
    const found = async (query: string) => sourcesOf(await list(both, `/events?q=plain.happened${query}`))
    expect(sourcesOf(await all('/events?q=plain.happened'))).toEqual(expect.arrayContaining(['east', 'north', 'south']))
    expect(await found('')).toEqual(['east', 'north'])
    expect(await found('&source=east&source=south')).toEqual(['east'])
    expect(await found('&source=south')).toEqual([])
  })

  test('of events goes on where its page ended, for the same token’s sources alone', async () => {
    const page = (await both.ask('/events?limit=1')).json as { items: Shown[]; next: string }
    const next = await list(both, `/events?limit=1&cursor=${page.next}`)
    expect(sourcesOf([...page.items, ...next])).toEqual(['east', 'north'])
    expectProblem(await north.ask(`/events?limit=1&cursor=${page.next}`), 400, 'bad_cursor', 'cursor')
  })

  test('of sources names these', async () => {
    const names = async (token: TestToken) => (await list(token, '/sources')).map(({ name }) => name)
    expect(await names(north)).toEqual(['north'])
    expect(await names(both)).toEqual(['north', 'east'])
    expect(await names(renamed)).toEqual(['west'])
  })

  test('has what a source received under the name that it had before', async () => {
    expect(sourcesOf(await list(renamed, '/events'))).toEqual(['far-west', 'west'])
  })
})

test('streams, and pages that wait, have what is of its sources', async () => {
  const reader = await StreamReader.open(gateway.gateway.adminUrl, { token: north.token, query: '?after=0' })
  const { head } = await gateway.gateway.store.extent()
  const waiting = list(north, `/events?after=${head}&wait=60`)
  await post('south', plainBody({ key: 'two' }))
  await post('north', plainBody({ key: 'two' }))
  expect(sourcesOf(await waiting)).toEqual(['north'])
  await reader.until('both have come', () => reader.parser.events.length === 2)
  expect(sourcesOf(reader.parser.events.map(({ data }) => JSON.parse(data) as Shown))).toEqual(['north'])
  reader.cut()
})

test('a timeline, an export and the figures have what is of its sources', async () => {
  expect(sourcesOf(await list(both, '/timeline?subject=loan/1'))).toEqual(['east', 'north'])
  const { subjects } = (await north.ask('/timeline?subject=loan/1')).json as { subjects: object[] }
  expect(subjects).toEqual([{ namespace: 'north', subject: 'loan/1', events: 1, via: null }])
  for (const query of ['', '?order=newest', '?source=*', '?source=south', '?include=original']) {
    const { status, text } = await north.ask(`/events/export${query}`)
    const lines = text.split('\n').filter(line => line !== '')
    expect([query, status, sourcesOf(lines.map(line => JSON.parse(line) as Shown))]).toEqual([
      query,
      200,
      query.includes('south') ? [] : ['north'],
    ])
  }
  const figures = (await both.ask('/stats')).json as { sources: Shown[]; subscriptions: unknown[] }
  expect(figures.sources.map(({ name }) => name)).toEqual(['north', 'east'])
  expect(figures.subscriptions).toEqual([])
})

describe('one thing', () => {
  test('of its source is there, and of another is not', async () => {
    const paths = async (source: string) => {
      const number = String((await other('/conflicts', source)).number)
      const rejection = (await other('/rejections', source)).id
      const quarantined = (await other('/quarantine', source)).id
      const delivery = (await all(`/events/${ids[source]}/deliveries`))[0]!.id
      return [
        `/events/${ids[source]}`,
        `/events/${ids[source]}?include=original`,
        `/events/${ids[source]}/raw`,
        `/events/${ids[source]}/deliveries`,
        `/deliveries/${delivery}`,
        `/quarantine/${quarantined}`,
        `/quarantine/${quarantined}/raw`,
        `/rejections/${rejection}/raw`,
        `/conflicts/${number}/raw`,
      ]
    }
    for (const path of await paths('north')) expect([path, (await north.ask(path)).status]).toEqual([path, 200])
    for (const path of await paths('south')) {
      expect([path, (await gateway.api(path)).status]).toEqual([path, 200])
      expectProblem(await north.ask(path), 404, 'not_found')
    }
  })

  test('of another source is not touched', async () => {
    const dead = (await all(`/events/${ids.south}/deliveries`))[0]!.id
    const waiting = (await other('/quarantine')).id
    expectProblem(await ask(north, `/deliveries/${dead}/retry`), 404, 'not_found')
    expectProblem(await ask(north, `/events/${ids.south}/replay`), 404, 'not_found')
    expectProblem(await ask(north, `/quarantine/${waiting}/discard`), 404, 'not_found')
    expectProblem(await ask(north, '/rejections/recheck', { source: 'south' }), 400, 'bad_request', '/source')
    for (const filter of [{ source: 'south' }, { id: waiting }, { source: 'south', id: waiting }]) {
      expect((await ask(north, '/quarantine/release', { filter })).json).toEqual({ released: 0, waiting: 0 })
    }
    expect(await other('/quarantine')).toMatchObject({ id: waiting })
    expect(await all(`/events/${ids.south}/deliveries`)).toMatchObject([{ id: dead, state: 'dead' }])
  })

  test('of its source is', async () => {
    const dead = (await all(`/events/${ids.north}/deliveries`))[0]!.id
    expect((await ask(north, `/deliveries/${dead}/retry`)).status).toBe(200)
    expect((await ask(north, `/events/${ids.north}/replay`)).status).toBe(202)
    expect((await ask(north, '/rejections/recheck', { source: 'north' })).json).toMatchObject({ refused: 1 })
    expect((await ask(north, '/quarantine/release')).json).toEqual({ released: 0, waiting: 1 })
    const [waiting] = await list(north, '/quarantine')
    expect((await ask(north, `/quarantine/${waiting!.id}/discard`)).status).toBe(200)
  })
})

test('what is not about one source is not for it', async () => {
  const limited = await tokenOf(gateway, ['read', 'raw', 'operate'], { sources: ['north'] })
  const routes = inboxRoutes({ store: {} } as InboxParts).map(({ definition }) => definition)
  const open = routes.filter(({ bySource }) => bySource === true).map(({ method, path }) => `${method} ${path}`)
  // Each of these has its test in this file.
  expect(open.toSorted()).toEqual(
    [
      'get /conflicts',
      'get /conflicts/{number}/raw',
      'get /deliveries/{id}',
      'get /events',
      'get /events/export',
      'get /events/stream',
      'get /events/{id}',
      'get /events/{id}/deliveries',
      'get /events/{id}/raw',
      'get /quarantine',
      'get /quarantine/{id}',
      'get /quarantine/{id}/raw',
      'get /rejections',
      'get /rejections/{id}/raw',
      'get /sources',
      'get /stats',
      'get /timeline',
      'post /deliveries/{id}/retry',
      'post /events/{id}/replay',
      'post /quarantine/release',
      'post /quarantine/{id}/discard',
      'post /rejections/recheck',
    ].toSorted(),
  )
  for (const { method, path, bySource, scope } of routes) {
    if (bySource === true || scope === null || scope === 'admin') continue
    const named = path.replace('{name}', 'all').replace('{id}', `rpl_${'0'.repeat(26)}`)
    const answer = await limited.ask(named, method === 'get' ? {} : { method: method.toUpperCase(), body: {} })
    const { errors } = expectProblem(answer, 403, 'forbidden', 'Authorization')
    expect([path, errors[0]!.detail]).toEqual([path, expect.stringContaining('limited')])
  }
})
