// Tokens over the API: making and revoking them, what each scope lets, and that nothing of one is kept.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type InboxParts, inboxRoutes } from '../../src/api/inbox.ts'
import type { Scope } from '../../src/store/tokens.ts'
import { StreamReader } from '../support/event-stream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { type Answer, send } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { type TestToken, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const start = Date.parse('2026-03-01T12:00:10.000Z')
const previousToken = 'test-admin-token-of-before'
const timers = new HeldTimers()
const secrets = [previousToken]
let now = start
let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway({
    config: { sources: { north: plain(), south: plain() } },
    env: { POSTERN_ADMIN_TOKEN_PREVIOUS: previousToken },
    clock: { now: () => now },
    readers: { timers },
    secrets,
  })
})
afterAll(() => gateway.close())

async function make(scopes: readonly Scope[], fields: Parameters<typeof tokenOf>[2] = {}): Promise<TestToken> {
  const made = await tokenOf(gateway, scopes, fields)
  secrets.push(made.token, made.token.slice(-43))
  return made
}
const post = (body: unknown) => gateway.api('/tokens', { method: 'POST', body: JSON.stringify(body) })
const revoke = (id: string) => gateway.api(`/tokens/${id}`, { method: 'DELETE' })
const present = (token: string, path = '/events') =>
  send(gateway.url, `/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
const listed = async (query = '') => (await gateway.api(`/tokens${query}`)).json as { items: Record<string, unknown>[] }
const shown = async ({ id }: TestToken) => (await listed('?revoked=true')).items.find(each => each.id === id)
const refused = (answer: Answer) => {
  expectProblem(answer, 401, 'unauthenticated')
  expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
}

describe('a token', () => {
  test('is told once, and shown without it', async () => {
    const body = {
      name: 'loan-book',
      scopes: ['operate', 'read'],
      sources: ['north'],
      expiresAt: '2026-09-01T02:00:00+02:00',
    }
    const answer = await post(body)
    expect(answer.status, answer.text).toBe(201)
    const { token, ...rest } = answer.json as Record<string, unknown>
    expect(token).toMatch(/^pst_[0-9a-z]{26}_[\w-]{43}$/)
    secrets.push(String(token))
    const row = {
      id: expect.stringMatching(/^tok_[0-9a-z]{26}$/),
      name: 'loan-book',
      scopes: ['read', 'operate'],
      sources: ['north'],
      createdAt: new Date(now).toISOString(),
      expiresAt: '2026-09-01T00:00:00.000Z',
      usedAt: null,
      revokedAt: null,
    }
    expect(rest).toEqual(row)
    const list = await gateway.api('/tokens')
    expect((list.json as { items: unknown[] }).items[0]).toEqual(row)
    expect(list.text).not.toContain('pst_')
    expect((await present(String(token))).status).toBe(200)
  })

  test.each([
    [{ scopes: ['read'] }, '/name'],
    [{ name: '', scopes: ['read'] }, '/name'],
    [{ name: ' a', scopes: ['read'] }, '/name'],
    [{ name: 'a\nb', scopes: ['read'] }, '/name'],
    [{ name: 'a'.repeat(64), scopes: ['read'] }, '/name'],
    [{ name: 'Admin', scopes: ['read'] }, '/name'],
    [{ name: 'a' }, '/scopes'],
    [{ name: 'a', scopes: [] }, '/scopes'],
    [{ name: 'a', scopes: ['write'] }, '/scopes/0'],
    [{ name: 'a', scopes: 'read' }, '/scopes'],
    [{ name: 'a', scopes: ['read'], sources: [] }, '/sources'],
    [{ name: 'a', scopes: ['read'], sources: ['north', 'nobody'] }, '/sources/1'],
    [{ name: 'a', scopes: ['read'], sources: ['n*'] }, '/sources/0'],
    [{ name: 'a', scopes: ['read', 'admin'], sources: ['north'] }, '/sources'],
    [{ name: 'a', scopes: ['read'], expiresAt: '2026-02-30T00:00:00Z' }, '/expiresAt'],
    [{ name: 'a', scopes: ['read'], expiresAt: '2026-03-01T12:00:10Z' }, '/expiresAt'],
    [{ name: 'a', scopes: ['read'], token: 'pst_mine' }, '/token'],
  ])('of %j is refused at %s', async (body, pointer) => {
    expectProblem(await post(body), 400, 'bad_request', pointer)
  })

  test('has its name alone until it is revoked', async () => {
    const first = await make(['read'], { name: 'only one' })
    expectProblem(await post({ name: 'only one', scopes: ['read'] }), 409, 'token_name_taken')
    expect((await revoke(first.id)).status).toBe(200)
    const second = await make(['read'], { name: 'only one' })
    expect(await shown(first)).toMatchObject({ revokedAt: new Date(now).toISOString() })
    expect((await listed()).items.map(({ id }) => id)).toContain(second.id)
    expect((await listed()).items.map(({ id }) => id)).not.toContain(first.id)
  })

  test('is listed page by page, and cursors are of one list', async () => {
    for (let count = 0; count < 3; count++) await make(['read'])
    const ids: unknown[] = []
    for (let next: string | null = ''; next !== null; ) {
      const page = (await gateway.api(`/tokens?limit=2&revoked=true${next && `&cursor=${next}`}`)).json as {
        items: { id: string }[]
        next: string | null
      }
      ids.push(...page.items.map(({ id }) => id))
      next = page.next
      if (next !== null) expectProblem(await gateway.api(`/tokens?limit=2&cursor=${next}`), 400, 'bad_cursor', 'cursor')
    }
    expect(ids).toEqual((await listed('?limit=500&revoked=true')).items.map(({ id }) => id))
    expectProblem(await gateway.api('/tokens?revoked=1'), 400, 'bad_request', 'revoked')
  })

  test('that nobody made is nobody’s', async () => {
    const { token } = await make(['read'])
    const other = await make(['read'])
    const [, id = '', secret = ''] = /^pst_(\w{26})_(.{43})$/.exec(token) ?? []
    const last = secret.endsWith('A') ? 'B' : 'A'
    for (const wrong of [
      token.slice(0, -1),
      `${token}A`,
      token.slice(0, -1) + last,
      token.replace('pst_', 'PST_'),
      token.replace('pst_', 'tok_'),
      `pst_${id}_`,
      `pst_${id}`,
      `pst_${id}_${other.token.slice(-43)}`,
      `pst_${id.toUpperCase()}_${secret}`,
      `pst_${'0'.repeat(26)}_${secret}`,
      `pst_${'z'.repeat(26)}_${secret}`,
      `pst_${id}_${secret.toLowerCase()}`,
      `tok_${id}`,
      `${id}_${secret}`,
      secret,
    ]) {
      refused(await present(wrong))
    }
    expect((await present(token)).status).toBe(200)
    // In the query it is no token, and is no parameter either.
    expect((await send(gateway.url, `/api/v1/events?token=${token}`)).status).toBe(401)
  })

  test('is known to the minute of its last use', async () => {
    const token = await make(['read'])
    const used = async (minute: string) =>
      until(`it was used at ${minute}`, async () => (await shown(token))?.usedAt === `2026-03-01T${minute}:00.000Z`)
    now = Date.parse('2026-03-01T13:01:59.900Z')
    await token.ask('/sources')
    await used('13:01')
    now = Date.parse('2026-03-01T13:02:00.100Z')
    await token.ask('/no/such/thing')
    await used('13:02')
  })
})

describe('revoked', () => {
  test('it is refused at once, and once is enough', async () => {
    const token = await make(['admin'])
    expect((await token.ask('/tokens')).status).toBe(200)
    expect((await token.ask(`/tokens/${token.id}`, { method: 'DELETE' })).status, 'its own').toBe(200)
    refused(await token.ask('/tokens'))
    const before = await shown(token)
    now += 1_000
    expect((await revoke(token.id)).json).toEqual(before)
    expectProblem(await revoke(`tok_${'0'.repeat(26)}`), 404, 'not_found')
    expectProblem(await revoke('tok_1'), 404, 'not_found')
  })

  test('or expired it streams no further than the next heartbeat, and others go on', async () => {
    const [gone, short, other] = [
      await make(['read']),
      await make(['read'], { expiresAt: new Date(now + 5_000).toISOString() }),
      await make(['read']),
    ]
    const open = ({ token }: { token: string }) =>
      StreamReader.open(gateway.gateway.adminUrl, { token, query: '?after=0' })
    const [first, second, third, admin] = [
      await open(gone),
      await open(short),
      await open(other),
      await open({ token: gateway.gateway.token }),
    ]
    timers.beat()
    await until('all are there', () => [first, second, third].every(each => each!.parser.positions.length > 1))
    await revoke(gone.id)
    timers.beat()
    expect(await first!.over()).toBe('end')
    now += 5_000
    timers.beat()
    expect(await second!.over()).toBe('end')
    await gateway.post('/hooks/north', plainBody({ key: 'after both' }))
    for (const each of [third!, admin!]) await each.until('what came later', () => each.parser.events.length > 0)
    expect(first!.parser.events).toEqual([])
    refused(await present(gone.token, '/events/stream'))
    for (const each of [third!, admin!]) each.cut()
  })

  test('it is answered nothing that it waited for', async () => {
    const token = await make(['read'])
    const { head } = await gateway.gateway.store.extent()
    const waiting = token.ask(`/events?after=${head}&wait=60`)
    await until('it waits', () => timers.waiting > 0)
    await revoke(token.id)
    await gateway.post('/hooks/north', plainBody({ key: 'what it waited for' }))
    refused(await waiting)
  })
})

test('expired it is refused from that millisecond on', async () => {
  const token = await make(['read'], { expiresAt: new Date(now + 60_000).toISOString() })
  now += 59_999
  expect((await token.ask('/events')).status).toBe(200)
  now += 1
  refused(await token.ask('/events'))
})

describe('scopes', () => {
  const routes = inboxRoutes({ store: {} } as InboxParts).map(({ definition }) => definition)
  const lets: Record<Scope, readonly Scope[]> = {
    read: ['read'],
    raw: ['read', 'raw'],
    operate: ['read', 'operate'],
    admin: ['read', 'raw', 'operate', 'admin'],
  }
  const ids: Record<string, string> = {
    '/events/': 'evt_', '/deliveries/': 'dlv_', '/replays/': 'rpl_', '/quarantine/': 'req_', '/rejections/': 'req_', '/tokens/': 'tok_',
  } // biome-ignore format: one line
  const pathOf = (path: string) =>
    path
      .replace('{id}', `${Object.entries(ids).find(([start]) => path.startsWith(start))?.[1]}${'0'.repeat(26)}`)
      .replace('{number}', '1')
      .replace('{name}', 'nobody')

  test('are there for every route', () => {
    expect(routes.length).toBeGreaterThan(30)
    expect(new Set(routes.map(({ scope }) => scope))).toEqual(new Set([null, 'read', 'raw', 'operate', 'admin']))
  })

  test.each(['read', 'raw', 'operate', 'admin'] as const)('%s lets what it says, and nothing else', async scope => {
    const token = await make([scope])
    for (const { method, path, scope: wanted } of routes) {
      if (wanted === null) continue
      const asks = { method: path === '/events/stream' ? 'HEAD' : method.toUpperCase() }
      const answer = await token.ask(pathOf(path), method === 'get' ? asks : { ...asks, body: {} })
      const what = { method, path, status: answer.status }
      if (!lets[scope].includes(wanted)) {
        const { errors } = expectProblem(answer, 403, 'forbidden', 'Authorization')
        expect({ ...what, detail: errors[0]!.detail }).toMatchObject({ detail: expect.stringContaining(`'${wanted}'`) })
      } else {
        expect(what).toEqual({ ...what, status: expect.toSatisfy(status => status !== 401 && status !== 403) })
      }
    }
  })

  test('metrics take `read`, of a token that is not limited', async () => {
    const ask = ({ token }: TestToken) =>
      send(gateway.url, '/metrics', { headers: { authorization: `Bearer ${token}` } })
    expect((await ask(await make(['read']))).text).toContain('postern_')
    expectProblem(await ask(await make(['read'], { sources: ['north'] })), 403, 'forbidden')
    const gone = await make(['read'])
    await revoke(gone.id)
    refused(await ask(gone))
  })
})

test('the environment has two admin tokens while it is changed', async () => {
  expect((await present(previousToken, '/tokens')).status).toBe(200)
  refused(await present(`${previousToken}x`, '/tokens'))
})

test('nothing of a token is in the database or the log', async () => {
  const token = await make(['read'])
  await token.ask('/events')
  refused(await present(`${token.token.slice(0, -1)}~`))
  const kept = ['', '-wal'].map(end => readFileSync(gateway.database + end, 'latin1')).join('')
  const log = JSON.stringify(gateway.lines())
  expect(kept).toContain(token.name)
  for (const secret of [token.token, token.token.slice(-43)]) {
    expect(kept).not.toContain(secret)
    expect(kept).not.toContain(Buffer.from(secret, 'base64url').toString('latin1'))
    expect(log).not.toContain(secret)
  }
})
