// Replays over the API: counted first, run in the background, followed, repeated by their key, and cancelled.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { replayId } from '../../src/store/deliveries.ts'
import { closings } from '../support/closings.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

interface Shown {
  id: string
  state: string
  matched: number
  deliveries: Record<string, number>
  [member: string]: unknown
}
interface DryRun {
  matched: number
  failed: number
  complete: boolean
  position: string
  sample: { id: string; type: string }[]
}

const day = Date.parse('2026-03-01T12:00:00Z')
let now = day
let gateway: TestGateway
let book: Subscriber
let other: Subscriber
beforeAll(async () => {
  book = await startSubscriber()
  other = await startSubscriber()
  gateway = await startTestGateway({
    config: {
      sources: { plain: plain(), second: plain({ vendor: 'second' }) },
      subscriptions: {
        book: { types: ['loan.*'], breaker: { failures: 1_000 }, to: http({ url: book.url }) },
        picky: { types: ['loan.*'], filter: "starts_with(data.note, 'x')", to: http({ url: other.url }) },
        paused: { types: ['*'], to: http({ url: other.url }) },
      },
    },
    clock: { now: () => now },
  })
  await post('/subscriptions/paused/pause')
  for (let index = 0; index < 12; index++) {
    now = day + index * 60_000
    await send(index % 2 === 0 ? 'loan.created' : 'loan.updated', {
      subject: `loan/${index % 3}`,
      refs: { bank: String(index % 4) },
      ...(index === 0 ? { data: { note: 'xy' } } : {}),
    })
  }
  await send('client.created')
  await book.atLeast(12)
})
afterAll(async () => {
  await gateway.close()
  await Promise.all([book.close(), other.close()])
})

const post = (path: string, body: unknown = '', headers: Record<string, string> = {}) =>
  gateway.api(path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
let keys = 0
const send = async (type: string, more: object = {}, source = 'plain') => {
  const answer = await gateway.post(`/hooks/${source}`, plainBody({ key: `k${keys++}`, type, ...more }))
  expect(answer.status, answer.text).toBe(200)
  return (answer.json as { id: string }).id
}
const progress = async (id: string) => {
  const answer = await gateway.api(`/replays/${id}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Shown
}
const ended = async (id: string) => {
  await until('the replay is done', async () => (await progress(id)).state !== 'running')
  return progress(id)
}
const dryRun = async (filter: object, subscription = 'book') => {
  const answer = await post('/replays', { filter, subscription, dryRun: true })
  expect(answer.status, answer.text).toBe(200)
  return answer.json as DryRun
}

describe('a dry run', () => {
  test('counts what the filter takes and the subscription asks for, shows a sample, and sends nothing', async () => {
    const before = book.received.length
    const all = await dryRun({})
    expect(all).toEqual({
      subscription: 'book',
      dryRun: true,
      matched: 12,
      failed: 0,
      complete: true,
      position: '0000000000000014',
      sample: expect.any(Array),
    })
    expect(all.sample).toHaveLength(10)
    expect(all.sample[0]).toEqual({
      id: expect.stringMatching(/^evt_/),
      // Before it is what we tell of the pause.
      sequence: '0000000000000002',
      source: 'plain',
      type: 'loan.created',
      subject: 'loan/0',
      receivedAt: '2026-03-01T12:00:00.000Z',
    })
    expect(book.received).toHaveLength(before)
    expect((await gateway.api(`/replays/${replayId(1)}`)).status).toBe(404)
  })

  test.each<[filter: object, matched: number]>([
    [{ type: 'loan.created' }, 6],
    [{ type: ['loan.created', 'client.*'] }, 6],
    [{ type: ['*'] }, 12],
    [{ vendorType: '*.updated' }, 6],
    [{ source: 'plain' }, 12],
    [{ source: ['second', 'x*'] }, 0],
    [{ vendor: 'plain' }, 12],
    [{ subject: 'loan/1' }, 4],
    [{ ref: 'bank:1' }, 3],
    [{ ref: ['bank:1', 'loan:1'] }, 1],
    [{ receivedAfter: '2026-03-01T12:10:00Z' }, 2],
    [{ receivedBefore: '2026-03-01T12:01:00Z' }, 1],
    [{ receivedAfter: '2026-03-01T13:02:00+01:00', receivedBefore: '2026-03-01T12:05:00.000Z', type: '*.created' }, 2],
  ])('of %j: %d', async (filter, matched) => {
    expect((await dryRun(filter)).matched).toBe(matched)
  })

  test('says how many the subscription’s own filter cannot be evaluated on', async () => {
    expect(await dryRun({}, 'picky')).toMatchObject({ matched: 1, failed: 11, complete: true })
  })
})

describe('a replay', () => {
  test('runs in the background, in order, marked as one, and shows its progress', async () => {
    const before = book.received.length
    const answer = await post('/replays', { filter: { type: 'loan.created' }, subscription: 'book' })
    expect([answer.status, answer.json]).toEqual([
      202,
      {
        id: expect.stringMatching(/^rpl_[0-9a-z]{26}$/),
        subscription: 'book',
        filter: { type: ['loan.created'] },
        first: '0000000000000001',
        last: '0000000000000014',
        createdAt: expect.stringMatching(/Z$/),
      },
    ])
    const { id } = answer.json as Shown
    await book.atLeast(before + 6)
    const done = await ended(id)
    expect(done).toMatchObject({ state: 'done', matched: 6, lookedAt: 14, position: '0000000000000014' })
    expect(done.endedAt).toMatch(/Z$/)
    await until('all are settled', async () => (await progress(id)).deliveries.succeeded === 6)
    const received = book.received.slice(before)
    expect(new Set(received.map(({ headers }) => headers['postern-replay']))).toEqual(new Set([id]))
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(6)
    const { items } = (await gateway.api('/deliveries?subscription=book&limit=500')).json as { items: Shown[] }
    expect(items.filter(({ replay }) => replay === id)).toHaveLength(6)
  })

  test('asked for again with the same key is the same one; another with that key is refused', async () => {
    const body = { filter: { subject: 'loan/1', type: ['loan.*'] }, subscription: 'book' }
    const headers = { 'idempotency-key': 'once-and-for-all' }
    const first = await post('/replays', body, headers)
    expect(first.status).toBe(202)
    const { id } = first.json as Shown
    await ended(id)
    await send('loan.created', { subject: 'loan/1' })
    const again = await post(
      '/replays',
      { subscription: 'book', filter: { type: ['loan.*'], subject: 'loan/1' } },
      headers,
    )
    expect([again.status, again.json]).toEqual([first.status, first.json])
    expect((await progress(id)).matched).toBe(4)
    for (const changed of [
      { ...body, filter: { subject: 'loan/2', type: ['loan.*'] } },
      { ...body, filter: {} },
      { ...body, subscription: 'picky' },
    ]) {
      const answer = await post('/replays', changed, headers)
      expectProblem(answer, 422, 'idempotency_key_reused', 'Idempotency-Key')
    }
    const without = await post('/replays', body)
    expect((without.json as Shown).id).not.toBe(id)
    await ended((without.json as Shown).id)
  })

  test('to a paused subscription waits, and is cancelled with what it made', async () => {
    const { id } = (await post('/replays', { filter: {}, subscription: 'paused' })).json as Shown
    expect(await progress(id)).toMatchObject({ state: 'running', endedAt: null })
    const cancelled = await post(`/replays/${id}/cancel`)
    expect([cancelled.status, cancelled.json]).toEqual([200, expect.objectContaining({ id, state: 'cancelled' })])
    expect((await progress(id)).endedAt).toMatch(/Z$/)
    expect((await post(`/replays/${id}/cancel`)).json).toMatchObject({ state: 'cancelled' })
  })

  test('cancelled half way: what has not gone out does not', async () => {
    book.behave(answers(500))
    const answer = await post('/replays', { filter: { type: 'loan.*' }, subscription: 'book' })
    const { id } = answer.json as Shown
    await until('some have failed', async () => ((await progress(id)).deliveries.retrying ?? 0) > 0)
    const cancelled = (await post(`/replays/${id}/cancel`)).json as Shown
    expect(cancelled.deliveries.retrying).toBe(0)
    book.behave(answers(204))
    await until('none is under way', async () => {
      const { waiting, pending, delivering, retrying } = (await progress(id)).deliveries
      return [waiting, pending, delivering, retrying].every(count => count === 0)
    })
    expect((await progress(id)).deliveries.cancelled).toBeGreaterThan(0)
  })
})

describe('one event', () => {
  test('goes again to every subscription that asks for it', async () => {
    const id = await send('loan.created', { data: { note: 'xyz' } })
    await until('it has been delivered', async () => {
      const { items } = (await gateway.api(`/events/${id}/deliveries`)).json as { items: Shown[] }
      return items.filter(({ state }) => state === 'succeeded').length === 2
    })
    const answer = await post(`/events/${id}/replay`)
    expect(answer.status).toBe(202)
    const { replays } = answer.json as { replays: { id: string; subscription: string; delivery: string }[] }
    expect(replays.map(({ subscription }) => subscription).toSorted()).toEqual(['book', 'paused', 'picky'])
    for (const { id: replay, subscription, delivery } of replays) {
      if (subscription === 'paused') continue
      await until('it has gone again', async () => {
        const one = await gateway.api(`/deliveries/${delivery}`)
        return (one.json as Shown).state === 'succeeded'
      })
      expect(await progress(replay)).toMatchObject({ subscription, matched: 1, state: 'done' })
      expect((await gateway.api(`/deliveries/${delivery}`)).json).toMatchObject({ event: id, replay, subscription })
    }
  })

  test('goes to the one that is named, which must ask for it', async () => {
    const before = book.received.length
    const id = await send('loan.created')
    await book.atLeast(before + 1)
    const answer = await post(`/events/${id}/replay`, { subscription: 'book' })
    expect(answer.json).toMatchObject({ replays: [{ subscription: 'book' }] })
    await book.atLeast(before + 2)
    expect(book.received.at(-1)?.headers).toMatchObject({
      'webhook-id': id,
      'postern-replay': (answer.json as { replays: { id: string }[] }).replays[0]!.id,
    })
    const problem = expectProblem(await post(`/events/${id}/replay`, { subscription: 'picky' }), 409, 'not_matching')
    expect(problem.detail).toContain('cannot be evaluated')
    const client = await send('client.created')
    expectProblem(await post(`/events/${client}/replay`, { subscription: 'book' }), 409, 'not_matching')
    expectProblem(
      await post(`/events/${client}/replay`, { subscription: 'nobody' }),
      400,
      'bad_request',
      '/subscription',
    )
    expectProblem(await post(`/events/${client}/replay`, { all: true }), 400, 'bad_request', '/all')
  })
})

describe('refused', () => {
  test.each<[body: unknown, pointer: string]>([
    ['{', ''],
    [{}, '/filter'],
    [{ filter: {} }, '/subscription'],
    [{ filter: {}, subscription: 'nobody' }, '/subscription'],
    [{ filter: {}, subscription: '__proto__' }, '/subscription'],
    [{ subscription: 'book' }, '/filter'],
    [{ filter: {}, subscription: 'book', dryRun: 'yes' }, '/dryRun'],
    [{ filter: {}, subscription: 'book', dry: true }, '/dry'],
    [{ filter: { tpye: 'x' }, subscription: 'book' }, '/filter/tpye'],
    [{ filter: { limit: 5 }, subscription: 'book' }, '/filter/limit'],
    [{ filter: { after: '1' }, subscription: 'book' }, '/filter/after'],
    [{ filter: { type: 5 }, subscription: 'book' }, '/filter/type'],
    [{ filter: { type: [''] }, subscription: 'book' }, '/filter/type/0'],
    [{ filter: { type: Array(21).fill('x') }, subscription: 'book' }, '/filter/type'],
    [{ filter: { subject: 'loan' }, subscription: 'book' }, '/filter/subject'],
    [{ filter: { ref: 'loan' }, subscription: 'book' }, '/filter/ref/0'],
    [{ filter: { receivedAfter: 'yesterday' }, subscription: 'book' }, '/filter/receivedAfter'],
    [{ filter: { receivedBefore: 5 }, subscription: 'book' }, '/filter/receivedBefore'],
  ])('%j', async (body, pointer) => {
    for (const dry of [false, true]) {
      const given =
        typeof body === 'string' || 'dryRun' in (body as object) ? body : { ...(body as object), dryRun: dry }
      expectProblem(await post('/replays', given), 400, 'bad_request', pointer)
    }
  })

  test('a key that is none', async () => {
    const body = { filter: {}, subscription: 'book' }
    for (const key of ['', 'a b', 'x'.repeat(256)]) {
      const answer = await post('/replays', body, { 'idempotency-key': key })
      expectProblem(answer, 400, 'bad_request', 'Idempotency-Key')
    }
  })

  test.each(['rpl_0', replayId(4_000_000_000), `rpl_${'z'.repeat(26)}`, '__proto__', '%00'])(
    'no such replay: %s',
    async id => {
      expectProblem(await gateway.api(`/replays/${id}`), 404, 'not_found')
      expectProblem(await post(`/replays/${id}/cancel`), 404, 'not_found')
      expectProblem(await post(`/events/${id}/replay`), 404, 'not_found')
    },
  )

  test('members and parameters that there are not', async () => {
    const { id } = (await post('/replays', { filter: { source: 'second' }, subscription: 'book' })).json as Shown
    expect((await ended(id)).matched).toBe(0)
    expectProblem(await post(`/replays/${id}/cancel`, { now: true }), 400, 'bad_request', '/now')
    expectProblem(await gateway.api(`/replays/${id}?full=1`), 400, 'bad_request', 'full')
    expectProblem(await post('/replays?dryRun=true', {}), 400, 'bad_request', 'dryRun')
  })
})

test('a dry run ends when whoever asked for it goes away, and the next one has its turn', async () => {
  const { deliveries } = gateway.gateway.store
  const { filtered } = deliveries
  const { promise: free, resolve: release } = Promise.withResolvers<void>()
  const steps: string[] = []
  deliveries.filtered = async (filter, ...rest) => {
    const [source = 'any'] = filter.source ?? []
    steps.push(source)
    if (source === 'any') return filtered(filter, ...rest)
    await free
    return { events: [], position: 0 }
  }
  const closed = closings('/replays')
  const leaving = new AbortController()
  try {
    const body = JSON.stringify({ filter: { source: 'nobody' }, subscription: 'book', dryRun: true })
    const headers = { authorization: `Bearer ${gateway.gateway.token}` }
    const gone = fetch(`${gateway.gateway.adminUrl}/api/v1/replays`, {
      method: 'POST',
      body,
      headers,
      signal: leaving.signal,
    })
    await until('it looks', () => steps.length === 1)
    leaving.abort()
    await expect(gone).rejects.toThrow('abort')
    await until('it has gone', () => closed.count === 1)
    release()
    expect(await dryRun({})).toMatchObject({ complete: true })
    expect(steps.slice(0, 3), 'one step for nobody').toEqual(['nobody', 'any'])
  } finally {
    release()
    closed.stop()
    deliveries.filtered = filtered
  }
})

test('an empty log replays nothing, and says so', async () => {
  const empty = await startTestGateway({
    config: { sources: { plain: plain() }, subscriptions: { book: { to: http({ url: book.url }) } } },
  })
  try {
    const ask = (body: object) => empty.api('/replays', { method: 'POST', body: JSON.stringify(body) })
    const dry = await ask({ filter: {}, subscription: 'book', dryRun: true })
    expect(dry.json).toMatchObject({ matched: 0, complete: true, sample: [] })
    const { id } = (await ask({ filter: {}, subscription: 'book' })).json as Shown
    const shown = async () => (await empty.api(`/replays/${id}`)).json as Shown
    await until('it is done', async () => (await shown()).state === 'done')
    expect(await shown()).toMatchObject({ matched: 0, lookedAt: 0 })
  } finally {
    await empty.close()
  }
})
