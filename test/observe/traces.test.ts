// Traces with a real SDK: one trace from the request to the append and to every attempt; and without one a valid
// `traceparent` all the same. What is no valid header is ignored.
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SamplingDecision,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import fc from 'fast-check'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { basic } from '../../src/checks/basic.ts'
import { requestSpan, traceparentFor, traceparentOf, withAttemptSpan } from '../../src/observe/traces.ts'
import { eventId, type StoredEvent } from '../../src/store/record.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

const sent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const valid = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/
const traceOf = (traceparent: string) => traceparent.slice(3, 35)
const spanOf = (traceparent: string) => traceparent.slice(36, 52)

const exporter = new InMemorySpanExporter()
let decision = SamplingDecision.RECORD_AND_SAMPLED
function register() {
  const sampler = { shouldSample: () => ({ decision }), toString: () => 'as the test says' }
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
}

function stored(more: Partial<StoredEvent> = {}): StoredEvent {
  return {
    id: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
    sequence: 1,
    source: 'plain',
    vendor: 'plain',
    type: 'plain.happened',
    vendortype: 'plain.happened',
    environment: null,
    namespace: 'plain',
    subject: null,
    vendorid: null,
    vendortime: null,
    time: null,
    received: 0,
    data: '{"refs":{}}',
    sameas: null,
    traceparent: null,
    ...more,
  }
}

const attempt = { subscription: 'loan-book', delivery: 'dlv_1', number: 1, replay: null, kind: 'http' } as const
const well = { result: 'succeeded', status: 200 }

describe('a header', () => {
  const of = (...values: string[]) => traceparentOf(values.map(value => ['TraceParent', value] as const))

  test.each([
    [sent, sent],
    [
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
    ],
    // Flags that nobody knows are left out; a later version may have more behind them.
    [
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff',
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03',
    ],
    ['cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-will-be', sent],
    ['cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', sent],
    [` ${sent}\t`, sent],
  ])('%s is %s', (given, expected) => expect(of(given)).toBe(expected))

  test.each([
    '',
    'garbage',
    '00-00000000000000000000000000000000-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
    'cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more',
    '00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0',
    '00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01',
    `cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-${'x'.repeat(1_000)}`,
    `${sent}, ${sent}`,
  ])('%s is ignored', given => expect(of(given)).toBeNull())

  test('twice is none, and no header is none', () => {
    expect(of(sent, sent)).toBeNull()
    expect(
      traceparentOf([
        ['traceparen', sent],
        ['xtraceparent', sent],
      ]),
    ).toBeNull()
  })

  test('whatever it says, what comes of it is nothing or valid', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 60 }),
          fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/),
        ),
        given => {
          const made = of(given)
          if (made !== null) expect(made).toMatch(valid)
        },
      ),
    )
  })
})

describe('without an SDK', () => {
  test('the request’s own trace is stored, or none', () => {
    expect(requestSpan('plain', 'POST', [['traceparent', sent]]).traceparent).toBe(sent)
    expect(requestSpan('plain', 'POST', [['traceparent', 'nonsense']]).traceparent).toBeNull()
    expect(requestSpan('plain', 'POST', []).traceparent).toBeNull()
  })

  test('each attempt is of the stored trace, under a span of its own', async () => {
    const event = stored({ traceparent: sent })
    const seen: string[] = []
    for (const replay of [null, null, 'rpl_1']) {
      const outcome = await withAttemptSpan(event, { ...attempt, replay }, async traceparent => {
        seen.push(traceparent)
        return well
      })
      expect(outcome).toBe(well)
    }
    for (const traceparent of seen) {
      expect(traceparent).toMatch(valid)
      expect([traceOf(traceparent), traceparent.slice(-2)]).toEqual([traceOf(sent), '01'])
    }
    expect(new Set([...seen.map(spanOf), spanOf(sent)]).size).toBe(4)
  })

  test('an event of no trace has one that is named after its id', async () => {
    const seen: string[] = []
    for (const subscription of ['a', 'b']) {
      await withAttemptSpan(stored(), { ...attempt, subscription }, async traceparent => {
        seen.push(traceparent)
        return well
      })
    }
    expect(seen.map(traceOf)).toEqual(Array(2).fill('00112233445566778899aabbccddeeff'))
    expect(new Set(seen.map(spanOf)).size).toBe(2)
    // Else a subscriber that samples by its parent drops all of its own.
    expect(seen.every(traceparent => (Number.parseInt(traceparent.slice(-2), 16) & 1) === 1)).toBe(true)
  })

  test('ids of zeros, which would be invalid, are never sent', () => {
    const zeros = Buffer.alloc(16)
    expect(traceparentFor({ id: zeros, traceparent: null }, zeros.subarray(8))).toMatch(valid)
    expect(traceparentFor({ id: zeros, traceparent: sent }, zeros.subarray(8))).toMatch(valid)
  })

  test('a gateway stores what the sender says, where that is valid', async () => {
    const gateway = await startTestGateway({ config: { sources: { plain: plain() } } })
    try {
      await gateway.post('/hooks/plain', plainBody({ key: '1' }), { traceparent: sent })
      await gateway.post('/hooks/plain', plainBody({ key: '2' }), { traceparent: 'nonsense' })
      await gateway.post('/hooks/plain', plainBody({ key: '3' }))
      const { events } = await gateway.gateway.store.list({ filter: {}, order: 'oldest', limit: 10 })
      expect(events.map(({ traceparent }) => traceparent)).toEqual([sent, null, null])
    } finally {
      await gateway.close()
    }
  })
})

describe('with an SDK', () => {
  // Once, and late: a tracer that was there before must find it.
  beforeAll(register)
  beforeEach(() => {
    exporter.reset()
    decision = SamplingDecision.RECORD_AND_SAMPLED
  })
  const spans = () => exporter.getFinishedSpans()
  const named = (name: string): ReadableSpan => {
    const found = spans().filter(span => span.name === name)
    expect(found.map(span => span.name)).toEqual([name])
    return found[0]!
  }

  test('an attempt is a child of what is stored, and sends its own span on', async () => {
    let given = ''
    await withAttemptSpan(stored({ traceparent: sent }), attempt, async traceparent => {
      given = traceparent
      return { result: 'failed', status: 503 }
    })
    const span = named('deliver loan-book')
    expect(span.kind).toBe(SpanKind.CLIENT)
    expect(span.parentSpanContext).toMatchObject({ traceId: traceOf(sent), spanId: spanOf(sent), isRemote: true })
    expect(given).toBe(`00-${traceOf(sent)}-${span.spanContext().spanId}-01`)
    expect(span.status.code).toBe(SpanStatusCode.ERROR)
    expect(span.attributes).toEqual({
      'postern.subscription': 'loan-book',
      'postern.delivery': 'dlv_1',
      'postern.attempt': 1,
      'postern.event.type': 'plain.happened',
      'postern.result': 'failed',
      'http.response.status_code': 503,
    })
  })

  test('a handler’s is a consumer; a replay’s is a trace of its own with a link', async () => {
    const event = stored({ traceparent: sent })
    await withAttemptSpan(event, { ...attempt, kind: 'handler', replay: 'rpl_1' }, async () => ({
      ...well,
      status: null,
    }))
    const span = named('deliver loan-book')
    expect(span.kind).toBe(SpanKind.CONSUMER)
    expect(span.spanContext().traceId).not.toBe(traceOf(sent))
    expect(span.parentSpanContext).toBeUndefined()
    expect(span.links.map(link => link.context.traceId)).toEqual([traceOf(sent)])
    expect(span.attributes).toMatchObject({ 'postern.replay': 'rpl_1' })
    expect(span.status.code).toBe(SpanStatusCode.UNSET)
  })

  test('an attempt that throws ends its span all the same', async () => {
    const failing = withAttemptSpan(stored(), attempt, () => Promise.reject(new Error('a mistake')))
    await expect(failing).rejects.toThrow('a mistake')
    expect(spans()).toHaveLength(1)
  })

  test('what is not sampled is still sent on, and says so', async () => {
    decision = SamplingDecision.NOT_RECORD
    const { traceparent } = requestSpan('plain', 'POST', [])
    expect(traceparent).toMatch(valid)
    expect(traceparent?.slice(-2)).toBe('00')
    await withAttemptSpan(stored({ traceparent }), attempt, async given => {
      expect(traceOf(given)).toBe(traceOf(traceparent!))
      expect(given.slice(-2)).toBe('00')
      return well
    })
    expect(spans()).toEqual([])
  })

  describe('in a gateway', () => {
    let gateway: TestGateway
    beforeEach(async () => {
      gateway = await startTestGateway({
        config: {
          sources: { plain: plain(), shut: plain({ check: basic({ username: 'u', password: 'right-one' }) }) },
        },
        secrets: ['right-one'],
      })
      exporter.reset()
    })
    afterEach(() => gateway.close())

    const storedTrace = async (id: string) => {
      const { events } = await gateway.gateway.store.list({ filter: {}, order: 'newest', limit: 10 })
      return events.find(event => eventId(event.id) === id)?.traceparent
    }

    test('a request is one span, its append another below it, and the event is stored with it', async () => {
      const answer = await gateway.post('/hooks/plain', plainBody({ key: '1' }), { traceparent: sent })
      const { id } = answer.json as { id: string }
      const received = named('receive plain')
      expect(received.kind).toBe(SpanKind.SERVER)
      expect(received.parentSpanContext).toMatchObject({ traceId: traceOf(sent), spanId: spanOf(sent) })
      expect(received.attributes).toEqual({
        'postern.source': 'plain',
        'http.request.method': 'POST',
        'http.response.status_code': 200,
        'postern.verdict': 'accepted',
        'postern.event': id,
      })
      expect(named('append').parentSpanContext?.spanId).toBe(received.spanContext().spanId)
      const { traceId, spanId } = received.spanContext()
      expect(await storedTrace(id)).toBe(`00-${traceId}-${spanId}-01`)
      // Neither of them is in the event that subscribers get.
      expect((await gateway.api(`/events/${id}`)).text).not.toContain(traceId)
    })

    test('verdicts are told, and nothing of what came with the request', async () => {
      const credentials = Buffer.from('u:SECRET1').toString('base64')
      await gateway.post('/hooks/shut/SECRET2?x=SECRET3', 'SECRET4', { authorization: `Basic ${credentials}` })
      await gateway.post('/hooks/plain', 'SECRET5')
      await gateway.post('/hooks/nobody', 'SECRET6')
      const verdicts = spans()
        .map(({ attributes }) => attributes['postern.verdict'])
        .filter(Boolean)
      expect(verdicts).toEqual(['rejected', 'quarantined'])
      const told = JSON.stringify(
        spans().map(({ name, attributes, events, status, links }) => [name, attributes, events, status, links]),
      )
      expect(told).not.toMatch(/SECRET|U0VDUkVU/)
      expect(told).not.toContain(credentials)
    })
  })
})
