// Who we say we are: fixed headers, Basic, bearer, and tokens by client credentials, renewed after a 401 within one go.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Destination } from '../../src/delivery/destination.ts'
import type { HttpSpec } from '../../src/delivery/subscription.ts'
import { type TokenSource, TokenUnavailable } from '../../src/delivery/tokens.ts'
import { answers, type Behaviour, never, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { attemptOf, destinationTo } from './http-attempt.ts'

let subscriber: Subscriber
const open: Destination[] = []

beforeEach(async () => {
  subscriber = await startSubscriber()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map(destination => destination.close()))
  await subscriber.close()
})

const to = (...args: Parameters<typeof destinationTo>) => {
  const made = destinationTo(...args)
  open.push(made)
  return made
}
const sent = () => subscriber.received.map(({ headers }) => headers.authorization)

test.each<[string, Partial<HttpSpec>, string]>([
  [
    'Basic',
    { auth: { kind: 'basic', username: 'me', password: 'a:b ü' } },
    `Basic ${Buffer.from('me:a:b ü').toString('base64')}`,
  ],
  ['a bearer token', { auth: { kind: 'bearer', token: 'abc' } }, 'Bearer abc'],
  ['a header', { headers: { Authorization: 'Custom xyz' } }, 'Custom xyz'],
  [
    '`auth` rather than a header',
    { headers: { authorization: 'x' }, auth: { kind: 'bearer', token: 'abc' } },
    'Bearer abc',
  ],
])('%s', async (_, spec, expected) => {
  await to(subscriber.url, spec).attempt(attemptOf())
  expect(sent()).toEqual([expected])
})

test('a reason never has what was sent, whatever fails', async () => {
  const spec: Partial<HttpSpec> = {
    auth: { kind: 'basic', username: 'me', password: 'hunter2' },
    headers: { 'x-key': 'hunter3' },
    headersTimeoutMs: 50,
  }
  const reasons: string[] = []
  for (const behaviour of [
    answers(401, { 'www-authenticate': 'Basic' }),
    never,
    ({ socket }: { socket: { destroy(): unknown } }) => socket.destroy(),
  ]) {
    subscriber.behave(behaviour as Behaviour)
    reasons.push(String((await to(`${subscriber.url}?token=hunter4`, spec).attempt(attemptOf())).reason))
  }
  const bad = { ...spec, headers: { 'x-key': 'hunter5\u0000' } }
  reasons.push(String((await to(subscriber.url, bad).attempt(attemptOf())).reason))
  await subscriber.close()
  reasons.push(String((await to(`${subscriber.url}?token=hunter4`, spec).attempt(attemptOf())).reason))
  expect(reasons).toHaveLength(5)
  for (const reason of reasons) {
    expect(reason).not.toBe('null')
    expect(reason).not.toMatch(/hunter/)
    expect(reason).not.toContain(Buffer.from('me:hunter2').toString('base64'))
  }
})

describe('OAuth', () => {
  const spec: Partial<HttpSpec> = {
    auth: { kind: 'oauth', tokenUrl: 'http://127.0.0.1:9/token', clientId: 'us', clientSecret: 'hunter2', scopes: [] },
  }

  /** Tokens `t1`, `t2` … : a new one after each refusal. */
  function source(): TokenSource & { refusals: string[] } {
    const refusals: string[] = []
    return { refusals, token: async () => `t${refusals.length + 1}`, refused: token => void refusals.push(token) }
  }
  const accepts =
    (...tokens: string[]): Behaviour =>
    exchange =>
      answers(tokens.includes(exchange.received.headers.authorization ?? '') ? 204 : 401)(exchange)

  test('sends the token', async () => {
    const tokens = source()
    await to(subscriber.url, spec, { tokens: () => tokens }).attempt(attemptOf())
    expect([sent(), tokens.refusals]).toEqual([['Bearer t1'], []])
  })

  test('after a 401 goes once more with a new token, in the same attempt', async () => {
    const tokens = source()
    subscriber.behave(accepts('Bearer t2'))
    const destination = to(subscriber.url, spec, { tokens: () => tokens })
    expect(await destination.attempt(attemptOf({ number: 3 }))).toMatchObject({ result: 'succeeded', status: 204 })
    expect(sent()).toEqual(['Bearer t1', 'Bearer t2'])
    expect(subscriber.received.map(({ headers }) => headers['postern-attempt'])).toEqual(['3', '3'])
    await destination.attempt(attemptOf())
    expect(sent().slice(2)).toEqual(['Bearer t2'])
  })

  test('goes no more often than that', async () => {
    const tokens = source()
    subscriber.behave(accepts())
    expect(await to(subscriber.url, spec, { tokens: () => tokens }).attempt(attemptOf())).toMatchObject({
      result: 'failed',
      status: 401,
    })
    expect([sent(), tokens.refusals]).toEqual([['Bearer t1', 'Bearer t2'], ['t1']])
  })

  test('does not go again with a token that was refused', async () => {
    subscriber.behave(accepts())
    const same: TokenSource = { token: async () => 'same', refused: () => {} }
    expect(await to(subscriber.url, spec, { tokens: () => same }).attempt(attemptOf())).toMatchObject({ status: 401 })
    expect(sent()).toEqual(['Bearer same'])
  })

  test('no other status asks for a new token', async () => {
    const tokens = source()
    subscriber.behave(answers(403))
    await to(subscriber.url, spec, { tokens: () => tokens }).attempt(attemptOf())
    expect([sent(), tokens.refusals]).toEqual([['Bearer t1'], []])
  })

  test('without a token nothing is sent, and the reason says so', async () => {
    const none: TokenSource = {
      token: () => Promise.reject(new TokenUnavailable('no token from login.test: invalid_client')),
      refused: () => {},
    }
    expect(await to(subscriber.url, spec, { tokens: () => none }).attempt(attemptOf())).toMatchObject({
      result: 'failed',
      status: null,
      reason: 'no token from login.test: invalid_client',
    })
    expect(subscriber.received).toEqual([])
  })

  test('a token that never comes ends with the time of the attempt, or with the gateway', async () => {
    const signals: AbortSignal[] = []
    const silent: TokenSource = {
      token(signal) {
        signals.push(signal!)
        return new Promise(() => {})
      },
      refused: () => {},
    }
    const destination = to(subscriber.url, spec, { tokens: () => silent })
    expect(await destination.attempt(attemptOf({ timeoutMs: 50 }))).toMatchObject({
      result: 'failed',
      reason: 'no token within 50 ms',
    })
    const control = new AbortController()
    const released = destination.attempt(attemptOf({ signal: control.signal }))
    control.abort()
    expect((await released).result).toBe('released')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    expect(subscriber.received).toEqual([])
  })

  test('the time of both goes together', async () => {
    const tokens = source()
    subscriber.behave(exchange => (exchange.received.number === 1 ? answers(401)(exchange) : never(exchange)))
    expect(
      await to(subscriber.url, spec, { tokens: () => tokens }).attempt(attemptOf({ timeoutMs: 500 })),
    ).toMatchObject({
      result: 'failed',
      status: null,
      reason: expect.stringMatching(/^no answer within/),
    })
  })

  test('asks a token endpoint through the same egress', async () => {
    const login = await startSubscriber({
      behaviour: answers(
        200,
        { 'content-type': 'application/json' },
        '{"access_token":"real","token_type":"Bearer","expires_in":60}',
      ),
    })
    const auth = {
      kind: 'oauth',
      tokenUrl: login.url,
      clientId: 'us',
      clientSecret: 'hunter2',
      scopes: ['a', 'b'],
    } as const
    expect(await to(subscriber.url, { auth }).attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
    expect(sent()).toEqual(['Bearer real'])
    expect(login.received[0]!.text).toBe('scope=a+b&grant_type=client_credentials')
    const forbidden = { ...auth, tokenUrl: 'http://169.254.169.254/token' }
    const outcome = await to(subscriber.url, { auth: forbidden }).attempt(attemptOf())
    expect(outcome).toMatchObject({ result: 'failed', reason: 'no token from 169.254.169.254: EGRESS_REFUSED' })
    await login.close()
  })
})
