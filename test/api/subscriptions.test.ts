import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import type { Answer } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const hidden = [key, 'hidden-password', 'hidden-header', 'hidden-query', 'hidden-path']

let gateway: TestGateway
let subscriber: Subscriber
beforeAll(async () => {
  subscriber = await startSubscriber()
  gateway = await startTestGateway({
    config: {
      sources: { plain: plain() },
      egress: { allow: ['127.0.0.0/8'] },
      subscriptions: { configured: { types: ['loan.*'], to: http({ url: subscriber.url, secret: key }) } },
    },
    secrets: hidden,
  })
})
afterAll(async () => {
  await gateway.close()
  await subscriber.close()
})

type Shown = Record<string, unknown> & { name: string; secret?: string; paused: object | null; to: object }

const put = (name: string, body: unknown) =>
  gateway.api(`/subscriptions/${name}`, {
    method: 'PUT',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const post = (path: string, body = '') => gateway.api(path, { method: 'POST', body })
const get = async (name: string) => {
  const answer = await gateway.api(`/subscriptions/${name}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Shown
}
let keys = 0
/** Resolves with the event's id. */
const send = async (type = 'loan.created', more: object = {}) => {
  const answer = await gateway.post('/hooks/plain', plainBody({ key: `k${keys++}`, type, ...more }))
  expect(answer.status).toBe(200)
  return (answer.json as { id: string }).id
}
const shown = (answer: Answer, status: number) => {
  expect(answer.status, answer.text).toBe(status)
  return answer.json as Shown
}

describe('of the configuration file', () => {
  test('is shown with its options, where it stands, and without its secrets', async () => {
    await send()
    await subscriber.atLeast(1)
    await until('it has settled', async () => {
      const { deliveries } = await get('configured')
      return (deliveries as { succeeded: number }).succeeded === 1
    })
    const one = await get('configured')
    expect(one).toEqual({
      name: 'configured',
      origin: 'config',
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      removedAt: null,
      problem: null,
      paused: null,
      cursor: '0000000000000001',
      lag: 0,
      oldestUnsettledAt: null,
      deliveries: {
        waiting: 0,
        pending: 0,
        delivering: 0,
        retrying: 0,
        succeeded: 1,
        dead: 0,
        skipped: 0,
        cancelled: 0,
        expired: 0,
      },
      lanesHeld: 0,
      types: ['loan.*'],
      vendorTypes: [],
      sources: [],
      filter: null,
      concurrency: 16,
      rate: null,
      order: 'none',
      onDead: 'hold',
      retry: { scheduleMs: expect.any(Array), jitter: 0.2 },
      breaker: { failures: 10, coolDownMs: 30_000, state: 'closed', consecutiveFailures: 0, opened: 0, until: null },
      timeoutMs: 15_000,
      include: [],
      skipSame: false,
      start: 'now',
      to: {
        kind: 'http',
        url: subscriber.url,
        format: 'cloudevent',
        signatures: 1,
        headers: [],
        auth: null,
        tls: null,
        proxy: null,
        deadOn: [],
        connectTimeoutMs: 5_000,
        headersTimeoutMs: 10_000,
        bodyTimeoutMs: 10_000,
      },
    })
    const list = (await gateway.api('/subscriptions')).json as { items: Shown[]; next: null }
    expect(list.next).toBeNull()
    expect(list.items).toContainEqual(one)
  })

  test('cannot be redefined or removed here', async () => {
    const before = await get('configured')
    expectProblem(await put('configured', { to: { url: subscriber.url } }), 409, 'subscription_in_config')
    expectProblem(await gateway.api('/subscriptions/configured', { method: 'DELETE' }), 409, 'subscription_in_config')
    expect(await get('configured')).toEqual(before)
  })

  test('can be paused and resumed, and gets then what came meanwhile', async () => {
    const paused = shown(await post('/subscriptions/configured/pause'), 200)
    expect(paused.paused).toEqual({ by: 'person', at: expect.stringMatching(/Z$/) })
    const before = subscriber.received.length
    const id = await send()
    // The event of the pause itself may be on its way yet.
    const { paused: still, lag } = await get('configured')
    expect([still, [1, 2].includes(Number(lag))]).toEqual([expect.objectContaining({ by: 'person' }), true])
    expect(subscriber.received.length).toBe(before)
    expect(shown(await post('/subscriptions/configured/resume', '{}'), 200).paused).toBeNull()
    await subscriber.atLeast(before + 1)
    expect(subscriber.received.at(-1)?.headers['webhook-id']).toBe(id)
  })
})

describe('made here', () => {
  test('with a secret of ours, shown once; it is signed with', async () => {
    const before = subscriber.received.length
    const made = shown(await put('own', { types: ['client.*'], to: { url: subscriber.url } }), 201)
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(made).toMatchObject({
      name: 'own',
      origin: 'api',
      types: ['client.*'],
      to: { signatures: 1 },
      problem: null,
    })
    for (const path of ['/subscriptions/own', '/subscriptions']) {
      expect((await gateway.api(path)).text).not.toContain(made.secret)
    }
    const id = await send('client.created')
    await subscriber.atLeast(before + 1)
    const { headers, text } = subscriber.received.at(-1)!
    expect(headers['webhook-id']).toBe(id)
    expect(new Webhook(made.secret!).verify(text, headers as Record<string, string>)).toMatchObject({ id })
  })

  test('put again: changed, and the secret stays until another is given', async () => {
    const made = shown(await put('again', { types: ['client.*'], to: { url: subscriber.url } }), 201)
    const changed = shown(await put('again', { types: ['claim.*'], concurrency: 2, to: { url: subscriber.url } }), 200)
    expect(changed).toMatchObject({
      types: ['claim.*'],
      concurrency: 2,
      createdAt: made.createdAt,
      cursor: made.cursor,
    })
    expect(changed.secret).toBeUndefined()
    const before = subscriber.received.length
    await send('claim.created')
    await subscriber.atLeast(before + 1)
    const { headers, text } = subscriber.received.at(-1)!
    expect(() => new Webhook(made.secret!).verify(text, headers as Record<string, string>)).not.toThrow()

    expect(
      shown(await put('again', { types: ['claim.*'], to: { url: subscriber.url, secret: key } }), 200).secret,
    ).toBe(undefined)
    await send('claim.updated')
    await subscriber.atLeast(before + 2)
    const next = subscriber.received.at(-1)!
    expect(() => new Webhook(key).verify(next.text, next.headers as Record<string, string>)).not.toThrow()
  })

  test('every option, and no secret in any answer', async () => {
    const answer = await put('whole', {
      types: ['none.*'],
      vendorTypes: ['none.*'],
      sources: ['plain'],
      filter: "data.refs.loan == '1'",
      concurrency: 3,
      rate: { limit: 5, intervalMs: 1_000 },
      order: 'subject',
      onDead: 'skip',
      retry: { scheduleMs: [0, 10], jitter: 0 },
      breaker: { failures: 2, coolDownMs: 50 },
      timeoutMs: 1_000,
      include: ['original'],
      skipSame: true,
      start: 'beginning',
      to: {
        kind: 'http',
        url: `${subscriber.url}?key=hidden-query`,
        format: 'original',
        secret: [key],
        headers: { 'X-Key': 'hidden-header' },
        auth: { kind: 'basic', username: 'me', password: 'hidden-password' },
        deadOn: [422],
        connectTimeoutMs: 100,
      },
    })
    expect(shown(answer, 201)).toMatchObject({
      vendorTypes: ['none.*'],
      filter: "data.refs.loan == '1'",
      rate: { limit: 5, intervalMs: 1_000 },
      order: 'subject',
      retry: { scheduleMs: [0, 10], jitter: 0 },
      breaker: { failures: 2, coolDownMs: 50, state: 'closed' },
      start: 'beginning',
      to: {
        url: `${subscriber.url}?…`,
        headers: ['X-Key'],
        auth: { kind: 'basic', username: 'me' },
        deadOn: [422],
        connectTimeoutMs: 100,
        headersTimeoutMs: 10_000,
      },
    })
    for (const text of [answer.text, (await gateway.api('/subscriptions')).text]) {
      for (const secret of hidden) expect(text).not.toContain(secret)
    }
  })

  test('for a chat: its URL is the secret, and nothing is signed', async () => {
    const url = subscriber.url.replace('/events', '/services/hidden-path')
    const made = shown(await put('chat', { types: ['postern.*'], to: { url, format: 'slack' } }), 201)
    expect(made.secret).toBeUndefined()
    expect(made.to).toMatchObject({ url: `${new URL(url).origin}/…`, format: 'slack', signatures: 0 })
  })

  test('from the beginning, from a sequence, from now', async () => {
    const oldest = await send('note.first')
    const { sequence } = (await gateway.api(`/events/${oldest}`)).json as { sequence: string }
    const starts: [name: string, start: unknown][] = [
      ['from-sequence', { sequence: Number(sequence) }],
      ['from-beginning', 'beginning'],
      ['from-time', { time: '2020-01-01T00:00:00Z' }],
    ]
    for (const [name, start] of starts) {
      const before = subscriber.received.length
      shown(await put(name, { types: ['note.*'], start, to: { url: subscriber.url } }), 201)
      await subscriber.atLeast(before + 1)
      expect(subscriber.received.at(-1)?.headers['webhook-id']).toBe(oldest)
    }
    const made = shown(await put('from-now', { types: ['note.*'], to: { url: subscriber.url } }), 201)
    expect(made).toMatchObject({ lag: 0, deliveries: { succeeded: 0 } })
    expectProblem(
      await put('from-beyond', { start: { sequence: 1e9 }, to: { url: subscriber.url } }),
      400,
      'bad_request',
      '/start/sequence',
    )
    for (const [name] of [...starts, ['from-now']]) await gateway.api(`/subscriptions/${name}`, { method: 'DELETE' })
  })

  test('removed: it feeds nothing more, and a new one of its name begins anew', async () => {
    shown(await put('gone', { types: ['gone.*'], to: { url: subscriber.url } }), 201)
    const removed = shown(await gateway.api('/subscriptions/gone', { method: 'DELETE' }), 200)
    expect(removed.removedAt).toMatch(/Z$/)
    expect(shown(await gateway.api('/subscriptions/gone', { method: 'DELETE' }), 200).removedAt).toBe(removed.removedAt)
    for (const action of ['pause', 'resume', 'test', 'retry']) {
      expectProblem(await post(`/subscriptions/gone/${action}`), 409, 'subscription_removed')
    }
    await send('gone.one')
    const lagging = 'it feeds nothing more, and lags behind nothing'
    expect(await get('gone'), lagging).toMatchObject({ lag: 0, oldestUnsettledAt: null })
    const again = shown(await put('gone', { types: ['gone.*'], to: { url: subscriber.url } }), 201)
    expect(again).toMatchObject({ removedAt: null, lag: 0 })
    expect(again.secret).toMatch(/^whsec_/)
  })
})

describe('a test of it', () => {
  test('sends one made event now, answers with the outcome, and stores nothing', async () => {
    shown(await put('tried', { types: ['none.*'], to: { url: subscriber.url } }), 201)
    await until('it is at work', async () => (await post('/subscriptions/tried/test')).status === 200)
    const events = await gateway.events()
    const before = subscriber.received.length
    subscriber.behave(answers(418, {}, 'a teapot'))
    try {
      const outcome = await post('/subscriptions/tried/test', '{}')
      expect([outcome.status, outcome.json]).toEqual([
        200,
        { result: 'failed', status: 418, reason: expect.any(String), answer: 'a teapot', retryAfterMs: null },
      ])
    } finally {
      subscriber.behave(answers(204))
    }
    expect(subscriber.received).toHaveLength(before + 1)
    expect(subscriber.received.at(-1)?.json).toMatchObject({ type: 'postern.subscription.tested' })
    expect(await gateway.events()).toEqual(events)
    expect(await get('tried')).toMatchObject({ deliveries: { succeeded: 0, dead: 0, retrying: 0 } })
    const well = await post('/subscriptions/tried/test')
    expect(well.json).toMatchObject({ result: 'succeeded', status: 204 })
  })

  test('works while it is paused', async () => {
    shown(await post('/subscriptions/tried/pause'), 200)
    await until('it is taken up', async () => (await post('/subscriptions/tried/test')).status === 200)
    expect((await post('/subscriptions/tried/test')).json).toMatchObject({ result: 'succeeded' })
  })
})

test('all dead ones of a subscription are tried again with a fresh budget', async () => {
  const broken = await startSubscriber({ behaviour: answers(500) })
  try {
    const to = { url: broken.url }
    shown(await put('broken', { types: ['broken.*'], retry: { scheduleMs: [0, 0], jitter: 0 }, to }), 201)
    const counts = async () => (await get('broken')).deliveries as Record<string, number>
    for (let index = 0; index < 3; index++) await send('broken.one')
    await until('all are dead', async () => (await counts()).dead === 3)
    expect(broken.received).toHaveLength(6)
    broken.behave(answers(200))
    expect((await post('/subscriptions/broken/retry')).json).toEqual({ retried: 3 })
    await until('all have succeeded', async () => (await counts()).succeeded === 3)
    expect(await counts()).toMatchObject({ dead: 0 })
    expect((await post('/subscriptions/broken/retry')).json).toEqual({ retried: 0 })
  } finally {
    await broken.close()
  }
})

describe('one whose breaker is open is tried at once', () => {
  let shut: Subscriber
  beforeAll(async () => {
    shut = await startSubscriber({ behaviour: answers(500) })
    const breaker = { failures: 1, coolDownMs: 600_000 }
    const retry = { scheduleMs: [0, 0, 0, 0, 0], jitter: 0 }
    shown(await put('shut', { types: ['shut.*'], breaker, retry, to: { url: shut.url } }), 201)
  })
  afterAll(() => shut.close())
  const breaker = async () => ((await get('shut')).breaker as { state: string }).state

  test.each(['resume', 'test'])('after a %s', async action => {
    shut.behave(answers(500))
    await send('shut.one')
    await until('it is open', async () => (await breaker()) === 'open')
    shut.behave(answers(204))
    shown(await post(`/subscriptions/shut/${action}`), 200)
    await until('it is closed', async () => (await breaker()) === 'closed')
  })

  test('but not after a test that failed', async () => {
    shut.behave(answers(500))
    await send('shut.two')
    await until('it is open', async () => (await breaker()) === 'open')
    const before = (await get('shut')).breaker
    shown(await post('/subscriptions/shut/test'), 200)
    expect((await get('shut')).breaker).toEqual(before)
  })
})
