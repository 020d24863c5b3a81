// The contract of the entrance: paths, methods, pings, challenges, and what a stranger is told.
import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine, banclo, embarc, generic } from '../../adapters/index.ts'
import { apiKey } from '../../src/checks/api-key.ts'
import { basic } from '../../src/checks/basic.ts'
import { bearer } from '../../src/checks/bearer.ts'
import { allOf, anyOf } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { ipAllowlist } from '../../src/checks/ip-allowlist.ts'
import { jwt } from '../../src/checks/jwt.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { fixture, keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import type { Answer, RequestOptions } from '../support/http.ts'
import { ballerineBody, ballerineHeaders, basicHeader, githubHeaders, githubSecret } from '../support/signed.ts'

const password = 'arix:pass:word'
const mapped = { vendor: 'core', id: 'body.id', type: `'thing.happened'` }
const config = {
  sources: {
    arix: arix({ partner: 'TST', check: basic({ username: 'arix', password }) }),
    'arix-old': arix({ partner: 'TST', check: basic({ username: 'arix', password }), formerly: 'arix-older' }),
    ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) }),
    banclo: banclo({ check: banclo.signature({ secret: keys.banclo.hmacSecret, covers: 'body-without-security' }) }),
    embarc: embarc({ check: pathToken('t0ken-in-path'), currency: 'USD' }),
    bearer: generic({ ...mapped, check: bearer('bearer-token-value') }),
    key: generic({ ...mapped, check: apiKey({ header: 'X-Key', key: 'api-key-value' }) }),
    jwt: generic({ ...mapped, check: jwt({ secret: 'jwt-secret-value', algorithms: ['HS256'], audience: 'us' }) }),
    near: generic({ ...mapped, check: ipAllowlist(['127.0.0.1/32']) }),
    far: generic({ ...mapped, check: allOf(ipAllowlist(['192.0.2.0/24']), bearer('bearer-token-value')) }),
    either: embarc({ check: anyOf(pathToken('either-token'), basic({ username: 'u', password: 'either-pass' })) }),
    both: generic({
      ...mapped,
      check: allOf(
        pathToken('both-token'),
        hmac({ header: 'X-Hub-Signature-256', secret: githubSecret, prefix: 'sha256=' }),
      ),
    }),
  },
}
const secrets = [password, 'bearer-token-value', 'api-key-value', 'jwt-secret-value', 'either-token', 'both-token']
secrets.push(basicHeader('arix', password), githubSecret)

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config, secrets })
})
afterAll(() => gateway.close())

const client = fixture('embarc', 'CLIENT.CREATE').body
const known = { authorization: basicHeader('arix', password) }
let number = 0
const thing = () => `{"id":"thing-${++number}"}`

describe('paths', () => {
  test.each([
    '/hooks/embarc/t0ken-in-path',
    '/hooks/embarc/t0ken-in-path/',
    '/hooks/embarc//t0ken-in-path//',
    '/hooks/embarc/t0ken%2Din-path',
    '/hooks/embarc/t0ken-in-path?x=1',
  ])('%s is the source', async path => {
    expect((await gateway.post(path, client)).json).toMatchObject({
      status: expect.stringMatching(/accepted|duplicate/),
    })
  })

  test.each(['/hooks', '/hooks/', '/hooks/?x', '/hook/embarc', '/HOOKS/embarc', '/hooks/EMBARC/t0ken-in-path', '/'])(
    '%s is nothing',
    async path => {
      expect((await gateway.post(path, client)).status).toBe(404)
    },
  )

  test('a target in absolute form, as proxies send it, is the same path', async () => {
    const answer = await gateway.post(`http://gateway.example/hooks/embarc/t0ken-in-path`, client)
    expect(answer.json).toMatchObject({ status: 'duplicate' })
  })

  test('the rest of the path is the adapter’s', async () => {
    const { body } = fixture('arix', 'RailUpdated')
    expect((await gateway.post('/hooks/arix/RailUpdated', body, known)).json).toMatchObject({ status: 'accepted' })
    expect((await gateway.events()).at(-1)).toMatchObject({ type: 'disbursement.status_changed' })
  })

  test('the old name of a renamed source goes on working', async () => {
    const { body } = fixture('arix', 'RailUpdated')
    const { id } = (await gateway.post('/hooks/arix-older/RailUpdated', body, known)).json as { id: string }
    expect((await gateway.post('/hooks/arix-old/RailUpdated', body, known)).json).toEqual({ id, status: 'duplicate' })
  })
})

describe('a wrong path token and an unknown source', () => {
  const methods = ['POST', 'GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY']
  test.each(methods)('get the same 404, byte for byte: %s', async method => {
    const options: RequestOptions = ['GET', 'HEAD'].includes(method) ? { method } : { method, body: client }
    const unknown = await gateway.request('/hooks/nobody/wrong', options)
    for (const path of ['/hooks/embarc/wrong', '/hooks/embarc', '/hooks/embarc/wrong/t0ken-in-path', '/hooks/both/x']) {
      expect([path, comparable(await gateway.request(path, options))]).toEqual([path, comparable(unknown)])
    }
    expect(unknown.status).toBe(404)
  })

  test('though the one is recorded, without the token that was tried', async () => {
    await gateway.post('/hooks/embarc/mistyped-token-1', client)
    await expect
      .poll(async () => (await gateway.rejections())[0])
      .toMatchObject({ source: 'embarc', status: 404, rest: '' })
    expect(JSON.stringify(await gateway.rejections())).not.toContain('mistyped-token-1')
    expect(JSON.stringify(gateway.lines())).not.toContain('mistyped-token-1')
  })
})

describe('methods', () => {
  test.each(['GET', 'HEAD'])('%s is a ping: 200, and nothing is stored', async method => {
    const before = await gateway.events()
    for (const path of [
      '/hooks/banclo',
      '/hooks/arix/',
      '/hooks/embarc/t0ken-in-path/',
      '/hooks/ballerine',
      '/hooks/jwt',
    ]) {
      const answer = await gateway.request(path, { method })
      expect([path, answer.status]).toEqual([path, 200])
      expect(answer.text).toBe(method === 'HEAD' ? '' : '{"status":"ok"}')
      expect(answer.headers['content-type']).toBe('application/json')
    }
    expect(await gateway.events()).toEqual(before)
    expect(gateway.requests().at(-1)).toMatchObject({ verdict: 'pinged', status: 200 })
  })

  test.each(['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'])(
    '%s where it is not taken: 405 with Allow',
    async method => {
      const answer = await gateway.request('/hooks/banclo', { method, body: '{}' })
      expect([answer.status, answer.headers.allow]).toEqual([405, 'POST, GET, HEAD'])
      expect(answer.json).toEqual({ type: 'about:blank', title: 'Method Not Allowed', status: 405 })
    },
  )

  test('Ballerine’s custom webhooks come by every method; a GET’s query is its payload', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const body = `{"by":"${method}"}`
      const options = { method, body, headers: ballerineHeaders(body) }
      expect((await gateway.request('/hooks/ballerine/custom/book', options)).json).toMatchObject({
        status: 'accepted',
      })
    }
    const headers = ballerineHeaders('')
    const answer = await gateway.request('/hooks/ballerine/custom/book?by=GET&amount=1.50', { headers })
    expect(answer.json).toMatchObject({ status: 'accepted' })
    const { id } = answer.json as { id: string }
    const event = await gateway.api(`/events/${id}`)
    expect(event.json).toMatchObject({ type: 'ballerine.custom.book', data: { original: 'by=GET&amount=1.50' } })
    expect((await gateway.request('/hooks/ballerine/custom/book?by=GET', {})).status).toBe(401)
    const refused = await gateway.request('/hooks/ballerine/custom/book', { method: 'OPTIONS' })
    expect([refused.status, refused.headers.allow]).toEqual([405, expect.stringContaining('DELETE')])
  })
})

describe('challenges', () => {
  test.each([
    ['/hooks/arix', 'Basic realm="postern", charset="UTF-8"'],
    ['/hooks/bearer', 'Bearer'],
    ['/hooks/jwt', 'Bearer'],
  ])('%s: a first knock without credentials is asked for them, and is no rejection', async (path, challenge) => {
    const before = await gateway.rejections()
    const answer = await gateway.post(path, '{}')
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, challenge])
    expect(answer.json).toEqual({ type: 'about:blank', title: 'Unauthorized', status: 401 })
    expect(await gateway.rejections()).toEqual(before)
    expect(gateway.requests().at(-1)).toMatchObject({ verdict: 'challenged', status: 401 })
  })

  test.each([
    ['/hooks/arix', basicHeader('arix', 'wrong'), 'Basic realm="postern", charset="UTF-8"'],
    ['/hooks/arix', `Bearer ${basicHeader('arix', password).slice(6)}`, 'Basic realm="postern", charset="UTF-8"'],
    ['/hooks/arix', 'Basic ====', 'Basic realm="postern", charset="UTF-8"'],
    ['/hooks/arix', 'Basic YXJpeDphcml4', 'Basic realm="postern", charset="UTF-8"'],
    ['/hooks/bearer', 'Bearer wrong', 'Bearer error="invalid_token"'],
    ['/hooks/bearer', 'Basic YTpi', 'Bearer'],
    ['/hooks/jwt', 'Bearer a.b.c', 'Bearer error="invalid_token"'],
  ])('%s with %s: 401, challenged again, and recorded', async (path, authorization, challenge) => {
    const before = (await gateway.rejections()).length
    const answer = await gateway.post(path, '{}', { authorization })
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, challenge])
    expect((await gateway.rejections()).length).toBe(before + 1)
    expect((await gateway.rejections())[0]?.headers).toContainEqual(['authorization', '[scrubbed]'])
  })

  test('two Authorization headers are no way round: the first counts', async () => {
    const wrong = basicHeader('arix', 'wrong')
    const right = known.authorization
    const both = (first: string, second: string) =>
      gateway.request('/hooks/arix/RailUpdated', {
        method: 'POST',
        headers: ['Authorization', first, 'authorization', second],
        body: fixture('arix', 'RailUpdated').body,
      })
    expect((await both(wrong, right)).status).toBe(401)
  })

  test('a password with colons, a scheme in any case', async () => {
    const { body } = fixture('arix', 'RailUpdated')
    const authorization = known.authorization.replace('Basic', 'bAsIc')
    expect((await gateway.post('/hooks/arix/RailUpdated', body, { authorization })).json).toMatchObject({
      status: 'duplicate',
    })
  })

  test('a source that needs neither has no challenge', async () => {
    for (const path of ['/hooks/key', '/hooks/ballerine', '/hooks/banclo']) {
      const answer = await gateway.post(path, '{}', { 'X-Key': 'wrong' })
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, undefined])
    }
  })
})

describe('checks over HTTP', () => {
  test.each([
    ['of the wrong length', 'abcd'],
    ['empty', ''],
    ['with an odd digit', '0'.repeat(63)],
    ['in capitals', ballerineHeaders('{}')['X-HMAC-Signature']!.toUpperCase()],
    ['with a space in it', ` ${ballerineHeaders('{}')['X-HMAC-Signature']!.slice(0, -1)} 0`],
    ['the placeholder', 'UNSIGNED'],
    ['of another body', ballerineHeaders('[]')['X-HMAC-Signature']!],
    ['not ASCII', 'é'.repeat(64)],
  ])('a signature %s: 401', async (_name, signature) => {
    const headers = { ...ballerineHeaders('{}'), 'X-HMAC-Signature': signature }
    expect((await gateway.post('/hooks/ballerine', '{}', headers)).status).toBe(401)
  })

  test.each(['sha1=00', 'sha256=', 'sha256=zz', '=', 'sha256=0', `SHA256=${'0'.repeat(64)}`])(
    'a prefixed signature %o: 401',
    async signature => {
      const headers = { 'X-Hub-Signature-256': signature }
      expect((await gateway.post('/hooks/both/both-token', thing(), headers)).status).toBe(401)
    },
  )

  test('allOf: both are needed', async () => {
    const body = thing()
    const { 'X-Hub-Signature-256': signature } = githubHeaders(body, 'x')
    const headers = { 'X-Hub-Signature-256': signature! }
    expect((await gateway.post('/hooks/both/both-token', body)).status).toBe(401)
    expect((await gateway.post('/hooks/both/wrong', body, headers)).status).toBe(404)
    expect((await gateway.post('/hooks/both/both-token', body, headers)).json).toMatchObject({ status: 'accepted' })
  })

  test('anyOf: either will do, by its own path', async () => {
    const authorization = basicHeader('u', 'either-pass')
    expect((await gateway.post('/hooks/either/either-token', client)).json).toMatchObject({ status: 'accepted' })
    expect((await gateway.post('/hooks/either', client, { authorization })).json).toMatchObject({ status: 'duplicate' })
    expect((await gateway.post('/hooks/either/wrong', client)).status).toBe(401)
  })

  test.each([
    ['of the past', { exp: -120 }, 'HS256', 'jwt-secret-value'],
    ['of the future', { nbf: 120, exp: 600 }, 'HS256', 'jwt-secret-value'],
    ['without an end', { exp: undefined }, 'HS256', 'jwt-secret-value'],
    ['for somebody else', { aud: 'them' }, 'HS256', 'jwt-secret-value'],
    ['by another key', {}, 'HS256', 'another'],
    ['by another algorithm', {}, 'HS384', 'jwt-secret-value'],
    ['without a signature', {}, 'none', ''],
    ['that says None', {}, 'None', ''],
  ])('a token %s: 401', async (_name, claims, alg, secret) => {
    const authorization = `Bearer ${token(claims, alg, secret)}`
    const answer = await gateway.post('/hooks/jwt', thing(), { authorization })
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"'])
    expect((await gateway.rejections())[0]).toMatchObject({ source: 'jwt', status: 401 })
  })

  test('a token as it should be: 200', async () => {
    const authorization = `Bearer ${token({}, 'HS256', 'jwt-secret-value')}`
    expect((await gateway.post('/hooks/jwt', thing(), { authorization })).json).toMatchObject({ status: 'accepted' })
  })

  test('an address that is not on the list: 403, recorded; one that is: 200', async () => {
    const answer = await gateway.post('/hooks/far', thing(), { authorization: 'Bearer bearer-token-value' })
    expect([answer.status, answer.json]).toEqual([403, { type: 'about:blank', title: 'Forbidden', status: 403 }])
    expect((await gateway.rejections())[0]).toMatchObject({ source: 'far', status: 403, address: '127.0.0.1' })
    expect((await gateway.post('/hooks/near', thing())).json).toMatchObject({ status: 'accepted' })
    const elsewhere = { method: 'POST', body: thing(), localAddress: '127.0.0.2' }
    expect((await gateway.request('/hooks/near', elsewhere)).status).toBe(403)
  })
})

test('one line in the log for each request, with what it must say', () => {
  for (const line of gateway.requests()) {
    expect(line).toMatchObject({ verdict: expect.any(String), status: expect.any(Number), ms: expect.any(Number) })
    expect(line.time).toMatch(/^\d{4}-.*Z$/)
    if (line.verdict !== 'no such source') expect(Object.keys(config.sources)).toContain(line.source)
    if (line.verdict === 'accepted' || line.verdict === 'duplicate') expect(line.event).toMatch(/^evt_/)
    if (line.verdict === 'rejected') expect(line.reason).not.toBe('')
  }
})

test('a body of Ballerine’s that was genuine is stored whatever else came', async () => {
  const body = ballerineBody('last')
  expect((await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))).json).toMatchObject({
    status: 'accepted',
  })
})

function comparable({ status, headers, text }: Answer) {
  const { date: _, ...rest } = headers
  return { status, headers: rest, text }
}

function token(claims: object, alg: string, secret: string): string {
  const seconds = Math.floor(Date.now() / 1000)
  const shifted = Object.entries({ exp: 300, aud: 'us', ...claims }).map(([name, value]) => [
    name,
    typeof value === 'number' ? seconds + value : value,
  ])
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${part({ alg })}.${part(Object.fromEntries(shifted) as object)}`
  const mac =
    secret === ''
      ? ''
      : createHmac(alg === 'HS384' ? 'sha384' : 'sha256', secret)
          .update(content)
          .digest('base64url')
  return `${content}.${mac}`
}
