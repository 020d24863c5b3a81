// GET /events/stream: what it sends, to whom, from where, and how it tells that it is there.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EventStreamParser, type ReaderOptions, StreamReader } from '../support/event-stream.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { send } from '../support/http.ts'
import { type PlainEvent, plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'

const day = 86_400_000
const start = Date.parse('2026-03-01T12:00:00.000Z')
const sources = { core: plain({ vendor: 'core_bank' }), desk: plain({ vendor: 'desk' }) }

/** Sent in this order, a quarter of a minute apart. */
const sent: [source: string, event: Partial<PlainEvent>][] = [
  ['core', { type: 'loan.created', subject: 'loan/1', refs: { loan: '1', application: 'A' } }],
  ['core', { type: 'loan.updated', vendortype: 'Loan.Changed', subject: 'loan/1', refs: { loan: '1' } }],
  ['desk', { type: 'client.created', subject: 'client/1', refs: { client: '1', loan: '1' } }],
  ['desk', { type: 'desk.note', subject: 'loan/a/b c', refs: { application: 'A', note: 'a:b/c' } }],
  ['core', { type: 'loan.created', subject: 'loan/2', refs: { loan: '2', application: 'A' } }],
]
const at = (number: number) => encodeURIComponent(new Date(start + (number - 1) * 15_000).toISOString())
const filters = [
  '',
  '&source=core',
  '&source=c*&source=nobody',
  '&vendor=desk',
  '&type=loan.*',
  '&type=*.created',
  '&type=*.created&source=core',
  '&vendorType=Loan.*',
  '&subject=loan/1',
  '&subject=loan/a/b%20c',
  '&ref=loan:1',
  '&ref=loan:1&ref=application:A',
  '&ref=note:a:b/c',
  '&subject=client/1&ref=loan:1',
  `&receivedAfter=${at(3)}`,
  `&receivedAfter=${at(2)}&receivedBefore=${at(4)}`,
  '&type=nothing',
]

let gateway: TestGateway
let timers: HeldTimers
let now = start
const opened: StreamReader[] = []
beforeAll(async () => {
  timers = new HeldTimers()
  gateway = await startTestGateway({ config: { sources }, clock: { now: () => now }, readers: { timers } })
})
afterAll(async () => {
  for (const reader of opened) reader.cut()
  await gateway.close()
})

async function open(query = '', options: Partial<ReaderOptions> = {}): Promise<StreamReader> {
  const reader = await StreamReader.open(gateway.gateway.adminUrl, { token: testToken, query, ...options })
  opened.push(reader)
  return reader
}
const text = (number: number) => String(number).padStart(16, '0')
let keys = 0
async function post(...events: Partial<PlainEvent>[]): Promise<string[]> {
  const answer = await gateway.post('/hooks/core', plainBody(...events.map(each => ({ key: `k${++keys}`, ...each }))))
  expect(answer.status, answer.text).toBe(200)
  const { id, events: several } = answer.json as { id: string; events?: { id: string }[] }
  return several?.map(each => each.id) ?? [id]
}
async function head(): Promise<number> {
  return (await gateway.gateway.store.extent()).head
}
/** By its heartbeat: all that matched has come before it. */
async function untilAt(reader: StreamReader, position: number): Promise<void> {
  await reader.until(`position ${position}`, () => {
    if (reader.lastEventId !== text(position)) setImmediate(() => timers.beat())
    return reader.lastEventId === text(position)
  })
}

describe('filters', () => {
  const live = new Map<string, StreamReader>()
  beforeAll(async () => {
    for (const filter of filters) live.set(filter, await open(`?${filter.slice(1)}`))
    for (const [index, [source, event]] of sent.entries()) {
      now = start + index * 15_000
      await gateway.post(`/hooks/${source}`, plainBody({ key: `f${index}`, ...event }))
    }
  })

  test.each(filters)('%s: what comes, and what was there, are what the list has', async filter => {
    const listed = (await gateway.api(`/events?after=0${filter}`)).json as { items: { sequence: string }[] }
    const past = await open(`?after=0${filter}`)
    await untilAt(live.get(filter)!, sent.length)
    await untilAt(past, sent.length)
    for (const reader of [live.get(filter)!, past]) {
      expect(reader.parser.events.map(({ data }) => JSON.parse(data))).toEqual(listed.items)
      expect(reader.parser.events.map(({ lastEventId }) => lastEventId)).toEqual(
        listed.items.map(({ sequence }) => sequence),
      )
    }
  })
})

describe('what is sent', () => {
  test('the head says that nothing may keep it or hold it back', async () => {
    const reader = await open()
    expect([reader.status, reader.headers]).toEqual([
      200,
      expect.objectContaining({
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      }),
    ])
    expect(reader.headers).not.toHaveProperty('content-length')
  })

  test('first of all when to come again and from where, so that one cut before its first event misses nothing', async () => {
    await post({})
    const reader = await open()
    await reader.until('an id', () => reader.lastEventId !== '')
    expect([reader.parser.retryMs, reader.lastEventId, reader.parser.events]).toEqual([2_000, text(await head()), []])
    reader.cut()
    await post({})
    const again = await open('', { lastEventId: reader.lastEventId })
    await again.until('what came meanwhile', () => again.sequences.length === 1)
    expect(again.sequences).toEqual([await head()])
  })

  test('events as GET /events/:id has them, of one kind for every client, under their sequence', async () => {
    const reader = await open()
    const [first, second] = (await post({ type: 'loan.created', subject: 'loan/9' }, { type: 'plain.happened' })) as [
      string,
      string,
    ]
    await reader.until('both', () => reader.sequences.length === 2)
    for (const [index, id] of [first, second].entries()) {
      const event = (await gateway.api(`/events/${id}`)).json as { sequence: string }
      expect(reader.parser.events[index]).toMatchObject({ type: 'message', lastEventId: event.sequence })
      expect(JSON.parse(reader.parser.events[index]!.data)).toEqual(event)
    }
  })

  test.each([
    ['lines', '[{"key":"lines",\n\n  "type":"loan.created",\r\n"data":{"n":1.50}}]\r'],
    ['lines that are empty', '[{"key":"empty",\n\n"type":"loan.created"}\r\r\n\n]'],
    ['line separators of other kinds', '[{"key":"\u2028\u2029\u0085","type":"loan.created"}]'],
  ])('an original with %s is one event', async (_, body) => {
    const [live, plainly] = [await open('?include=original'), await open()]
    await gateway.post('/hooks/core', body)
    await live.until('the event', () => live.sequences.length === 1)
    await plainly.until('the event', () => plainly.sequences.length === 1)
    const listed = (await gateway.api(`/events?include=original&limit=1`)).json as { items: unknown[] }
    expect(JSON.parse(live.parser.events[0]!.data)).toEqual(listed.items[0])
    expect(live.parser.events[0]!.data).toContain(body.replaceAll(/\r\n|\r/g, '\n'))
    expect(JSON.parse(plainly.parser.events[0]!.data)).not.toHaveProperty('data.original')
    const past = await open(`?include=original&after=${(await head()) - 1}`)
    await past.until('the event', () => past.sequences.length === 1)
    expect(past.parser.events).toEqual(live.parser.events)
  })

  test('HEAD has the head alone', async () => {
    const reader = await open('?after=0', { method: 'HEAD' })
    expect([reader.status, reader.headers['content-type'], await reader.over(), reader.text]).toEqual([
      200,
      'text/event-stream',
      'end',
      '',
    ])
    expect((await open('?after=99999', { method: 'HEAD' })).status).toBe(410)
  })
})

describe('a heartbeat', () => {
  test('moves the position of a reader whose filter takes nothing, and is no event', async () => {
    const reader = await open('?type=nothing')
    await reader.until('its first id', () => reader.lastEventId !== '')
    const [began, comments] = [reader.lastEventId, reader.parser.comments]
    await post({}, {}, {})
    await untilAt(reader, Number(began) + 3)
    expect([reader.parser.events, reader.parser.comments > comments]).toEqual([[], true])
  })

  test('comes in one block of every interval while nothing happens', async () => {
    const reader = await open()
    await reader.until('its beginning', () => reader.parser.comments === 1)
    const before = reader.text
    timers.beat()
    await reader.until('a heartbeat', () => reader.parser.comments === 2)
    expect(reader.text.slice(before.length)).toBe(`:\nid: ${text(await head())}\n\n`)
  })
})

describe('where it begins', () => {
  test('after=0 with all there is, after= and Last-Event-ID behind theirs, which counts for more', async () => {
    const last = await head()
    const cases: [query: string, lastEventId: string | undefined, first: number][] = [
      ['?after=0', undefined, 1],
      ['?after=3', undefined, 4],
      [`?after=${text(3)}`, undefined, 4],
      ['', text(3), 4],
      ['', '3', 4],
      ['?after=1', text(3), 4],
      ['?after=3', text(1), 2],
      ['?after=3', '', 4],
      ['?after=3', text(0), 1],
    ]
    for (const [query, lastEventId, first] of cases) {
      const reader = await open(query, lastEventId === undefined ? {} : { lastEventId })
      await reader.until('the last', () => reader.sequences.at(-1) === last)
      const expected = Array.from({ length: last - first + 1 }, (_, index) => first + index)
      expect([query, lastEventId, reader.sequences]).toEqual([query, lastEventId, expected])
      reader.cut()
    }
  })

  test.each([
    ['?after=99999', undefined, 'after'],
    ['', '99999', 'Last-Event-ID'],
    ['?after=1', '99999', 'Last-Event-ID'],
  ])('%s with Last-Event-ID %s is of another log', async (query, lastEventId, parameter) => {
    const answer = await gateway.api(`/events/stream${query}`, {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    })
    expectProblem(answer, 410, 'position_gone', parameter)
  })
})

describe('what is refused', () => {
  test.each([
    ['?limit=5', 'limit'],
    ['?order=oldest', 'order'],
    ['?cursor=x', 'cursor'],
    ['?wait=5', 'wait'],
    ['?after=-1', 'after'],
    ['?after=1&after=2', 'after'],
    ['?include=everything', 'include'],
    ['?typo=loan.*', 'typo'],
    [`?token=${testToken}`, 'token'],
  ])('%s', async (query, parameter) => {
    expectProblem(await gateway.api(`/events/stream${query}`), 400, 'bad_request', parameter)
  })

  test.each(['abc', '-1', '1.5', '99999999999999999', '9007199254740993', '1,2', 'evt_1'])(
    'Last-Event-ID %s',
    async lastEventId => {
      const answer = await gateway.api('/events/stream', { headers: { 'last-event-id': lastEventId } })
      expectProblem(answer, 400, 'bad_request', 'Last-Event-ID')
    },
  )

  test('without the token, and with it in the query', async () => {
    for (const query of ['', `?token=${testToken}`, `?access_token=${testToken}`]) {
      expectProblem(await send(gateway.url, `/api/v1/events/stream${query}`), 401, 'unauthenticated')
    }
  })

  test('other methods', async () => {
    const answer = await gateway.api('/events/stream', { method: 'POST', body: '{}' })
    expectProblem(answer, 405, 'method_not_allowed')
    expect(answer.headers.allow).toBe('GET, HEAD')
  })
})

describe('retention', () => {
  test('a position that it has overtaken is 410, from the header too', async () => {
    const aged = await startTestGateway({ config: { sources }, clock: { now: () => now } })
    try {
      now = start
      for (const key of ['1', '2', '3']) await aged.post('/hooks/core', plainBody({ key }))
      now = start + 100 * day
      await aged.post('/hooks/core', plainBody({ key: '4' }))
      await aged.gateway.store.expire(new Map(), start + day, now, new AbortController().signal)
      expectProblem(await aged.api('/events/stream?after=2'), 410, 'position_gone', 'after')
      const headers = { 'last-event-id': text(2) }
      const problem = expectProblem(
        await aged.api('/events/stream', { headers }),
        410,
        'position_gone',
        'Last-Event-ID',
      )
      expect(problem.errors[0]!.detail).toContain('read on from 3')
      const reader = await StreamReader.open(aged.gateway.adminUrl, { token: testToken, query: '?after=3' })
      await reader.until('the one that is kept', () => reader.sequences.length === 1)
      reader.cut()
    } finally {
      await aged.close()
      now = start
    }
  })
})

test('the parser reads what the standard has it read', () => {
  const parser = new EventStreamParser()
  for (const piece of ['\ufeffid: 1\r', '\ndata:a\rdata: b\n\nevent: x\ndata\n', '\n:\nid: 2\n\nid\n\ndata: c\n']) {
    parser.push(piece)
  }
  expect(parser.events).toEqual([
    { type: 'message', data: 'a\nb', lastEventId: '1' },
    { type: 'x', data: '', lastEventId: '1' },
  ])
  expect([parser.lastEventId, parser.comments]).toEqual(['', 1])
})
