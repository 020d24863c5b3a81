// What a subscription that is put may not be: each member that is wrong is named, and no answer repeats a secret.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'

const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({
    config: { sources: { plain: plain() }, egress: { allow: ['127.0.0.0/8'] } },
    secrets: [key, 'hidden-password'],
  })
  expect((await put('here', { types: ['nothing'], to: { url: 'http://127.0.0.1:9/' } })).status).toBe(201)
})
afterAll(() => gateway.close())

const put = (name: string, body: unknown) =>
  gateway.api(`/subscriptions/${name}`, {
    method: 'PUT',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const post = (path: string, body = '') => gateway.api(path, { method: 'POST', body })

test.each<[body: unknown, pointer: string, why: RegExp]>([
  ['{', '', /JSON/],
  ['[]', '', /./],
  [{}, '/to', /./],
  [{ to: {} }, '/to/url', /expected an http or https URL/],
  [{ to: 'http://x' }, '/to', /./],
  [{ to: { url: 'ftp://x' } }, '/to/url', /expected an http or https URL/],
  [{ to: { url: 'https://x/#y' } }, '/to/url', /without a fragment/],
  [{ to: { url: 'https://me:hidden-password@x/' } }, '/to/url', /say auth/],
  [{ to: { kind: 'handler', url: 'https://x' } }, '/to/kind', /a handler is a function, which only the configuration/],
  [{ memoryMiB: 64, to: { url: 'https://x' } }, '/memoryMiB', /only the configuration file can give a handler/],
  [{ to: { url: 'https://x', proxy: 'http://p' } }, '/to/proxy', /only the configuration file may name a proxy/],
  [
    { to: { url: 'https://x', tls: { ca: '/etc/passwd' } } },
    '/to/tls/ca',
    /only the configuration file may name a file/,
  ],
  [{ to: { url: 'https://x', secret: 'short' } }, '/to/secret', /whsec_/],
  [{ to: { url: 'https://x', secret: [key, null] } }, '/to/secret/1', /whsec_/],
  [{ to: { url: 'https://x', headers: { host: 'y' } } }, '/to/headers/host', /set by Postern/],
  [{ to: { url: 'https://x', headers: { 'a/b~c': 'y' } } }, '/to/headers/a~1b~0c', /name/],
  [{ to: { url: 'https://x', auth: { kind: 'basic', username: 'a' } } }, '/to/auth/password', /./],
  [{ to: { url: 'https://x', uri: 1 } }, '/to/uri', /there is no such member/],
  [{ to: { url: 'https://x' }, typos: [] }, '/typos', /there is no such member/],
  [`{"__proto__":{},"to":{"url":"https://x"}}`, '/__proto__', /there is no such member/],
  [{ to: { url: 'https://x' }, types: [] }, '/types', /at least one/],
  [{ to: { url: 'https://x' }, filter: '[@,@] | [@,@]' }, '/filter', /contains/],
  [{ to: { url: 'https://x' }, retry: { jitter: 2 } }, '/retry/jitter', /share/],
  [{ to: { url: 'https://x' }, start: 'then' }, '/start', /'now'/],
  // Its address is known already.
  [{ to: { url: 'http://169.254.169.254/latest/meta-data' } }, '/to/url', /never called/],
  [{ to: { url: 'http://[::]/' } }, '/to/url', /./],
  [{ to: { url: 'http://10.0.0.1/' } }, '/to/url', /egress\.allow/],
  [
    {
      to: {
        url: 'http://127.0.0.1/',
        auth: { kind: 'oauth', tokenUrl: 'http://10.0.0.1/', clientId: 'a', clientSecret: 'b' },
      },
    },
    '/to/auth/tokenUrl',
    /egress\.allow/,
  ],
])('%j', async (body, pointer, why) => {
  const answer = await put('refused', body)
  const problem = expectProblem(answer, 400, 'bad_request', pointer)
  expect(problem.errors.find(error => error.pointer === pointer)?.detail).toMatch(why)
  expect(answer.text).not.toContain('hidden')
  expectProblem(await gateway.api('/subscriptions/refused'), 404, 'not_found')
})

test('a body over 64 KiB', async () => {
  expectProblem(await put('refused', `"${'x'.repeat(70_000)}"`), 413, 'body_too_large')
})

test.each(['Refused', '1st', 'a_b', 'a'.repeat(64), '%20'])('the name %s', async name => {
  expectProblem(await put(name, { to: { url: 'https://x' } }), 400, 'bad_request', 'name')
})

test('a name that nothing has', async () => {
  const requests: [method: string, path: string][] = [
    ['GET', ''],
    ['DELETE', ''],
    ...['/pause', '/resume', '/test', '/retry'].map((path): [string, string] => ['POST', path]),
  ]
  for (const name of ['nobody', 'constructor', '__proto__']) {
    for (const [method, path] of requests) {
      expectProblem(await gateway.api(`/subscriptions/${name}${path}`, { method }), 404, 'not_found')
    }
  }
})

test('members and parameters that there are not', async () => {
  for (const action of ['pause', 'resume', 'test', 'retry']) {
    const path = `/subscriptions/here/${action}`
    expectProblem(await post(path, '{"force":true}'), 400, 'bad_request', '/force')
    expectProblem(await post(`${path}?force=1`), 400, 'bad_request', 'force')
  }
  expectProblem(await gateway.api('/subscriptions?name=x'), 400, 'bad_request', 'name')
  expectProblem(await gateway.api('/subscriptions/here?full=1'), 400, 'bad_request', 'full')
})

test('another method', async () => {
  const answer = await gateway.api('/subscriptions/here', { method: 'PATCH' })
  expectProblem(answer, 405, 'method_not_allowed')
  expect(answer.headers.allow).toBe('GET, HEAD, PUT, DELETE')
})
