// The audit log: every change and every reading of raw bytes is in it, also where it failed, and nothing is done that
// cannot be written there.
import type { IncomingMessage } from 'node:http'
import Sqlite from 'better-sqlite3'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { adminPrincipal } from '../../src/api/access.ts'
import { auditActions } from '../../src/api/audit-actions.ts'
import { type AuditorParts, auditor } from '../../src/api/auditing.ts'
import { type InboxParts, inboxRoutes } from '../../src/api/inbox.ts'
import { systemChance } from '../../src/clock.ts'
import { http } from '../../src/config/http.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { type TestToken, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

interface Entry {
  action: string
  [member: string]: unknown
}

const none = '0'.repeat(26)
const destination = 'https://1.1.1.1/in'
let gateway: TestGateway
let subscriber: Subscriber
let robot: TestToken
let event: string
let waiting: string
let delivery: string
let now = Date.parse('2026-03-01T12:00:00.000Z')

beforeAll(async () => {
  subscriber = await startSubscriber({ behaviour: answers(500, { 'content-type': 'text/plain' }, 'out of order') })
  gateway = await startTestGateway({
    config: {
      sources: { plain: plain({ unknown: ['strange'] }) },
      subscriptions: { all: { types: ['plain.*'], to: http({ url: subscriber.url }) } },
    },
    clock: { now: () => now },
    secrets: ['a secret of this test'],
  })
  robot = await tokenOf(gateway, ['raw', 'operate', 'admin'], { name: 'robot' })
  const post = async (type: string) => (await gateway.post('/hooks/plain', plainBody({ key: type, type }))).json
  event = ((await post('plain.happened')) as { id: string }).id
  waiting = ((await post('strange')) as { request: string }).request
  delivery = `dlv_${none}`
})
afterAll(async () => {
  await gateway?.close()
  await subscriber?.close()
})

const audit = async (query = '') => {
  const answer = await gateway.api(`/audit${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as { items: Entry[]; next: string | null }
}
const ask = (method: string, path: string, body?: unknown) =>
  robot.ask(path, { method, ...(body === undefined ? {} : { body }) })

/** Every audited route, done and failed; the paths are filled in when it is their turn. */
const acts: [action: string, status: number, target: () => string, method: string, path: () => string, body?: unknown, detail?: object][] = [
  ['token.make', 201, () => 'made', 'POST', () => '/tokens', { name: 'made', scopes: ['read'] }, { name: 'made', scopes: ['read'] }],
  ['token.make', 409, () => 'robot', 'POST', () => '/tokens', { name: 'robot', scopes: ['read'] }],
  ['token.revoke', 404, () => `tok_${none}`, 'DELETE', () => `/tokens/tok_${none}`],
  ['event.raw', 200, () => event, 'GET', () => `/events/${event}/raw`],
  ['event.raw', 404, () => `evt_${none}`, 'GET', () => `/events/evt_${none}/raw`],
  ['event.original', 200, () => '', 'GET', () => '/events?include=original&type=a&type=b&limit=3', undefined, { include: 'original', type: ['a', 'b'], limit: '3' }],
  ['event.original', 200, () => event, 'GET', () => `/events/${event}?include=original`],
  ['event.original', 410, () => '', 'GET', () => '/events/stream?include=original&after=99'],
  ['event.export', 200, () => '', 'GET', () => '/events/export?type=a', undefined, { type: 'a' }],
  ['event.export', 410, () => '', 'GET', () => '/events/export?after=99'],
  ['event.replay', 202, () => event, 'POST', () => `/events/${event}/replay`, { subscription: 'all' }, { subscription: 'all' }],
  ['event.replay', 404, () => `evt_${none}`, 'POST', () => `/events/evt_${none}/replay`],
  ['quarantine.raw', 200, () => waiting, 'GET', () => `/quarantine/${waiting}/raw`],
  ['quarantine.release', 200, () => '', 'POST', () => '/quarantine/release', { filter: { source: 'plain' } }, { filter: { source: 'plain' } }],
  ['quarantine.discard', 200, () => waiting, 'POST', () => `/quarantine/${waiting}/discard`],
  ['quarantine.discard', 404, () => waiting, 'POST', () => `/quarantine/${waiting}/discard`],
  ['rejection.raw', 404, () => `req_${none}`, 'GET', () => `/rejections/req_${none}/raw`],
  ['rejection.recheck', 200, () => 'plain', 'POST', () => '/rejections/recheck', { source: 'plain' }],
  ['rejection.recheck', 400, () => 'nobody', 'POST', () => '/rejections/recheck', { source: 'nobody' }],
  ['conflict.raw', 404, () => '1', 'GET', () => '/conflicts/1/raw'],
  ['subscription.put', 201, () => 'made', 'PUT', () => '/subscriptions/made', { types: ['loan.*'], to: { url: `${destination}?key=a secret of this test`, headers: { 'x-key': 'a secret of this test' } } }],
  ['subscription.put', 409, () => 'all', 'PUT', () => '/subscriptions/all', { types: ['loan.*'], to: { url: destination } }],
  ['subscription.pause', 200, () => 'all', 'POST', () => '/subscriptions/all/pause'],
  ['subscription.resume', 200, () => 'all', 'POST', () => '/subscriptions/all/resume'],
  ['subscription.test', 404, () => 'nobody', 'POST', () => '/subscriptions/nobody/test'],
  ['subscription.retry', 200, () => 'all', 'POST', () => '/subscriptions/all/retry'],
  ['subscription.delete', 200, () => 'made', 'DELETE', () => '/subscriptions/made'],
  ['delivery.retry', 404, () => delivery, 'POST', () => `/deliveries/${delivery}/retry`],
  ['lane.skip', 409, () => 'all', 'POST', () => '/lanes/skip', { subscription: 'all', subject: 'loan/1' }, { subscription: 'all', subject: 'loan/1' }],
  ['replay.create', 202, () => 'all', 'POST', () => '/replays', { filter: { type: ['plain.*'] }, subscription: 'all' }, { filter: { type: ['plain.*'] }, subscription: 'all' }],
  ['replay.cancel', 404, () => `rpl_${none}`, 'POST', () => `/replays/rpl_${none}/cancel`],
] // biome-ignore format: a table

describe('an entry', () => {
  test.each(acts)('%s answered %i', async (action, status, target, method, path, body, detail) => {
    now += 1_000
    const given = path()
    const wanted = target()
    const answer = await ask(method, given, body)
    expect([given, answer.status, answer.status === status ? '' : answer.text]).toEqual([given, status, ''])
    // What is sent as it is read has its status when it has begun, and may have arrived by then.
    await until('it has its status', async () => (await audit('?limit=1')).items[0]?.status !== null)
    const { items } = await audit('?limit=1')
    expect(items).toEqual([
      {
        id: expect.stringMatching(/^aud_[0-9a-z]{26}$/),
        at: new Date(now).toISOString(),
        actor: 'robot',
        tokenId: robot.id,
        action,
        target: wanted,
        detail: detail === undefined ? expect.any(Object) : detail,
        address: '127.0.0.1',
        status,
      },
    ])
    expect(JSON.stringify(items)).not.toContain('a secret of this test')
  })

  test('is there for every audited route', () => {
    const routes = inboxRoutes({ store: {} } as InboxParts).map(({ definition }) => definition)
    const audited = routes.flatMap(({ audit }) =>
      typeof audit === 'function' ? (audit({ include: ['original'] }, adminPrincipal) ?? []) : (audit ?? []),
    )
    expect([...new Set(acts.map(([action]) => action))].toSorted()).toEqual([...new Set(audited)].toSorted())
    // What changes anything is audited, and so is all that takes more than `read`, but for the log itself.
    const silent = routes.filter(
      ({ audit, method, scope }) => audit === undefined && scope !== null && (method !== 'get' || scope !== 'read'),
    )
    expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual(['get /tokens', 'get /audit'])
  })

  test('holds so much of what was asked for, and no more', async () => {
    const far = 'é'.repeat(3_000)
    await ask('GET', `/events?include=original&subject=${encodeURIComponent(`loan/${far}`)}`)
    await ask(
      'GET',
      `/events?include=original&type=${Array.from({ length: 50 }, () => far.slice(0, 60)).join('&type=')}`,
    )
    const [entry] = (await audit('?limit=1')).items
    expect(JSON.stringify(entry?.detail).length).toBeLessThan(1_100)
    const [before] = (await audit('?limit=1')).items
    expectProblem(await ask('POST', '/rejections/recheck', { source: far }), 400, 'bad_request', '/source')
    expectProblem(
      await ask('POST', '/quarantine/release', { filter: { source: far } }),
      400,
      'bad_request',
      '/filter/source',
    )
    expectProblem(await ask('POST', `/subscriptions/${'a'.repeat(64)}/pause`), 404, 'not_found')
    expect((await audit('?limit=1')).items).toEqual([before])
  })

  test('is not made of what is refused before, nor of plain reading, nor of HEAD, which shows nothing', async () => {
    const [before] = (await audit('?limit=1')).items
    const reader = await tokenOf(gateway, ['read'], { name: 'reader' })
    const [made] = (await audit('?limit=1')).items
    expect(made).toMatchObject({ actor: 'admin', tokenId: null, action: 'token.make', target: 'reader', status: 201 })
    expect(made).not.toEqual(before)
    await reader.ask(`/events/${event}/raw`)
    await reader.ask('/events?include=original')
    await reader.ask('/events')
    await robot.ask('/events')
    await ask('POST', '/replays', { filter: 1 })
    await ask('POST', `/events/${event}/replay?x=1`, {})
    await ask('GET', '/events/evt_1/raw')
    for (const path of [`/events/${event}/raw`, '/events/stream?include=original', '/events/export']) {
      expect((await ask('HEAD', path)).status).toBe(200)
    }
    expect((await reader.ask('/events/export?include=original')).status).toBe(403)
    expect((await audit('?limit=1')).items).toEqual([made])
  })
})

describe('the list', () => {
  test('is by actor and action, and in pages', async () => {
    const robots = (await audit('?actor=robot&limit=500')).items
    expect(new Set(robots.map(({ actor }) => actor))).toEqual(new Set(['robot']))
    expect((await audit('?actor=robot&action=event.raw')).items).toHaveLength(2)
    const page = await audit('?actor=robot&limit=2')
    const next = await audit(`?actor=robot&limit=2&cursor=${page.next}`)
    expect([...page.items, ...next.items]).toEqual(robots.slice(0, 4))
    expectProblem(await gateway.api(`/audit?actor=admin&cursor=${page.next}`), 400, 'bad_cursor', 'cursor')
    expectProblem(await gateway.api('/audit?who=robot'), 400, 'bad_request', 'who')
  })

  test('is by actions that there are: another is refused, and told which', async () => {
    const refused = await gateway.api('/audit?action=delivery.retried')
    expectProblem(refused, 400, 'bad_request', 'action')
    for (const action of auditActions) expect(refused.text).toContain(action)
    expect(auditActions.toSorted()).toEqual([...new Set(acts.map(([action]) => action))].toSorted())
  })
})

test('a target is cut, wherever it came from', async () => {
  const written: string[] = []
  const store = {
    audit: { begin: async ({ target }: { target: string }) => void written.push(target), end: async () => {} },
  }
  const parts = { store, addressOf: () => '', clock: { now: () => now }, chance: systemChance, log: { error() {} } }
  const act = { action: 'a.change', target: 'x'.repeat(60_000), detail: {}, isReading: false }
  await auditor(parts as unknown as AuditorParts)(adminPrincipal, {} as IncomingMessage)(
    act,
    async () => new Response(),
  )
  expect(written).toEqual(['x'.repeat(200)])
})

describe('readings', () => {
  const read = async (token: TestToken, path: string, times: number) => {
    const statuses = new Map<number, number>()
    for (let round = 0; round < times; round++) {
      const { status } = await token.ask(path)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    return Object.fromEntries(statuses)
  }
  const none = '/events/export?type=no.such'

  test('are so many a minute of a token, and no more are written', async () => {
    const reader = await tokenOf(gateway, ['read'], { name: 'eager' })
    const other = await tokenOf(gateway, ['read'], { name: 'other' })
    expect(await read(reader, none, 63)).toEqual({ 200: 60, 503: 3 })
    const answer = await reader.ask(none)
    expectProblem(answer, 503, 'unavailable')
    expect(answer.headers['retry-after']).toBe('5')
    expect((await audit('?actor=eager&limit=500')).items).toHaveLength(60)
    expect((await reader.ask('/events')).status).toBe(200)
    expect((await other.ask(none)).status).toBe(200)
    now += 5_000
    expect(await read(reader, none, 6)).toEqual({ 200: 5, 503: 1 })
  })

  test('are more with the scope `raw`, and as many as one likes with the token of the environment', async () => {
    expect(await read(robot, `/events/${event}/raw`, 70)).toEqual({ 200: 70 })
    const admin = { ask: gateway.api } as unknown as TestToken
    expect(await read(admin, none, 70)).toEqual({ 200: 70 })
  })
})

describe('where it cannot be written', () => {
  let broken: Sqlite.Database | undefined
  const breakIt = () => {
    broken = new Sqlite(gateway.database)
    broken.exec('alter table audit rename to audit_away')
  }
  afterEach(() => {
    broken?.exec('alter table audit_away rename to audit')
    broken?.close()
    broken = undefined
  })

  test('nothing is done, nor shown', async () => {
    breakIt()
    for (const [method, path, body] of [
      ['GET', `/events/${event}/raw`],
      ['GET', '/events?include=original'],
      ['POST', '/subscriptions/all/pause', {}],
      ['POST', '/tokens', { name: 'unseen', scopes: ['read'] }],
      ['DELETE', `/tokens/${robot.id}`],
    ] as const) {
      const answer = await gateway.api(path, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      expectProblem(answer, 503, 'unavailable')
      expect(answer.headers['retry-after']).toBeDefined()
    }
    expect((await gateway.api('/events')).status).toBe(200)
    expect((await gateway.api('/subscriptions/all')).json).toMatchObject({ paused: null })
    const tokens = (await gateway.api('/tokens')).json as { items: { id: string; name: string }[] }
    expect(tokens.items.map(({ name }) => name)).not.toContain('unseen')
    expect(tokens.items.map(({ id }) => id)).toContain(robot.id)
  })
})
