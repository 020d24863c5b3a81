// Access tokens of a real provider: kept, renewed, asked for once at a time, and never in an error.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientCredentials, type Fetch, TokenUnavailable } from '../../src/delivery/tokens.ts'
import { clientSecret, startOAuth, type TestOAuth } from '../support/oauth.ts'
import { until } from '../support/until.ts'

let oauth: TestOAuth
let now: number
const clock = { now: () => now }
beforeEach(async () => {
  oauth = await startOAuth()
  now = 1_700_000_000_000
})
afterEach(() => oauth[Symbol.asyncDispose]())

const source = (more: { timeoutMs?: number } = {}) => clientCredentials(oauth.spec, { fetch, clock, ...more })
const seconds = (count: number) => {
  now += count * 1000
}

describe('a token', () => {
  test('is one of the provider’s, for the scopes that were asked for', async () => {
    expect(await oauth.verify(await source().token())).toMatchObject({ client_id: 'gateway', scope: 'loans.read' })
  })

  test('is asked for as the server will have it: with the secret in the body where it takes no Basic', async () => {
    await oauth[Symbol.asyncDispose]()
    oauth = await startOAuth({ takes: 'body' })
    const tokens = source()
    expect(await oauth.verify(await tokens.token())).toMatchObject({ client_id: 'gateway' })
    expect(oauth.asked()).toBe(2)
    seconds(600)
    await tokens.token()
    expect(oauth.asked(), 'what it takes is remembered').toBe(3)
  })

  test('is asked for once, however many want it at once', async () => {
    const tokens = source()
    const given = await Promise.all(Array.from({ length: 10 }, () => tokens.token()))
    expect(new Set(given).size).toBe(1)
    expect(oauth.asked()).toBe(1)
  })

  test('serves until a minute before its end; then it is renewed while it still serves', async () => {
    const tokens = source()
    const first = await tokens.token()
    seconds(539)
    expect(await tokens.token()).toBe(first)
    expect(oauth.asked()).toBe(1)
    seconds(2)
    expect(await tokens.token()).toBe(first)
    await until('it is renewed', async () => (await tokens.token()) !== first)
    expect(oauth.asked()).toBe(2)
  })

  test('of a short life is renewed a tenth before its end', async () => {
    await oauth[Symbol.asyncDispose]()
    oauth = await startOAuth({ lifeSeconds: 20 })
    const tokens = source()
    const first = await tokens.token()
    seconds(17)
    expect(await tokens.token()).toBe(first)
    seconds(2.9)
    expect(await tokens.token(), 'so shortly before its end it would end on its way').not.toBe(first)
    expect(oauth.asked()).toBe(2)
  })

  test('that is being renewed serves though the endpoint is away', async () => {
    const tokens = source()
    const first = await tokens.token()
    oauth.away((_, response) => response.writeHead(503).end())
    seconds(545)
    expect(await tokens.token()).toBe(first)
    await until('it was asked', () => oauth.asked() === 2)
    expect(await tokens.token()).toBe(first)
  })

  test('is not used by a clock that was set back', async () => {
    const tokens = source()
    const first = await tokens.token()
    seconds(-3600)
    expect(await tokens.token()).not.toBe(first)
  })
})

describe('a token that was refused', () => {
  test('is not given again, and one request fetches the next for all', async () => {
    const tokens = source()
    const first = await tokens.token()
    for (let count = 0; count < 10; count++) tokens.refused(first)
    const next = await Promise.all(Array.from({ length: 10 }, () => tokens.token()))
    expect(new Set(next).size).toBe(1)
    expect(next[0]).not.toBe(first)
    expect(oauth.asked()).toBe(2)
  })

  test('and was replaced already, costs nothing', async () => {
    const tokens = source()
    const first = await tokens.token()
    tokens.refused(first)
    const second = await tokens.token()
    tokens.refused(first)
    expect(await tokens.token()).toBe(second)
  })

  test('is replaced every few seconds at most where every token is refused', async () => {
    const tokens = source()
    for (let count = 0; count < 20; count++) tokens.refused(await tokens.token())
    expect(oauth.asked()).toBe(2)
    seconds(5)
    tokens.refused(await tokens.token())
    await tokens.token()
    expect(oauth.asked()).toBe(3)
  })
})

describe('an endpoint that is away', () => {
  test('is not asked again for a moment, and then is', async () => {
    const tokens = source()
    oauth.away((_, response) => response.destroy())
    for (let count = 0; count < 20; count++) await expect(tokens.token()).rejects.toThrow(TokenUnavailable)
    expect(oauth.asked()).toBe(1)
    oauth.away(undefined)
    seconds(5)
    expect(await oauth.verify(await tokens.token())).toBeDefined()
  })

  test('is waited for so long, and one who has less time waits less', async () => {
    oauth.away(() => {})
    await expect(source({ timeoutMs: 50 }).token()).rejects.toThrow(/no answer within 50 ms$/)
    const controller = new AbortController()
    const impatient = source().token(controller.signal)
    controller.abort(new Error('no time'))
    await expect(impatient).rejects.toThrow('no time')
  })

  test('does not hold up one who is gone already', async () => {
    await expect(source().token(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
    expect(oauth.asked()).toBe(0)
  })
})

describe('what goes wrong', () => {
  const answering = (
    status: number,
    body: string,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => clientCredentials(oauth.spec, { fetch: async () => new Response(body, { status, headers }), clock })
  const json = (value: unknown) => JSON.stringify(value)
  const failing =
    (error: Error): Fetch =>
    () =>
      Promise.reject(error)

  test('is told by the host and OAuth’s code, without the secret', async () => {
    const wrong = clientCredentials({ ...oauth.spec, clientSecret: 'a-wrong-secret' }, { fetch, clock })
    const error = await wrong.token().catch(error => error)
    expect(error).toBeInstanceOf(TokenUnavailable)
    expect(error.message).toBe(`no token from ${new URL(oauth.spec.tokenUrl).host}: invalid_client`)
    expect([error.cause, String(error.stack)]).toEqual([undefined, expect.not.stringContaining('a-wrong-secret')])
  })

  test.each([
    ['a status', answering, [500, 'Internal'], 'it answered 500'],
    ['a redirect', answering, [302, '', { location: 'http://127.0.0.1:1/' }], 'it answered 302'],
    ['no JSON', answering, [200, '<html>'], 'its answer is no token response'],
    ['no token', answering, [200, json({ token_type: 'bearer' })], 'its answer is no token response'],
    [
      'a token of another kind',
      answering,
      [200, json({ access_token: 'x', token_type: 'mac' })],
      'its answer is no token response',
    ],
    [
      'a token that no header can carry',
      answering,
      [200, json({ access_token: 'a\nb', token_type: 'bearer' })],
      'the token has characters that no header can carry',
    ],
    [
      'too much',
      answering,
      [200, json({ access_token: 'x'.repeat(2_000_000), token_type: 'bearer' })],
      'the answer has more than 1048576 bytes',
    ],
    [
      'an error that repeats the secret',
      answering,
      [400, json({ error: clientSecret, error_description: clientSecret })],
      'it answered 400',
    ],
  ] as const)('%s: no token', async (_, make, given, reason) => {
    const error = await make(...(given as unknown as Parameters<typeof answering>))
      .token()
      .catch(error => error)
    expect(error).toBeInstanceOf(TokenUnavailable)
    expect(error.message).toBe(`no token from ${new URL(oauth.spec.tokenUrl).host}: ${reason}`)
  })

  test('in the network is told by its code alone', async () => {
    const cause = Object.assign(new Error(`connect ${clientSecret}`), { code: 'ECONNREFUSED' })
    const tokens = clientCredentials(oauth.spec, { fetch: failing(new TypeError('fetch failed', { cause })), clock })
    await expect(tokens.token()).rejects.toThrow(/: ECONNREFUSED$/)
  })

  test('a life that is not said is taken for five minutes', async () => {
    let asked = 0
    const answer = () => Response.json({ access_token: `token-${++asked}`, token_type: 'Bearer' })
    const tokens = clientCredentials(oauth.spec, { fetch: async () => answer(), clock })
    expect(await tokens.token()).toBe('token-1')
    seconds(269)
    expect(await tokens.token()).toBe('token-1')
    seconds(31)
    expect(await tokens.token()).toBe('token-2')
  })
})
