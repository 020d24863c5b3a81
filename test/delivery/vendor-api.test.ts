// A vendor's API called back, with a real provider's tokens, by handlers in real threads: the right credentials to the
// right place, renewed when they are refused, and nowhere else whatever an event's text says.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEgress } from '../../src/delivery/egress.ts'
import { egressFetch } from '../../src/delivery/egress-fetch.ts'
import type { AuthSpec } from '../../src/delivery/subscription.ts'
import { type VendorApiSpec, type VendorCall, vendorApi } from '../../src/delivery/vendor-api.ts'
import { vendorUrl } from '../../src/delivery/vendor-path.ts'
import { attemptOf, startHandlers, type TestHandlers } from '../support/handlers.ts'
import { clientSecret, startApi, startOAuth, type TestApi, type TestOAuth } from '../support/oauth.ts'

let oauth: TestOAuth
let api: TestApi
let refused: Set<string>
let now: number
const clock = { now: () => now }
const outward = egressFetch(createEgress({ allowPrivate: true, allow: [] }))

beforeEach(async () => {
  now = 1_700_000_000_000
  refused = new Set()
  oauth = await startOAuth()
  api = await startApi(async authorization => {
    const token = authorization.replace(/^Bearer /, '')
    return (
      !refused.has(token) &&
      (await oauth.verify(token).then(
        () => true,
        () => false,
      ))
    )
  })
})
afterEach(async () => {
  await oauth[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

const withApi = (more: Partial<VendorApiSpec['api'] & object> = {}): VendorApiSpec => ({
  api: { baseUrl: api.url, auth: { kind: 'oauth', ...oauth.spec }, timeoutMs: 10_000, ...more },
  instances: {},
})
const vendorFetchOf = (apis: Record<string, VendorApiSpec>) => vendorApi({ apis, fetch: outward, clock })
const call = (path: string, more: Partial<VendorCall> = {}): VendorCall => ({
  source: 'core',
  instance: undefined,
  path,
  method: 'GET',
  headers: [],
  body: null,
  signal: new AbortController().signal,
  ...more,
})
const lastToken = () => api.requests.at(-1)!.headers.authorization!.replace('Bearer ', '')

describe('credentials', () => {
  test('OAuth: one token for ten calls at once, and for those after', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi() })
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => vendorFetch(call(`/loans/${index}`))))
    expect(answers.map(({ status, body }) => [status, JSON.parse(Buffer.from(body).toString())])).toEqual(
      Array.from({ length: 10 }, (_, index) => [200, { asked: `/loans/${index}` }]),
    )
    await vendorFetch(call('/more'))
    expect(oauth.asked()).toBe(1)
  })

  test('OAuth: a token past its end is renewed before the call', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi() })
    await vendorFetch(call('/first'))
    refused.add(lastToken())
    now += 600_000
    expect(await vendorFetch(call('/second'))).toMatchObject({ status: 200 })
    expect([oauth.asked(), api.requests.length]).toEqual([2, 2])
  })

  test('OAuth: a 401 renews the token once for all, and repeats each call once', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi() })
    await vendorFetch(call('/first'))
    refused.add(lastToken())
    const body = new TextEncoder().encode('{"note":1}')
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => vendorFetch(call('/notes', { method: 'POST', body }))),
    )
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(oauth.asked()).toBe(2)
    expect(new Set(api.requests.slice(1).map(request => request.body))).toEqual(new Set(['{"note":1}']))
  })

  test('OAuth: a second 401 is the answer', async () => {
    await api[Symbol.asyncDispose]()
    api = await startApi(() => false)
    const vendorFetch = vendorFetchOf({ core: withApi() })
    expect(await vendorFetch(call('/loans'))).toMatchObject({ status: 401 })
    expect([oauth.asked(), api.requests.length]).toEqual([2, 2])
  })

  test('OAuth: where there is no token no call is made, and the reason has no secret', async () => {
    oauth.away((_, response) => response.writeHead(503).end())
    const vendorFetch = vendorFetchOf({ core: withApi() })
    const error = await vendorFetch(call('/loans')).catch(error => error)
    expect(error.message).toMatch(/^127\.0\.0\.1:\d+: no token from 127\.0\.0\.1:\d+: it answered 503$/)
    expect(String(error.stack)).not.toContain(clientSecret)
    expect(api.requests).toEqual([])
  })

  test.each<[string, AuthSpec, string]>([
    ['bearer', { kind: 'bearer', token: 'the-token' }, 'Bearer the-token'],
    ['Basic', { kind: 'basic', username: 'gateway', password: 'pä:ss' }, 'Basic Z2F0ZXdheTpww6Q6c3M='],
  ])('%s, and its 401 is the answer', async (_, auth, authorization) => {
    const vendorFetch = vendorFetchOf({ core: withApi({ auth }) })
    expect(await vendorFetch(call('/loans'))).toMatchObject({ status: 401 })
    expect(api.requests.map(({ headers }) => headers.authorization)).toEqual([authorization])
  })

  test('a handler’s own headers do not replace them, nor the host', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi() })
    const headers: VendorCall['headers'] = [
      ['Authorization', 'Bearer mine'],
      ['host', 'elsewhere.example'],
      ['x-mine', 'yes'],
    ]
    expect(await vendorFetch(call('/loans', { headers }))).toMatchObject({ status: 200 })
    expect(api.requests[0]!.headers).toMatchObject({ 'x-mine': 'yes', host: new URL(api.url).host })
  })
})

describe('which API', () => {
  test('is of the event’s source, and of its instance where it has its own', async () => {
    await using other = await startApi(() => true)
    const vendorFetch = vendorFetchOf({
      core: { ...withApi(), instances: { eu: { ...withApi().api!, baseUrl: `${other.url}/eu` } } },
      strict: { api: undefined, instances: { eu: { ...withApi().api!, baseUrl: `${other.url}/strict` } } },
      lacking: { api: undefined, instances: {}, missing: 'sources.lacking.api: the secret X is not set' },
    })
    await vendorFetch(call('/a', { instance: 'eu' }))
    await vendorFetch(call('/b', { instance: 'us' }))
    await vendorFetch(call('/c', { source: 'strict', instance: 'eu' }))
    expect(other.requests.map(({ url }) => url)).toEqual(['/eu/a', '/strict/c'])
    expect(api.requests.map(({ url }) => url)).toEqual(['/b'])
    const reason = (source: string, instance?: string) =>
      vendorFetch(call('/', { source, instance })).catch((error: Error) => error.message)
    expect(await reason('strict', 'us')).toBe('the source strict has no `api` for the instance "us"')
    expect(await reason('strict')).toBe('the source strict has no `api` for the instance null')
    expect(await reason('strict', 'constructor')).toContain('no `api` for the instance')
    expect(await reason('nothing')).toBe('the source nothing has no `api` in the configuration')
    expect(await reason('constructor')).toBe('the source constructor has no `api` in the configuration')
    expect(await reason('lacking')).toBe('sources.lacking.api: the secret X is not set')
  })
})

describe('answers', () => {
  test('of any status are answers, and redirects are not followed', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi() })
    api.answer((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/steal' }).end())
    expect(await vendorFetch(call('/'))).toMatchObject({ status: 302 })
    api.answer((_, response) => response.writeHead(404).end('no such loan'))
    const { status, body } = await vendorFetch(call('/'))
    expect([status, Buffer.from(body).toString()]).toEqual([404, 'no such loan'])
  })

  test('that never come, or are too large, are errors', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi({ timeoutMs: 200 }) })
    api.answer(() => {})
    await expect(vendorFetch(call('/'))).rejects.toThrow(/^127\.0\.0\.1:\d+: no answer within 200 ms$/)
    const patient = vendorFetchOf({ core: withApi() })
    api.answer((_, response) => response.end(Buffer.alloc(17 * 1024 * 1024)))
    await expect(patient(call('/'))).rejects.toThrow(/^127\.0\.0\.1:\d+: /)
    api.answer((_, response) => response.destroy())
    await expect(patient(call('/'))).rejects.toThrow(/^127\.0\.0\.1:\d+: \w+$/)
  })

  test('are not waited for once the handler hangs up', async () => {
    const vendorFetch = vendorFetchOf({ core: withApi() })
    const { promise: arrived, resolve } = Promise.withResolvers<void>()
    api.answer(() => resolve())
    const controller = new AbortController()
    const waiting = vendorFetch(call('/', { signal: controller.signal }))
    await arrived
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})

describe('a path', () => {
  test.each([
    ['https://api.example', '/loans/1', 'https://api.example/loans/1'],
    ['https://api.example', 'loans/1?expand=bids#top', 'https://api.example/loans/1?expand=bids'],
    ['https://api.example/v1', '/loans', 'https://api.example/v1/loans'],
    ['https://api.example/v1/', 'loans', 'https://api.example/v1/loans'],
    ['https://api.example/v1', '?page=2', 'https://api.example/v1?page=2'],
    ['https://api.example/v1', '', 'https://api.example/v1'],
    ['https://api.example:8443/v1', '/a%2Fb/ü', 'https://api.example:8443/v1/a%2Fb/%C3%BC'],
    ['https://api.example', '/@elsewhere.example/', 'https://api.example/@elsewhere.example/'],
  ])('below %s: %s', (base, path, url) => {
    expect(vendorUrl(base, path).href).toBe(url)
  })

  test.each([
    'https://elsewhere.example/',
    'HTTP:elsewhere.example',
    'javascript:alert(1)',
    '//elsewhere.example/',
    '\\\\elsewhere.example/',
    '/\\elsewhere.example/',
    '/loans/../../admin',
    '/loans/%2e%2E/admin',
    '/loans/x%2F..%2f..%5cadmin',
    '/loans/..;/..;x=1/admin',
    '/loans/%2e.%3B/admin',
    '/./loans',
    '/loans\n/x',
    ' //elsewhere.example',
    '\t//elsewhere.example',
    `/${'x'.repeat(10_000)}`,
  ])('elsewhere: %j is refused', path => {
    expect(() => vendorUrl('https://api.example/v1', path)).toThrow(TypeError)
    expect(() => vendorUrl('https://api.example', path)).toThrow(/^expected a path below/)
  })

  test('whatever it is, it stays below the base URL or is refused', () => {
    const piece = fc.constantFrom('/', '\\', '.', '..', '%2e', '%2f', ':', '@', '?', '#', 'a', 'http', '//', '\t', ' ')
    const text = fc.oneof(
      fc.string(),
      fc.array(piece).map(pieces => pieces.join('')),
    )
    fc.assert(
      fc.property(text, path => {
        let url: URL
        try {
          url = vendorUrl('https://api.example/v1', path)
        } catch (error) {
          return error instanceof TypeError
        }
        return url.origin === 'https://api.example' && /^\/v1(\/|$)/.test(url.pathname) && url.username === ''
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('from a handler', () => {
  let handlers: TestHandlers
  afterEach(() => handlers.close())

  /** What a handler with this body logs as `told`. */
  async function telling(body: string, data: object = {}, apis = { core: withApi() }): Promise<unknown> {
    handlers = startHandlers(`
      import { defineConfig, unverified } from 'postern'
      import { generic } from 'postern/adapters'
      export default defineConfig({
        sources: { core: generic({ vendor: 'core', check: unverified('a test'), id: 'id', type: 'type' }) },
        subscriptions: { book: { to: async (event: any, { vendor, log, signal }) => { ${body} } } },
      })`)
    const destination = handlers.destination('book', { vendorFetch: vendorFetchOf(apis) })
    const outcome = await destination.attempt(attemptOf(data))
    expect(outcome).toMatchObject({ result: 'succeeded', reason: null })
    return handlers.logged.find(({ message }) => message === 'told')?.fields
  }

  test('it is a Response like any other', async () => {
    api.answer((_, response) =>
      response.writeHead(201, { 'content-type': 'application/json', 'x-page': '2' }).end('{"id":"K0Z1Q"}'),
    )
    const told = await telling(
      `const response = await vendor.fetch('/loans/' + event.data.refs.loan, { method: 'POST', body: JSON.stringify({ a: 1 }), headers: { 'content-type': 'application/json' } })
       log.info({ is: response instanceof Response, ok: response.ok, status: response.status, page: response.headers.get('x-page'), json: await response.json() }, 'told')`,
      { refs: { loan: 'K0Z1Q' } },
    )
    expect(told).toEqual({ is: true, ok: true, status: 201, page: '2', json: { id: 'K0Z1Q' } })
    expect(api.requests).toMatchObject([
      { method: 'POST', url: '/loans/K0Z1Q', body: '{"a":1}', headers: { 'content-type': 'application/json' } },
    ])
  })

  test('statuses without a body, forms, and answers that are compressed', async () => {
    api.answer((_, response) => response.writeHead(204).end())
    const told = await telling(`
      const none = await vendor.fetch('/none')
      const form = await vendor.fetch('/form', { method: 'POST', body: new URLSearchParams({ a: '1 2' }) })
      log.info({ none: [none.status, await none.text()], form: form.status }, 'told')`)
    expect(told).toEqual({ none: [204, ''], form: 204 })
    expect(api.requests[1]).toMatchObject({
      body: 'a=1+2',
      headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
    })
  })

  test('what is refused and what fails is thrown where it was called, and says why', async () => {
    const told = await telling(`
      const why = (promise: Promise<unknown>) => promise.then(() => 'no error', error => error.message)
      log.info({
        elsewhere: await why(vendor.fetch('https://elsewhere.example/' + event.data.text)),
        large: await why(vendor.fetch('/', { method: 'POST', body: 'x'.repeat(17 * 1024 * 1024) })),
        wrong: await why(vendor.fetch('/', { method: 'GET', body: 'x' })),
        aborted: await why(vendor.fetch('/', { signal: AbortSignal.abort(new Error('enough')) })),
      }, 'told')`)
    expect(told).toEqual({
      elsewhere: "vendor.fetch: expected a path below the API's base URL, got a whole URL",
      large: 'vendor.fetch: expected a body of at most 16777216 bytes, got 17825792',
      wrong: expect.stringContaining('GET'),
      aborted: 'enough',
    })
    expect(api.requests).toEqual([])
  })

  test('of an event whose source has no `api` it says so', async () => {
    const told = await telling(
      `log.info({ why: await vendor.fetch('/').catch(error => error.message) }, 'told')`,
      {},
      {} as { core: VendorApiSpec },
    )
    expect(told).toEqual({ why: 'vendor.fetch: the source core has no `api` in the configuration' })
  })

  test('calls the instance that sent the event', async () => {
    await using other = await startApi(() => true)
    const apis = { core: { ...withApi(), instances: { eu: { ...withApi().api!, baseUrl: other.url } } } }
    await telling(`await vendor.fetch('/loans')`, { instance: 'eu' }, apis)
    expect([other.requests.length, api.requests.length]).toEqual([1, 0])
  })

  test('at its limit the call is hung up; after its end none is made', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    api.answer(request => request.socket.once('close', () => resolve()))
    handlers = startHandlers(`
      import { defineConfig } from 'postern'
      export default defineConfig({ sources: {}, subscriptions: { book: { to: async (event: any, { vendor, log }) => {
        if (event.data.late) setTimeout(() => vendor.fetch('/late').catch(error => log.info(error.message)), 20)
        else await vendor.fetch('/never')
      } } } })`)
    const destination = handlers.destination('book', { vendorFetch: vendorFetchOf({ core: withApi() }) })
    expect(await destination.attempt(attemptOf({}, { timeoutMs: 300 }))).toMatchObject({
      reason: 'not done within 300 ms',
    })
    await closed
    expect(await destination.attempt(attemptOf({ late: true }))).toMatchObject({ result: 'succeeded' })
    await expect
      .poll(() => handlers.logged.map(({ message }) => message))
      .toContain('vendor.fetch: the delivery is over')
    expect(api.requests.map(({ url }) => url)).toEqual(['/never'])
  })
})
