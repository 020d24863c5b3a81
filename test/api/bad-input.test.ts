// What nobody should send, to every route that takes it: refused by name, never with a failure of ours, and soon, even
// where it was made to run for ever.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { calls } from '../support/route-table.ts'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources: { plain: plain() } } })
  const type = `a.${'a'.repeat(100)}`
  for (let index = 0; index < 5; index++) {
    await gateway.post('/hooks/plain', plainBody({ key: `${index}`, type, refs: { loan: 'a'.repeat(500) } }))
    await gateway.post('/hooks/plain', plainBody({ key: '0', type, data: { flags: [String(index)] } }))
    await gateway.post('/hooks/plain', `no list ${index}`)
  }
})
afterAll(() => gateway.close())

/** Those that are asked with a parameter, and what they are to be asked with beside it. */
const taking = (parameter: string) => [...calls.values()].filter(({ query }) => query.includes(parameter))
/** What a route wants beside what is tested. */
const beside = (query: readonly string[], parameter: string) =>
  query.includes('subject') && query.includes('namespace') && parameter !== 'subject' ? '&subject=loan/1' : ''
const ask = ({ path, query }: { path: string; query: readonly string[] }, parameter: string, value: string) =>
  gateway.api(`${path}?${parameter}=${encodeURIComponent(value)}${beside(query, parameter)}`)

const wrong: Record<string, readonly string[]> = {
  limit: [
    '-1',
    '0',
    '501',
    '1000000000',
    '1e3',
    '1.5',
    'ten',
    '',
    ' 1',
    '٣',
    '１０',
    '10abc',
    '0x10',
    '9'.repeat(1_000),
  ],
  after: ['-1', 'x', '1e3', '', '9'.repeat(17), '0x1', '１', '1\u0000'],
  receivedAfter: ['yesterday', '2026-02-30T00:00:00Z', '2026-03-01', '2026-03-01T00:00:00', '', '9'.repeat(10_000)],
  receivedBefore: ['24:00', '2026-13-01T00:00:00Z', '+275760-09-13T00:00:00Z', '9999-12-31T23:59:60Z', '\u0000'],
  source: ['', 'x'.repeat(10_000)],
  subscription: ['', 'none', '\u0000', '__proto__'],
  actor: ['', 'x'.repeat(64)],
  action: ['', 'x'.repeat(64)],
  namespace: ['', 'x'.repeat(201)],
  revoked: ['', '1', 'TRUE'],
  type: ['', 'x'.repeat(201), '*a'.repeat(5_000)],
  vendor: ['', '*'.repeat(201)],
  vendorType: [''],
  subject: ['loan', '/1', '', 'a/'.repeat(1_000)],
  ref: ['loan', ':1', '', 'a:'.repeat(1_000)],
  order: ['random', ''],
  include: ['everything', ''],
  wait: ['-1', '61', '1e1', '１', ''],
  state: ['broken', ''],
  // More than 16 KB of a head is refused by Node itself.
  q: ['x'.repeat(10_000)],
}

describe('a value that is none is refused by the name of its parameter', () => {
  const routes = Object.entries(wrong).flatMap(([parameter, values]) =>
    taking(parameter)
      .filter(({ method }) => method === 'GET')
      .map(call => [parameter, call.path, call, values] as const),
  )

  test('there are such', () => expect(routes.length).toBeGreaterThan(15))

  test.each(routes)('%s of %s', async (parameter, _, call, values) => {
    for (const value of values) {
      const answer = await ask(call, parameter, value)
      // A name that is too long may be one that there is not.
      expectProblem(answer, 400, 'bad_request', parameter)
    }
  })

  test('and so is what a stream is asked with', async () => {
    for (const parameter of ['type', 'receivedAfter', 'after', 'ref', 'include']) {
      for (const value of wrong[parameter]!) {
        const answer = await gateway.api(`/events/stream?${parameter}=${encodeURIComponent(value)}`)
        expectProblem(answer, 400, 'bad_request', parameter)
      }
    }
  })
})

test.each([
  ['GET', '/timeline', 'subject', 'it is missing'],
  ['GET', '/events?type=', 'type', 'it is empty'],
  ['POST', '/tokens', '/scopes', 'it is missing'],
  ['POST', '/replays', '/subscription', 'expected the name of a subscription'],
  ['POST', '/replays', '/filter', 'it is missing'],
  ['POST', '/rejections/recheck', '/source', 'it is missing'],
  ['POST', '/lanes/skip', '/subject', 'it is missing'],
  ['PUT', '/subscriptions/new', '/to', 'it is missing'],
])('%s %s is told what is wrong with %s in plain words', async (method, path, at, detail) => {
  const answer = await gateway.api(path, method === 'GET' ? {} : { method, body: '{}' })
  const { errors } = expectProblem(answer, 400, 'bad_request', at)
  expect(errors.find(({ parameter, pointer }) => (parameter ?? pointer) === at)?.detail).toBe(detail)
})

test.each([...calls.values()].filter(({ path }) => path !== '/openapi.json').map(call => [call.name, call] as const))(
  '%s: a parameter that there is not is named, and so is one that comes twice',
  async (_, { path, options, query }) => {
    const more = options.method === 'HEAD' ? { ...options, method: 'GET' } : options
    for (const parameter of ['limt', '__proto__', 'token']) {
      expectProblem(await gateway.api(`${path}?${parameter}=1`, more), 400, 'bad_request', parameter)
    }
    for (const parameter of ['limit', 'after', 'cursor', 'subject'].filter(each => query.includes(each))) {
      const answer = await gateway.api(`${path}?${parameter}=1&${parameter}=2`, more)
      expectProblem(answer, 400, 'bad_request', parameter)
    }
  },
)

test.each([...calls.values()].filter(({ method }) => method === 'GET').map(call => [call.name, call] as const))(
  '%s: any text is a value or none, and so is what a client may say beside it',
  async (_, { path, query }) => {
    const texts = ['a/%00', 'a:%01', '%zz', 'a/%ED%A0%80', '%25_%22']
    const targets = query.flatMap(parameter =>
      texts.map(text => `${path}?${parameter}=${text}${beside(query, parameter)}`),
    )
    for (const target of targets) {
      const { status } = await gateway.api(target)
      expect([target, [200, 400, 404].includes(status)]).toEqual([target, true])
    }
    const target = `${path}?${beside(query, '').slice(1)}`
    const { status } = await gateway.api(target)
    for (const tag of ['W/', ','.repeat(8_000), `"${'x'.repeat(8_000)}"`, '\u00ff']) {
      const headers = { 'if-none-match': tag, 'if-modified-since': 'yesterday', range: 'bytes=9-' }
      expect((await gateway.api(target, { headers })).status).toBe(status)
    }
    expect((await gateway.api(target, { method: 'HEAD' })).status).toBe(status)
  },
)

test('a path that is none, or whose escapes are broken, is not there', async () => {
  for (const { path, method } of calls.values()) {
    if (method !== 'GET') continue
    for (const part of ['%00', '%zz', '%', '%ED%A0%80', '__proto__', 'constructor', '%2F', '1%00', 'x'.repeat(5_000)]) {
      const target = path.replace(/(evt|req|dlv|rpl)_\w+|loan-book|17/, part)
      if (target !== path) expectProblem(await gateway.api(target), 404, 'not_found')
    }
  }
})

describe('a cursor', () => {
  test.each(taking('cursor').map(call => [call.path, call] as const))(
    'of %s that was tampered with',
    async (_, call) => {
      const separator = beside(call.query, '') === '' ? '?' : `?${beside(call.query, '').slice(1)}&`
      const page = await gateway.api(`${call.path}${separator}limit=1`)
      const { next } = page.json as { next: string | null }
      const forged = [
        'x',
        '1.2.3',
        '../../etc/passwd',
        'null',
        randomBytes(60).toString('base64url'),
        ...(next === null ? [] : [`${next}x`, next.slice(1), next.toUpperCase(), next.replace(/^\d+/, '999')]),
      ]
      for (const cursor of forged) {
        const answer = await gateway.api(`${call.path}${separator}limit=1&cursor=${encodeURIComponent(cursor)}`)
        expectProblem(answer, 400, 'bad_cursor', 'cursor')
      }
      const long = await gateway.api(`${call.path}${separator}cursor=${'1'.repeat(10_000)}`)
      expectProblem(long, 400, 'bad_request', 'cursor')
    },
  )
})

describe('what was made to run for ever ends', () => {
  test.each(['type', 'vendorType', 'source', 'vendor'])('globs of %s that match almost', async parameter => {
    const glob = `${'*a'.repeat(98)}*b`
    const globs = Array.from({ length: 20 }, () => `${parameter}=${encodeURIComponent(glob)}`).join('&')
    for (const { path, query } of taking(parameter).filter(each => each.method === 'GET')) {
      // Some take one name, and no globs: then it is none.
      const answer = await gateway.api(
        `${path}?${query.includes('ref') ? globs : `${parameter}=a${beside(query, '')}`}`,
      )
      expect([path, [200, 400].includes(answer.status)]).toEqual([path, true])
    }
    const answer = await gateway.api(`/events?${globs}`)
    expect([answer.status, (answer.json as { items: object[] }).items]).toEqual([200, []])
  })

  test.each([
    '[@,@][] | [@,@][] | [@,@][] | [@,@][] | [@,@][] | [@,@][] | [@,@][] | [@,@][]',
    'data.refs.*.[$].*.[$].*.[$].*',
    `${'['.repeat(2_000)}`,
    `data${' | @'.repeat(2_000)}`,
    'x'.repeat(10_000),
  ])('a filter of a subscription: %s', async filter => {
    const to = { url: 'https://loan-book.example.com/events' }
    const answer = await gateway.api('/subscriptions/endless', { method: 'PUT', body: JSON.stringify({ filter, to }) })
    expectProblem(answer, 400, 'bad_request', '/filter')
  })

  test('a filter of a replay takes what a list takes, and no more', async () => {
    const replay = (filter: unknown) =>
      gateway.api('/replays', { method: 'POST', body: JSON.stringify({ filter, subscription: 'none' }) })
    expectProblem(await replay({ type: '*a'.repeat(5_000) }), 400, 'bad_request', '/filter/type/0')
    expectProblem(await replay({ filter: '[@,@][]' }), 400, 'bad_request', '/filter/filter')
    expectProblem(await replay({ limit: 1e9 }), 400, 'bad_request', '/filter/limit')
    expectProblem(await replay('x'.repeat(10_000)), 400, 'bad_request', '/filter')
    expectProblem(await replay([]), 400, 'bad_request', '/filter')
  })

  test('bodies that nest, and that are other JSON than an object', async () => {
    for (const body of ['['.repeat(60_000), '{"a":'.repeat(10_000), '[]', 'null', '1e999', '"x"', '{"__proto__":{}}']) {
      const answer = await gateway.api('/replays', { method: 'POST', body })
      expect([body.slice(0, 20), answer.status]).toEqual([body.slice(0, 20), 400])
    }
  })
})

test('a search of 10 KB is refused by its name', async () => {
  expectProblem(await gateway.api(`/events?q=${'a+'.repeat(5_000)}`), 400, 'bad_request', 'q')
})

test('nothing of this was a failure of ours', () => {
  expect(gateway.lines().filter(({ level }) => Number(level) >= 50)).toEqual([])
})
