// `postern/testing`, as users' own tests use it: made events, events from vendors' samples, and handlers run here.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, expectTypeOf, test, vi } from 'vitest'
import { arix, ballerine, banclo, embarc, generic, receeve } from '../adapters/index.ts'
import { catalogue, catalogueTypes, type EventOf } from '../src/event.ts'
import { type Handler, lazy, secret, unverified } from '../src/index.ts'
import { eventFrom, makeEvent, runHandler } from '../src/testing.ts'

const check = unverified('a test')

describe('a made event', () => {
  test('is a whole event of its type, with what was given', () => {
    const event = makeEvent('loan.created', {
      environment: 'sandbox',
      data: { refs: { loan: 'K0Z1Q' }, amount: { value: '250000', currency: 'EUR' } },
    })
    expectTypeOf(event).toEqualTypeOf<EventOf<'loan.created'>>()
    expect(event).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^evt_[0-9a-z]{26}$/),
      source: '/sources/test',
      type: 'loan.created',
      subject: 'loan/K0Z1Q',
      time: '2024-01-15T15:45:00.000Z',
      datacontenttype: 'application/json',
      dataschema: 'urn:postern:schema:loan.created:1',
      vendor: 'test',
      vendortype: 'loan.created',
      environment: 'sandbox',
      receivedtime: '2024-01-15T15:45:00.000Z',
      sequence: expect.stringMatching(/^\d{16}$/),
      data: { refs: { loan: 'K0Z1Q' }, amount: { value: '250000', currency: 'EUR' } },
    })
  })

  test('has an id and a place of its own', () => {
    const [one, two] = [makeEvent('loan.created'), makeEvent('loan.created')]
    expect(one.id).not.toBe(two.id)
    expect(one.sequence < two.sequence).toBe(true)
    expect('subject' in one).toBe(false)
    expect(makeEvent('loan.created', { subject: 'loan/1', vendor: 'banclo' })).toMatchObject({
      subject: 'loan/1',
      vendor: 'banclo',
    })
  })

  test('may be of a type that is in no catalogue', () => {
    const event = makeEvent('custom.core.moved', { data: { anything: 1 } })
    expectTypeOf(event.type).toEqualTypeOf<'custom.core.moved'>()
    expect(event).toMatchObject({ type: 'custom.core.moved', data: { refs: {}, anything: 1 } })
    expect(event).not.toHaveProperty('dataschema')
  })

  test('that does not fit its schema is refused, and the field is named', () => {
    expect(() => makeEvent('loan.status_changed')).toThrow(/^makeEvent: data\.status of loan\.status_changed: /)
    // @ts-expect-error an amount is text
    const amount = () => makeEvent('loan.created', { data: { amount: { value: 5 } } })
    expect(amount).toThrow(/^makeEvent: data\.amount\.value of loan\.created: /)
    // @ts-expect-error there is no such field
    expect(() => makeEvent('loan.created', { data: { amuont: 1 } })).toThrow(/amuont/)
    const phase = { current: 'bid', phase: 'never', raw: 'BID' }
    // @ts-expect-error there is no such phase
    expect(() => makeEvent('loan.status_changed', { data: { status: phase } })).toThrow(/data\.status\.phase/)
    expect(() => makeEvent('custom.core.moved', { data: { refs: { loan: 1 as unknown as string } } })).toThrow(
      /data\.refs\.loan/,
    )
  })

  test('can carry the vendor’s own content', () => {
    expect(makeEvent('loan.created', { data: { original: { id: 1 } } }).data.original).toEqual({ id: 1 })
  })
})

describe('an event from a vendor’s sample', () => {
  const sources = [
    banclo({ check }),
    embarc({ check, currency: 'USD' }),
    ballerine({ check }),
    arix({ partner: 'TST', check }),
    receeve({ check }),
    generic({ vendor: 'core', check, id: 'body.id', type: 'body.type' }),
  ]

  test.each(
    sources.flatMap(source =>
      source.adapter.sampleTypes.map(type => ({ source, type, vendor: source.adapter.vendor })),
    ),
  )('$vendor $type', ({ source, type, vendor }) => {
    const event = eventFrom(source, type)
    expect(event).toMatchObject({
      specversion: '1.0',
      vendor,
      source: `/sources/${vendor}`,
      data: { refs: expect.anything() },
    })
    if (catalogueTypes.includes(event.type)) {
      expect(catalogue[event.type].safeParse(event.data).error).toBeUndefined()
    }
  })

  test('is of the first type where none is said, and of the type that it is expected to be', () => {
    expect(eventFrom(banclo({ check })).type).toBe('loan.created')
    const event = eventFrom(banclo({ check }), 'loan_request.status_changed', 'loan.status_changed')
    expectTypeOf(event).toEqualTypeOf<EventOf<'loan.status_changed'>>()
    expect(event.data.status.phase).toBeTypeOf('string')
    expect(eventFrom(banclo({ check }), 'bid.accepted', 'bid.*').type).toBe('bid.accepted')
  })

  test('says what there is where there is none', () => {
    expect(() => eventFrom(banclo({ check }), 'nothing')).toThrow(
      /^eventFrom: banclo has samples of loan_request\.created, /,
    )
    expect(() => eventFrom(banclo({ check }), 'bid.accepted', 'loan.*')).toThrow(
      'the event is of the type bid.accepted, not loan.*',
    )
  })
})

describe('a handler that is run', () => {
  const loan = makeEvent('loan.created', { data: { refs: { loan: 'K0Z1Q' } } })

  test('gives its outcome, what it logged and what it called', async () => {
    const handler: Handler<'loan.*'> = async (event, { attempt, log, vendor, signal }) => {
      const response = await vendor.fetch(`/loans/${event.data.refs.loan}`, { method: 'PUT', body: 'x' })
      log.info(
        { attempt, status: response.status, aborted: signal.aborted, ...((await response.json()) as object) },
        'fetched',
      )
      log.warn('done')
    }
    const run = await runHandler(handler, loan, {
      attempt: 3,
      vendor: async (path, request) =>
        Response.json({ path, method: request.method, body: await request.text() }, { status: 201 }),
    })
    expect(run).toEqual({
      outcome: 'succeeded',
      reason: null,
      error: undefined,
      logged: [
        {
          level: 'info',
          message: 'fetched',
          fields: { attempt: 3, status: 201, aborted: false, path: '/loans/K0Z1Q', method: 'PUT', body: 'x' },
        },
        { level: 'warn', message: 'done' },
      ],
      calls: ['PUT /loans/K0Z1Q'],
    })
  })

  test('may be a module', async () => {
    const seen: string[] = []
    const module = lazy(async () => ({ default: (event: EventOf<'loan.created'>) => seen.push(event.type) }))
    expect(await runHandler(module, loan)).toMatchObject({ outcome: 'succeeded' })
    expect(seen).toEqual(['loan.created'])
    const none = lazy(async () => ({}) as { default: () => void })
    expect(await runHandler(none, loan)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('default export'),
    })
  })

  test('fails as a delivery does', async () => {
    const error = new RangeError('no such loan')
    const thrown = () => {
      throw error
    }
    expect(await runHandler(thrown, loan)).toMatchObject({
      outcome: 'failed',
      reason: 'RangeError: no such loan',
      error,
    })
    expect(await runHandler(() => Promise.reject('no'), loan)).toMatchObject({ outcome: 'failed', reason: 'threw no' })
    expect(await runHandler((_, { vendor }) => vendor.fetch('/loans'), loan)).toMatchObject({
      outcome: 'failed',
      reason: 'Error: vendor.fetch: give runHandler a `vendor` that answers',
    })
    const elsewhere: Handler<'loan.*'> = (_, { vendor }) => vendor.fetch('https://elsewhere.example')
    const run = await runHandler(elsewhere, loan, { vendor: () => new Response() })
    expect(run).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('got a whole URL') })
  })

  test('is told to end at its limit, and does not outlast it', async () => {
    const signals: AbortSignal[] = []
    const never: Handler<'loan.*'> = (_, { signal }) => {
      signals.push(signal)
      return new Promise(() => {})
    }
    expect(await runHandler(never, loan, { timeoutMs: 20 })).toMatchObject({
      outcome: 'failed',
      reason: 'not done within 20 ms',
    })
    expect(signals[0]!.aborted).toBe(true)
  })

  test('keeps its changes of the event to itself', async () => {
    const changes: Handler<'loan.created'> = event => {
      event.data.refs.loan = 'another'
    }
    await runHandler(changes, loan)
    expect(loan.data.refs.loan).toBe('K0Z1Q')
  })

  test('reads its secrets from the environment', async () => {
    vi.stubEnv('CORE_TOKEN', 'for-a-test')
    const token = secret('CORE_TOKEN')
    expect(await runHandler((_, { log }) => log.info(String(token.value.length)), loan)).toMatchObject({
      logged: [{ message: '10' }],
    })
    vi.unstubAllEnvs()
  })

  test('is given no event of another type', () => {
    const ofLoans: Handler<'loan.*'> = () => {}
    // @ts-expect-error a bid is no loan
    const wrong = () => runHandler(ofLoans, makeEvent('bid.accepted'))
    expectTypeOf(wrong).toBeFunction()
  })
})

test('the example of the documents runs', async () => {
  const root = dirname(import.meta.dirname)
  const blocks = [...readFileSync(join(root, 'docs/handlers.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
  const example = blocks.map(([, text]) => text!).find(text => text.includes("from 'postern/testing'"))
  mkdirSync(join(root, 'data'), { recursive: true })
  const folder = mkdtempSync(join(root, 'data', 'example-'))
  try {
    writeFileSync(join(folder, 'example.ts'), `${example}\nexport const ran = [good.outcome, bad.outcome]\n`)
    expect(await import(join(folder, 'example.ts'))).toMatchObject({ ran: ['succeeded', 'failed'] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('it loads no native module', () => {
  const script = `
    process.dlopen = () => { throw new Error('a native module') }
    const { makeEvent, runHandler } = await import(${JSON.stringify(new URL('../src/testing.ts', import.meta.url).href)})
    console.log((await runHandler(() => {}, makeEvent('loan.created'))).outcome)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect({ stdout, stderr }).toEqual({ stdout: 'succeeded\n', stderr: '' })
})
