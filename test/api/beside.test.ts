// What waits beside the log, as people see it: whole, with its reason, byte for byte, and never with a secret.
import { createHmac, hash, scryptSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { embarc } from '../../adapters/index.ts'
import { bearer } from '../../src/checks/bearer.ts'
import { anyOf } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { ipAllowlist } from '../../src/checks/ip-allowlist.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { type TestToken, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'

const now = Date.parse('2026-03-01T12:00:00.123Z')
const secrets = ['the-bearer-token', 'the-path-token', 'the-hmac-secret', 'a-mistyped-token']
const bytes = Buffer.from([0, 255, 254, 0xc3, 0x28, 10, 13, 0])

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({
    config: {
      publicUrl: 'https://hooks.lender.example/',
      sources: {
        plain: plain({ environment: 'sandbox', namespace: 'book' }),
        token: embarc({ check: pathToken('the-path-token'), currency: 'USD' }),
        locked: plain({
          vendor: 'locked',
          check: anyOf(bearer('the-bearer-token'), hmac({ header: 'X-Sign', secret: 'the-hmac-secret' })),
        }),
        near: plain({ vendor: 'near', check: ipAllowlist(['127.0.0.1']) }),
      },
    },
    clock: { now: () => now },
    secrets,
  })
})
afterAll(() => gateway.close())

interface Page {
  items: Record<string, unknown>[]
  next: string | null
}
const list = async (path: string) => (await gateway.api(path)).json as Page
const post = (path: string, body: string | Uint8Array) => gateway.api(path, { method: 'POST', body })

describe('an entry', () => {
  const headers = ['X-Kind', 'one', 'x-kind', 'two', 'Authorization', 'Bearer a-mistyped-token', 'X-Sign', 'wrong']
  const request = { method: 'POST', body: bytes, headers }
  const shown = {
    receivedAt: '2026-03-01T12:00:00.123Z',
    method: 'POST',
    rest: 'a/b',
    query: 'c=d&c=e',
    headers: expect.arrayContaining([
      ['X-Kind', 'one'],
      ['x-kind', 'two'],
      ['Authorization', '[scrubbed]'],
    ]),
    address: '127.0.0.1',
    bytes: bytes.length,
    redacted: [],
  }

  test('of the quarantine', async () => {
    const { request: id } = (await gateway.request('/hooks/plain/a/b?c=d&c=e', request)).json as { request: string }
    const [item] = (await list('/quarantine')).items
    expect(item).toEqual({ id, source: 'plain', reason: 'the body is no list of events', ...shown })
    expect((await gateway.api(`/quarantine/${id}`)).json).toEqual(item)
    const raw = await gateway.api(`/quarantine/${id}/raw`)
    expect(raw.bytes).toEqual(bytes)
    expect(raw.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
  })

  test('of the rejections', async () => {
    expect((await gateway.request('/hooks/locked/a/b?c=d&c=e', request)).status).toBe(401)
    await expect.poll(() => gateway.rejections()).toHaveLength(1)
    const [item] = (await list('/rejections')).items
    expect(item).toEqual({
      id: expect.stringMatching(/^req_[0-9a-z]{26}$/),
      source: 'locked',
      status: 401,
      reason: expect.stringMatching(/./),
      truncated: false,
      ...shown,
    })
    expect(item?.headers).toContainEqual(['X-Sign', '[scrubbed]'])
    expect((await gateway.api(`/rejections/${String(item?.id)}/raw`)).bytes).toEqual(bytes)
  })

  test('of the conflicts', async () => {
    const [one, other] = ['first', 'second'].map(flag => plainBody({ key: 'disputed', data: { flags: [flag] } }))
    const { id } = (await gateway.post('/hooks/plain', one!)).json as { id: string }
    await gateway.request('/hooks/plain/a/b?c=d&c=e', { ...request, body: other! })
    const { items } = await list('/conflicts')
    expect(items).toEqual([{ number: 1, event: id, source: 'plain', ...shown, bytes: other!.length }])
    expect((await gateway.api('/conflicts/1/raw')).text).toBe(other)
    for (const number of ['01', '1.0', '+1', '0x1', '%201', '1e0', '2']) {
      expectProblem(await gateway.api(`/conflicts/${number}/raw`), 404, 'not_found')
    }
  })

  test('has the names alone of a query that is the payload, for a token without `raw`', async () => {
    const [reader, raw] = [await tokenOf(gateway, ['read']), await tokenOf(gateway, ['raw'])]
    const target = '/hooks/locked?id=7&iban=DE02&odd&sign=[x]&empty='
    for (const [method, body] of [
      ['POST', ''],
      ['POST', '1'],
    ] as const) {
      expect((await gateway.request(target, { method, body })).status).toBe(401)
    }
    await expect.poll(() => gateway.rejections()).toHaveLength(3)
    const queries = async ({ ask }: TestToken) =>
      ((await ask('/rejections?limit=2')).json as Page).items.map(({ bytes, query }) => [bytes, query])
    const whole = 'id=7&iban=DE02&odd&sign=[x]&empty='
    expect(await queries(raw)).toEqual([
      [1, whole],
      [0, whole],
    ])
    expect(await queries(reader)).toEqual([
      [1, whole],
      [0, 'id=…&iban=…&…&sign=…&empty=…'],
    ])
    const { request: id } = (await gateway.post('/hooks/plain?id=7&iban=DE02', '')).json as { request: string }
    expect((await reader.ask(`/quarantine/${id}`)).json).toMatchObject({ bytes: 0, query: 'id=…&iban=…' })
    expect((await raw.ask(`/quarantine/${id}`)).json).toMatchObject({ query: 'id=7&iban=DE02' })
    expect(((await reader.ask('/quarantine?limit=1')).json as Page).items).toMatchObject([{ id, query: 'id=…&iban=…' }])
  })

  test('of the sources', async () => {
    const answer = await gateway.api('/sources')
    expect(answer.json).toEqual({
      items: [
        {
          name: 'plain',
          vendor: 'plain',
          url: 'https://hooks.lender.example/hooks/plain',
          namespace: 'book',
          environment: 'sandbox',
          check: { kind: 'unverified', why: 'a test' },
        },
        {
          name: 'token',
          vendor: 'embarc',
          url: 'https://hooks.lender.example/hooks/token/<token>',
          namespace: 'token',
          environment: null,
          check: { kind: 'path-token' },
        },
        {
          name: 'locked',
          vendor: 'locked',
          url: 'https://hooks.lender.example/hooks/locked',
          namespace: 'locked',
          environment: null,
          check: { kind: 'anyOf', of: [{ kind: 'bearer' }, { kind: 'hmac' }] },
        },
        {
          name: 'near',
          vendor: 'near',
          url: 'https://hooks.lender.example/hooks/near',
          namespace: 'near',
          environment: null,
          check: { kind: 'ip-allowlist' },
        },
      ],
      next: null,
    })
    for (const secret of secrets) expect(answer.text).not.toContain(secret)
  })

  test('shows no secret in any list', async () => {
    for (const path of ['/quarantine', '/rejections', '/conflicts', '/events']) {
      const { text } = await gateway.api(path)
      for (const secret of secrets) expect(text).not.toContain(secret)
    }
  })
})

test('parameters that there are not are refused everywhere', async () => {
  const id = `req_${'0'.repeat(26)}`
  for (const path of [`/quarantine/${id}`, `/quarantine/${id}/raw`, `/rejections/${id}/raw`, '/conflicts/1/raw']) {
    expectProblem(await gateway.api(`${path}?source=plain`), 400, 'bad_request', 'source')
  }
  for (const path of ['/quarantine/release', `/quarantine/${id}/discard`, '/rejections/recheck']) {
    expectProblem(await post(`${path}?source=plain`, '{}'), 400, 'bad_request', 'source')
  }
})

describe('bodies', () => {
  test.each([
    ['/quarantine/release', '{', ''],
    ['/quarantine/release', 'null', ''],
    ['/quarantine/release', '[]', ''],
    ['/quarantine/release', '"filter"', ''],
    ['/quarantine/release', '\ufffd', ''],
    ['/quarantine/release', '{"filter":null}', '/filter'],
    ['/quarantine/release', '{"filter":[]}', '/filter'],
    ['/quarantine/release', '{"filters":{}}', '/filters'],
    ['/quarantine/release', '{"__proto__":{}}', '/__proto__'],
    ['/quarantine/release', '{"filter":{"source":5}}', '/filter/source'],
    ['/quarantine/release', '{"filter":{"a/b~c":5}}', '/filter/a~1b~0c'],
    ['/quarantine/release', '{"filter":{"__proto__":5}}', '/filter/__proto__'],
    ['/quarantine/req_00000000000000000000000000/discard', '{"really":true}', '/really'],
    ['/rejections/recheck', '', '/source'],
    ['/rejections/recheck', '{}', '/source'],
    ['/rejections/recheck', '{"source":["plain"]}', '/source'],
    ['/rejections/recheck', '{"source":"nobody"}', '/source'],
    ['/rejections/recheck', '{"source":"constructor"}', '/source'],
    ['/rejections/recheck', '{"source":"plain","id":"x"}', '/id'],
    ['/rejections/recheck', `${'['.repeat(20_000)}`, ''],
    ['/rejections/recheck', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, ''],
  ])('%s %.60s is refused', async (path, body, pointer) => {
    const { errors } = expectProblem(await post(path, body), 400, 'bad_request', pointer)
    expect(errors).toHaveLength(1)
    expect(Object.keys(errors[0]!)).toContain('pointer')
  })

  test('that are no text are refused', async () => {
    expectProblem(await post('/quarantine/release', bytes), 400, 'bad_request', '')
  })

  test('may be empty where nothing is asked for', async () => {
    const before = await gateway.quarantine()
    expect((await post('/quarantine/release', '')).json).toEqual({ released: 0, waiting: before.length })
    expect((await gateway.api('/quarantine/release', { method: 'POST' })).json).toMatchObject({ released: 0 })
    expect((await post('/quarantine/release', ' {"filter":{}}\n')).json).toMatchObject({ released: 0 })
  })
})

describe('pages', () => {
  beforeAll(async () => {
    for (let index = 0; index < 9; index++) {
      await gateway.post('/hooks/plain', `not understood ${index}`)
      await gateway.post('/hooks/plain', plainBody({ key: 'disputed', data: { flags: [`again ${index}`] } }))
      await gateway.post('/hooks/locked', `refused ${index}`, { authorization: 'Bearer a-mistyped-token' })
    }
    await until('all rejections are recorded', async () => (await gateway.rejections()).length === 12)
  })
  const keyOf = (item: Record<string, unknown>) => String(item.id ?? item.number)

  test.each(['quarantine', 'rejections', 'conflicts'])('of /%s go on where they were, whatever comes', async name => {
    const whole = (await list(`/${name}?limit=500`)).items.map(keyOf)
    expect(whole.length).toBeGreaterThan(9)
    const found: string[] = []
    let cursor = ''
    for (let turn = 0; ; turn++) {
      const got = await list(`/${name}?limit=3${cursor}`)
      found.push(...got.items.map(keyOf))
      if (got.next === null) break
      cursor = `&cursor=${encodeURIComponent(got.next)}`
      await gateway.post('/hooks/plain', `meanwhile ${name} ${turn}`)
      await gateway.post('/hooks/plain', plainBody({ key: 'disputed', data: { flags: [`${name} ${turn}`] } }))
      await gateway.post('/hooks/locked', `${name} ${turn}`, { authorization: 'Bearer a-mistyped-token' })
    }
    expect(found).toEqual(whole)
  })

  test('have cursors by which nobody can try guesses at the admin token fast', async () => {
    const { next } = await list('/quarantine?limit=1')
    const [, content, mark] = /^(.*)\.([^.]+)$/.exec(next!)!
    for (const key of [testToken, hash('sha256', testToken, 'buffer')]) {
      const fast = createHmac('sha256', key).update(`cursor ${content}`).digest('base64url')
      expect(fast.slice(0, 16)).not.toBe(mark)
    }
    const slow = scryptSync(testToken, 'postern cursors', 32)
    expect(createHmac('sha256', slow).update(`cursor ${content}`).digest('base64url').slice(0, 16)).toBe(mark)
  })

  test.each(['events', 'quarantine', 'rejections', 'conflicts'])(
    'of /%s: a cursor with any one character changed, added or left out is refused',
    async name => {
      if (name === 'events') await gateway.post('/hooks/plain', plainBody({ key: 'e1' }, { key: 'e2' }))
      const { next } = await list(`/${name}?limit=1`)
      expect(next).toEqual(expect.any(String))
      const changed = new Set<string>()
      for (let at = 0; at < next!.length; at++) {
        const [before, character, after] = [next!.slice(0, at), next![at]!, next!.slice(at + 1)]
        for (const other of ['A', '0', '1', '.', '-', '+', ' ', '\u0000', 'é', character.toUpperCase(), '']) {
          changed.add(`${before}${other}${after}`)
        }
        changed.add(`${before}${character}${character}${after}`)
      }
      changed.delete(next!)
      for (const cursor of changed) {
        const answer = await gateway.api(`/${name}?limit=1&cursor=${encodeURIComponent(cursor)}`)
        expect([cursor, answer.status]).toEqual([cursor, 400])
        expectProblem(answer, 400, 'bad_cursor', 'cursor')
      }
    },
  )
})
