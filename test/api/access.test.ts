// Who may ask what, and where: the token on every route, methods, unknown paths, and a port of its own for the API.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { RawConnection, send, statuses } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'

const config = { sources: { plain: plain() } }
const none = `req_${'0'.repeat(26)}`
const routes = [
  ['GET', '/events'],
  ['GET', `/events/evt_${'0'.repeat(26)}`],
  ['GET', `/events/evt_${'0'.repeat(26)}/raw`],
  ['GET', '/quarantine'],
  ['GET', `/quarantine/${none}`],
  ['GET', `/quarantine/${none}/raw`],
  ['POST', '/quarantine/release'],
  ['POST', `/quarantine/${none}/discard`],
  ['GET', '/rejections'],
  ['GET', `/rejections/${none}/raw`],
  ['POST', '/rejections/recheck'],
  ['GET', '/conflicts'],
  ['GET', '/conflicts/1/raw'],
  ['GET', '/sources'],
  ['GET', '/no/such/thing'],
  ['DELETE', '/events'],
  ['OPTIONS', '/events'],
] as const

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config })
})
afterAll(() => gateway.close())

describe('the token', () => {
  const base64 = Buffer.from(`admin:${testToken}`).toString('base64')
  const wrong: [why: string, query: string, headers: Record<string, string>][] = [
    ['none', '', {}],
    ['in the query', `?token=${testToken}&access_token=${testToken}`, {}],
    ['a wrong one', '', { authorization: 'Bearer wrong-token' }],
    ['one character short', '', { authorization: `Bearer ${testToken.slice(0, -1)}` }],
    ['one character long', '', { authorization: `Bearer ${testToken}x` }],
    ['in other case', '', { authorization: `Bearer ${testToken.toUpperCase()}` }],
    ['an empty one', '', { authorization: 'Bearer ' }],
    ['without its scheme', '', { authorization: testToken }],
    ['under another scheme', '', { authorization: `Basic ${base64}` }],
    ['with more behind it', '', { authorization: `Bearer ${testToken} ${testToken}` }],
    ['in a cookie', '', { cookie: `token=${testToken}` }],
  ]

  test.each(routes)('%s %s is nothing without it', async (method, path) => {
    for (const [why, query, headers] of wrong) {
      const answer = await send(gateway.url, `/api/v1${path}${query}`, { method, headers })
      const { detail } = expectProblem(answer, 401, 'unauthenticated')
      const challenge = /^Bearer ./.test(headers.authorization ?? '') && !why.startsWith('with more')
      expect([why, answer.headers['www-authenticate']]).toEqual([
        why,
        challenge ? 'Bearer error="invalid_token"' : 'Bearer',
      ])
      expect([why, detail]).toEqual([
        why,
        challenge ? 'the token is wrong, revoked or expired' : 'send `Authorization: Bearer <token>`',
      ])
      expect(answer.headers['cache-control']).toBe('no-store')
    }
  })

  test('is asked for before anything else is looked at: a large body, bad parameters, a bad body', async () => {
    const url = `${gateway.url}`
    const large = Buffer.alloc(200_000, 32)
    expectProblem(
      await send(url, '/api/v1/rejections/recheck', { method: 'POST', body: large }),
      401,
      'unauthenticated',
    )
    expectProblem(await send(url, '/api/v1/events?limit=abc&x=1'), 401, 'unauthenticated')
    expectProblem(await send(url, '/api/v1/quarantine/release', { method: 'POST', body: '{' }), 401, 'unauthenticated')
  })

  test('with it, the scheme is read in any case', async () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      const answer = await send(gateway.url, '/api/v1/events', { headers: { authorization: `${scheme} ${testToken}` } })
      expect(answer.status).toBe(200)
    }
  })
})

describe('methods and paths', () => {
  test('HEAD is GET without the body', async () => {
    await gateway.post('/hooks/plain', plainBody({ key: 'head' }))
    const [event] = await gateway.events()
    for (const path of ['/events', `/events/${String(event?.id)}`, `/events/${String(event?.id)}/raw`, '/sources']) {
      const [got, head] = [await gateway.api(path), await gateway.api(path, { method: 'HEAD' })]
      expect([got.status, head.status, head.text]).toEqual([200, 200, ''])
      expect(head.headers['content-type']).toBe(got.headers['content-type'])
    }
    expect((await gateway.api('/events?limit=0', { method: 'HEAD' })).status).toBe(400)
    expect((await gateway.api('/nothing', { method: 'HEAD' })).status).toBe(404)
  })

  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])('%s /events is not taken', async method => {
    const answer = await gateway.api('/events', { method })
    expectProblem(answer, 405, 'method_not_allowed')
    expect(answer.headers.allow).toBe('GET, HEAD')
  })

  test('GET of what is done by POST is not taken', async () => {
    for (const path of ['/quarantine/release', '/rejections/recheck', `/quarantine/${none}/discard`]) {
      const answer = await gateway.api(path)
      if (path === '/quarantine/release') expectProblem(answer, 404, 'not_found')
      else {
        expectProblem(answer, 405, 'method_not_allowed')
        expect(answer.headers.allow).toBe('POST')
      }
    }
  })

  test.each([
    '',
    '/',
    '/event',
    '/Events',
    '/events/',
    '/events//raw',
    '/events/evt_1',
    '/events/evt_1/raw',
    `/events/EVT_${'0'.repeat(26)}`,
    `/events/evt_${'z'.repeat(26)}`,
    `/events/evt_${'0'.repeat(26)}/raw/more`,
    `/events/evt_${'0'.repeat(26)}/body`,
    `/events/req_${'0'.repeat(26)}`,
    '/events/%00',
    '/events/%ff%fe',
    '/events/..%2fsources',
    '/events/constructor',
    '/quarantine/__proto__',
    `/quarantine/${none}`,
    `/quarantine/${none}/raw`,
    `/rejections/${none}/raw`,
    '/rejections/req_x/raw',
    '/conflicts/0/raw',
    '/conflicts/-1/raw',
    '/conflicts/1e3/raw',
    '/conflicts/99999999999999999999/raw',
    '/conflicts/1/raw',
    '/subscription',
  ])('GET /api/v1%s is not there', async path => {
    expectProblem(await gateway.api(path), 404, 'not_found')
  })

  test('other roots are not there', async () => {
    const headers = { authorization: `Bearer ${testToken}` }
    for (const path of [
      '/',
      '/api',
      '/api/',
      '/api/v2/events',
      '/apis',
      '/favicon.ico',
      '/schema',
      '/metrics/',
      '/metrics/x',
    ]) {
      expect([path, (await send(gateway.url, path, { headers })).status]).toEqual([path, 404])
    }
  })

  test('targets and hosts that no URL can be made of are no trouble', async () => {
    for (const target of [
      '/api/v1/events?%',
      '/api/v1/events?type=%zz',
      '//',
      '/api/v1/%',
      '\\',
      '/api/v1/events?a=%00',
    ]) {
      const connection = new RawConnection(gateway.url)
      connection.write(
        `GET ${target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${testToken}\r\nconnection: close\r\n\r\n`,
      )
      const [status] = statuses(await connection.closed())
      expect([target, [200, 400, 404].includes(status!)]).toEqual([target, true])
    }
    for (const host of ['a b', '', '[::', 'x:99999', '/']) {
      const connection = new RawConnection(gateway.url)
      connection.write(
        `GET /api/v1/events HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${testToken}\r\nconnection: close\r\n\r\n`,
      )
      const [status] = statuses(await connection.closed())
      expect([host, [200, 400].includes(status!)]).toEqual([host, true])
    }
    expect((await gateway.api('/events')).status).toBe(200)
  })
})

describe('bodies', () => {
  test.each(['/quarantine/release', '/rejections/recheck', `/quarantine/${none}/discard`])(
    '%s takes 64 KiB at the most',
    async path => {
      const body = Buffer.alloc(64 * 1024 + 1, ' ')
      expectProblem(await gateway.api(path, { method: 'POST', body }), 413, 'body_too_large')
      expectProblem(await gateway.api(path, { method: 'POST', body, chunkBytes: 16_384 }), 413, 'body_too_large')
      const huge = Buffer.alloc(8_000_000, ' ')
      expectProblem(await gateway.api(path, { method: 'POST', body: huge }), 413, 'body_too_large')
    },
  )

  test('of exactly 64 KiB is read', async () => {
    const body = '{}'.padEnd(64 * 1024)
    expect((await gateway.api('/quarantine/release', { method: 'POST', body })).status).toBe(200)
    const options = { method: 'POST', body, chunkBytes: 10_000 }
    expect((await gateway.api('/quarantine/release', options)).status).toBe(200)
  })
})

describe('with POSTERN_ADMIN_PORT', () => {
  let parted: TestGateway
  beforeAll(async () => {
    parted = await startTestGateway({ config, env: { POSTERN_ADMIN_PORT: '0' } })
  })
  afterAll(() => parted.close())
  const admin = (target: string, method = 'GET') =>
    send(parted.gateway.adminUrl, target, { method, headers: { authorization: `Bearer ${testToken}` } })

  test('they are two', () => {
    expect(parted.gateway.adminUrl).not.toBe(parted.url)
  })

  test('vendors post to the one alone', async () => {
    const body = plainBody({ key: 'parted' })
    expect((await parted.post('/hooks/plain', body)).json).toMatchObject({ status: 'accepted' })
    expect((await send(parted.gateway.adminUrl, '/hooks/plain', { method: 'POST', body })).status).toBe(404)
    expect((await admin('/hooks/plain')).status).toBe(404)
    expect(await parted.events()).toHaveLength(1)
  })

  test('the API and the schemas are on the other alone', async () => {
    const headers = { authorization: `Bearer ${testToken}` }
    for (const path of [
      '/api/v1/events',
      '/api/v1/sources',
      '/api/v1/nothing',
      '/schemas',
      '/schemas/loan.created/1',
    ]) {
      expect([path, (await parted.request(path, { headers })).status]).toEqual([path, 404])
    }
    expect((await parted.request('/api/v1/events')).status).toBe(404)
    for (const path of ['/api/v1/events', '/api/v1/sources', '/schemas', '/schemas/loan.created/1']) {
      expect([path, (await admin(path)).status]).toEqual([path, 200])
    }
    expectProblem(await send(parted.gateway.adminUrl, '/api/v1/events'), 401, 'unauthenticated')
  })

  test('whoever balances load asks the entrance', async () => {
    expect((await parted.request('/livez')).json).toEqual({ status: 'live' })
    expect((await parted.request('/readyz')).json).toEqual({ status: 'ready' })
  })
})
