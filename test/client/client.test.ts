// The client's calls, to a gateway: every route by its path, what is wrong as an error, and time limits.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Client, createClient, PosternProblem, PosternUnreachable } from 'postern/client'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ballerine } from '../../adapters/index.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { ballerineBody, ballerineHeaders } from '../support/signed.ts'

let gateway: TestGateway
let client: Client
const config = {
  sources: { ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret as string }) }) },
}
const body = ballerineBody('client-1')

beforeAll(async () => {
  gateway = await startTestGateway({ config })
  client = createClient({ url: `${gateway.url}/`, token: testToken })
  for (const each of [body, ballerineBody('client-2')])
    await gateway.post('/hooks/ballerine', each, ballerineHeaders(each))
})
afterAll(() => gateway.close())

let server: Server | undefined
async function answering(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>(resolve => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('it was expected to be thrown'),
    error => error,
  )

test('reads lists, pages, one event and its exact bytes', async () => {
  const { data: first } = await client.GET('/events', {
    params: { query: { type: ['workflow.*'], limit: 1, order: 'oldest' } },
  })
  const [event] = first.items
  expect(event).toMatchObject({ vendorid: 'client-1', data: { refs: {} } })
  const query = { type: ['workflow.*'], limit: 1, order: 'oldest' as const, cursor: first.next ?? undefined }
  expect((await client.GET('/events', { params: { query } })).data.items).toMatchObject([{ vendorid: 'client-2' }])
  const path = { id: event!.id }
  expect((await client.GET('/events/{id}', { params: { path } })).data).toEqual(event)
  const raw = await client.GET('/events/{id}/raw', { params: { path }, parseAs: 'arrayBuffer' })
  expect(Buffer.from(raw.data).toString()).toBe(body)
})

test('an export is read as it comes', async () => {
  const { data } = await client.GET('/events/export', {
    params: { query: { type: ['workflow.*'] } },
    parseAs: 'stream',
  })
  const lines = (await new Response(data).text()).trim().split('\n')
  expect(lines.map(line => JSON.parse(line).vendorid).toSorted()).toEqual(['client-1', 'client-2'])
})

test('sends bodies', async () => {
  const { data } = await client.POST('/quarantine/release', { body: { filter: { source: 'ballerine' } } })
  expect(data).toMatchObject({ released: 0 })
})

test('throws problems with their code, their status and what is wrong', async () => {
  const wrong = await errorOf(client.GET('/events', { params: { query: { limit: 501 } } }))
  expect(wrong).toBeInstanceOf(PosternProblem)
  expect(wrong).toMatchObject({ name: 'PosternProblem', code: 'bad_request', status: 400, isPassing: false })
  expect(wrong.errors).toMatchObject([{ parameter: 'limit', detail: expect.any(String) }])
  const gone = await errorOf(client.GET('/events/{id}', { params: { path: { id: 'evt_00000000000000000000000000' } } }))
  expect(gone).toMatchObject({ code: 'not_found', status: 404 })
  const stranger = createClient({ url: gateway.url, token: async () => 'nobodys-own-token' })
  expect(await errorOf(stranger.GET('/sources'))).toMatchObject({ code: 'unauthenticated', status: 401 })
  expect(String((await errorOf(stranger.GET('/sources'))).stack)).not.toContain('nobodys-own-token')
})

test('a path parameter that would lead to another route asks nothing', async () => {
  const asked: (string | undefined)[] = []
  const url = await answering((request, response) => {
    asked.push(request.url)
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const astray = createClient({ url, token: testToken })
  for (const id of ['..', '.', '']) {
    const error = await errorOf(astray.GET('/events/{id}/deliveries', { params: { path: { id } } }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain('id')
  }
  await astray.GET('/events/{id}/deliveries', { params: { path: { id: '../x' } } })
  expect(asked).toEqual(['/api/v1/events/..%2Fx/deliveries'])
})

test('an answer that is no problem, or a redirect, is an error too, and the token goes nowhere else', async () => {
  const asked: (string | undefined)[] = []
  const url = await answering((request, response) => {
    asked.push(request.url)
    if (request.url === '/api/v1/sources') response.writeHead(302, { location: '/elsewhere' }).end()
    else response.writeHead(502, { 'retry-after': '7' }).end('<html>')
  })
  const lost = createClient({ url, token: testToken })
  expect(await errorOf(lost.GET('/sources'))).toMatchObject({ code: 'unknown', status: 302 })
  expect(await errorOf(lost.GET('/events'))).toMatchObject({ code: 'unknown', status: 502, retryAfterMs: 7_000 })
  expect(asked).toEqual(['/api/v1/sources', '/api/v1/events'])
})

test('a page with 200 is no answer of a gateway, whatever was asked for', async () => {
  const url = await answering((request, response) => {
    const type = request.url === '/api/v1/sources' ? {} : { 'content-type': 'text/html' }
    response.writeHead(200, type).end('<html>Sign in</html>')
  })
  const lost = createClient({ url, token: testToken })
  const path = { id: 'evt_1' }
  const calls = [
    lost.GET('/sources'),
    lost.GET('/events'),
    lost.GET('/events/{id}/raw', { params: { path }, parseAs: 'arrayBuffer' }),
    lost.GET('/events/export', { parseAs: 'stream' }),
  ]
  for (const error of await Promise.all(calls.map(errorOf))) {
    expect(error).toBeInstanceOf(PosternProblem)
    expect(error).toMatchObject({ code: 'unknown', status: 200, isPassing: false })
  }
})

test('no gateway, one that is silent, and one that breaks off are PosternUnreachable', async () => {
  let finish: 'never' | 'half' = 'never'
  const url = await answering((request, response) => {
    if (finish === 'half') {
      const type = request.url === '/api/v1/sources' ? 'application/json' : 'application/octet-stream'
      response.writeHead(200, { 'content-type': type, 'content-length': '100' }).write('{')
      setImmediate(() => response.destroy())
    }
  })
  const silent = createClient({ url, token: testToken, timeoutMs: 50 })
  const over = await errorOf(silent.GET('/sources'))
  expect(over).toBeInstanceOf(PosternUnreachable)
  expect(over.message).toBe('no answer within 50 ms')
  finish = 'half'
  const cut = createClient({ url, token: testToken })
  expect(await errorOf(cut.GET('/sources'))).toBeInstanceOf(PosternUnreachable)
  const raw = cut.GET('/events/{id}/raw', { params: { path: { id: 'evt_1' } }, parseAs: 'arrayBuffer' })
  expect(await errorOf(raw)).toBeInstanceOf(PosternUnreachable)
  server!.closeAllConnections()
  server!.close()
  const away = await errorOf(silent.GET('/sources'))
  expect(away).toBeInstanceOf(PosternUnreachable)
  expect(away.message).toMatch(/^no gateway answers: E?[A-Z_]+$/)
})

test('a caller who gives up gets its own reason', async () => {
  const url = await answering(() => {})
  const silent = createClient({ url, token: testToken })
  const controller = new AbortController()
  const waiting = errorOf(silent.GET('/sources', { signal: controller.signal }))
  controller.abort(new Error('enough'))
  expect((await waiting).message).toBe('enough')
})

test('waiting for news is no silence', async () => {
  const patient = createClient({ url: gateway.url, token: testToken, timeoutMs: 950 })
  const { data } = await patient.GET('/events', { params: { query: { after: '0', type: ['nothing.*'], wait: 1 } } })
  expect(data.items).toEqual([])
})
