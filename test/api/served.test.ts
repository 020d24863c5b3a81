// What is served where, to whom, and byte for byte.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ballerine, embarc } from '../../adapters/index.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { catalogueTypes } from '../../src/event.ts'
import type { StoreHealth } from '../../src/store/store.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { send } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { ballerineBody, ballerineHeaders } from '../support/signed.ts'

const sources = {
  plain: plain(),
  ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) }),
  embarc: embarc({ check: pathToken('t0ken-in-path'), environment: 'sandbox' }),
}
const authorization = { authorization: `Bearer ${testToken}` }

describe('one port for all', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway({ config: { sources, publicUrl: 'https://hooks.example/' } })
  })
  afterAll(() => gateway.close())

  test('livez and readyz want no token', async () => {
    const [live, ready] = [await gateway.request('/livez'), await gateway.request('/readyz')]
    expect([live.status, live.json, ready.status, ready.json]).toEqual([
      200,
      { status: 'live' },
      200,
      { status: 'ready' },
    ])
  })

  test.each(['/', '/api', '/api/', '/api/v2/events', '/hooks', '/console', '/livez/x', '/%zz', '/..', '/schemas/x'])(
    '%s is not there, and says nothing more',
    async path => {
      const answer = await gateway.request(path)
      expect([answer.status, answer.headers['content-type']]).toEqual([404, 'application/problem+json'])
      expect(answer.text).not.toMatch(/hono|node|stack|postern/i)
      expect(answer.headers).not.toHaveProperty('x-powered-by')
    },
  )

  test('every type has its schema, without a token', async () => {
    const { items } = (await gateway.request('/schemas')).json as { items: string[] }
    expect(items).toHaveLength(catalogueTypes.length)
    for (const path of items) {
      const answer = await gateway.request(path)
      expect([path, answer.status, answer.headers['content-type']]).toEqual([path, 200, 'application/schema+json'])
      expect(answer.json).toMatchObject({ type: 'object', properties: { refs: expect.any(Object) } })
    }
    for (const path of [
      '/schemas/loan.created/2',
      '/schemas/loan.none/1',
      '/schemas/__proto__/1',
      '/schemas/constructor/1',
    ]) {
      expect([path, (await gateway.request(path)).status]).toEqual([path, 404])
    }
  })

  test('the sources, with what they check and never with what', async () => {
    const { json, text } = await gateway.api('/sources')
    expect(json).toMatchObject({
      items: [
        { name: 'plain', check: { kind: 'unverified', why: 'a test' }, url: 'https://hooks.example/hooks/plain' },
        { name: 'ballerine', vendor: 'ballerine', check: { kind: 'ballerine-signature' } },
        { name: 'embarc', environment: 'sandbox', url: 'https://hooks.example/hooks/embarc/<token>' },
      ],
      next: null,
    })
    expect(text).not.toContain('t0ken-in-path')
    expect(text).not.toContain(keys.ballerine.hmacSecret)
  })

  test.each([
    [
      'numbers that no float holds',
      ballerineBody('o1', '"n":[9007199254740993.10,1E400,-0.0,1.50,100000000000000000000]'),
    ],
    ['white space and duplicate keys', `\n{ "id" : "o2", "id":"o2b" ,\t"eventName":"workflow.completed" }\r\n`],
    ['escapes', ballerineBody('o3', '"t":"\\u00e9\\/\\ud83d\\ude00\\u2028</script>"')],
    ['__proto__', ballerineBody('o4', '"__proto__":{"a":1}')],
  ])('the original as it was sent: %s', async (_name, body) => {
    const { id } = (await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))).json as { id: string }
    const answer = await gateway.api(`/events/${id}?include=original`)
    expect(answer.text.endsWith(`,"original":${body}}}`)).toBe(true)
    expect((answer.json as { data: { original: object } }).data.original).toEqual(JSON.parse(body))
    expect((await gateway.api('/events?include=original&limit=1')).text).toContain(`"original":${body}`)
    expect((await gateway.api(`/events/${id}`)).json).not.toHaveProperty('data.original')
    const raw = await gateway.api(`/events/${id}/raw`)
    expect(raw.bytes).toEqual(Buffer.from(body))
    expect([raw.headers['content-type'], raw.headers['content-disposition']]).toEqual([
      'application/octet-stream',
      'attachment',
    ])
  })

  test('an original that is no JSON is a string; a type outside the catalogue always has it', async () => {
    const form = 'entityName=CLIENT&actionName=CREATE&clientId=9&response=%7BresourceId%3D9%7D'
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const { id } = (await gateway.post('/hooks/embarc/t0ken-in-path', form, headers)).json as { id: string }
    expect((await gateway.api(`/events/${id}?include=original`)).json).toMatchObject({ data: { original: form } })
    const body = plainBody({ key: 'outside', type: 'plain.happened' })
    const outside = (await gateway.post('/hooks/plain', body)).json as { id: string }
    expect((await gateway.api(`/events/${outside.id}`)).json).toMatchObject({ data: { original: JSON.parse(body) } })
  })

  test('every event that is read is a CloudEvent', async () => {
    for (const event of await gateway.events()) {
      expect(event).toMatchObject({
        specversion: '1.0',
        datacontenttype: 'application/json',
        source: expect.any(String),
      })
      for (const [name, value] of Object.entries(event)) {
        expect(name).toMatch(/^[a-z0-9]{1,20}$/)
        if (name !== 'data') expect(value).toEqual(expect.any(String))
      }
    }
  })
})

describe('a port of its own for administration', () => {
  let gateway: TestGateway
  beforeAll(async () => {
    gateway = await startTestGateway({ config: { sources }, env: { POSTERN_ADMIN_PORT: '0' } })
  })
  afterAll(() => gateway.close())

  test('the entrance serves /hooks, /livez and a bare /readyz, and nothing else', async () => {
    const { url, adminUrl } = gateway.gateway
    expect(adminUrl).not.toBe(url)
    expect((await gateway.post('/hooks/plain', plainBody({ key: 'x' }))).status).toBe(200)
    for (const path of ['/livez', '/readyz']) expect([path, (await send(url, path)).status]).toEqual([path, 200])
    for (const path of [
      '/api/v1/events',
      '/api/v1/sources',
      '/schemas',
      '/schemas/loan.created/1',
      '/hooks/../api/v1/events',
    ]) {
      const answer = await send(url, path, { headers: authorization })
      expect([path, answer.status]).toEqual([path, 404])
    }
  })

  test('the other serves the rest, and no hooks', async () => {
    const { adminUrl } = gateway.gateway
    expect((await gateway.events()).length).toBe(1)
    expect((await send(adminUrl, '/schemas/loan.created/1')).status).toBe(200)
    for (const path of ['/livez', '/readyz']) expect([path, (await send(adminUrl, path)).status]).toEqual([path, 200])
    const answer = await send(adminUrl, '/hooks/plain', { method: 'POST', body: plainBody({ key: 'y' }) })
    expect(answer.status).toBe(404)
  })
})

test('a store in trouble: readyz says which to those who may know, livez goes on', async () => {
  const gateway = await startTestGateway({ config: { sources }, env: { POSTERN_ADMIN_PORT: '0' } })
  try {
    // The one process that may have the file: its end is what a store that failed looks like.
    await gateway.gateway.store.close()
    const [entrance, admin] = [await gateway.request('/readyz'), await send(gateway.gateway.adminUrl, '/readyz')]
    expect([entrance.status, entrance.json]).toEqual([503, { status: 'unready' }])
    expect([admin.status, admin.json]).toEqual([503, { status: 'unready', problem: 'failed' }])
    expect(entrance.headers['retry-after']).toMatch(/^\d+$/)
    expect((await gateway.request('/livez')).status).toBe(200)
    const answer = await gateway.post('/hooks/plain', plainBody({ key: 'z' }))
    expect([answer.status, answer.json]).toEqual([
      503,
      { type: 'about:blank', title: 'Service Unavailable', status: 503 },
    ])
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
  } finally {
    await gateway.close()
  }
})

describe('a store whose spool stands in for it', () => {
  const spool = { entries: 7, bytes: 4096, bytesMax: 8192, oldestSeconds: 61.5, refused: 1 }
  const healths: [StoreHealth, status: number, told: object][] = [
    [{ ok: true, degraded: 'spooling', spool }, 200, { status: 'ready', degraded: 'spooling' }],
    [
      { ok: false, problem: 'spool_full', degraded: 'spooling', spool },
      503,
      { status: 'unready', problem: 'spool_full', degraded: 'spooling' },
    ],
  ]
  /** Each question is a new one. */
  const clock = (() => {
    let now = 0
    return { now: () => (now += 5_000) }
  })()

  test('on a port of its own the administration is told what waits, strangers that it spools', async () => {
    const gateway = await startTestGateway({ config: { sources }, clock, env: { POSTERN_ADMIN_PORT: '0' } })
    try {
      for (const [health, status, told] of healths) {
        gateway.gateway.store.health = async () => health
        const { problem: _, ...bare } = told as { problem?: string }
        const strange = await gateway.request('/readyz', { headers: authorization })
        expect([strange.status, strange.json]).toEqual([status, bare])
        const admin = await send(gateway.gateway.adminUrl, '/readyz')
        expect([admin.status, admin.json]).toEqual([status, { ...told, spool }])
      }
    } finally {
      await gateway.close()
    }
  })

  test('on one port for all it is told to who presents the token', async () => {
    const gateway = await startTestGateway({ config: { sources }, clock })
    try {
      for (const [health, status, told] of healths) {
        gateway.gateway.store.health = async () => health
        const wrong = { authorization: 'Bearer nobody' }
        for (const headers of [undefined, wrong]) {
          const answer = await gateway.request('/readyz', headers === undefined ? {} : { headers })
          expect([answer.status, answer.json]).toEqual([status, told])
        }
        const answer = await gateway.request('/readyz', { headers: authorization })
        expect([answer.status, answer.json]).toEqual([status, { ...told, spool }])
      }
    } finally {
      await gateway.close()
    }
  })
})
