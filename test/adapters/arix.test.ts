import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type ArixOptions, arix } from '../../adapters/arix/index.ts'
import { basic } from '../../src/checks/basic.ts'
import { unverified } from '../../src/checks/combine.ts'
import { ipAllowlist } from '../../src/checks/ip-allowlist.ts'
import { catalogue, type Envelope, isCatalogueType } from '../../src/event.ts'
import { Inbound } from '../../src/ingest/request.ts'
import { eventsOf, normaliseOptions, testAdapter } from '../contract/adapter.ts'
import { fixture, keys } from '../contract/fixture.ts'

const withPassword = arix({ partner: 'TST', check: basic(keys.arix.basic) })
const sourceOf = (options: Partial<ArixOptions> = {}) =>
  arix({ partner: 'TST', check: unverified('the fixture carries no credential'), ...options })
const open = sourceOf()

testAdapter({
  vendor: 'arix',
  sourceName: 'arix',
  sampled: withPassword,
  cases: [
    { name: 'LoanStatusUpdated', source: open, expect: 'accept' },
    { name: 'LoanStatusUpdated.basic-auth', source: withPassword, expect: 'accept' },
    { name: 'legacy-v1.LoanStatusUpdated', source: open, expect: 'accept' },
    { name: 'ComplianceLoanFailed', source: open, expect: 'accept' },
    { name: 'LoanNoteAdded', source: open, expect: 'accept' },
    { name: 'RailUpdated', source: open, expect: 'accept' },
    { name: 'LoanSaleStatusUpdated', source: open, expect: 'accept' },
    { name: 'BatchPurchaseCompleted', source: open, expect: 'accept' },
    { name: 'LoanStatusUpdated', source: withPassword, expect: 'reject' },
  ],
})

type Event = Envelope & { data: Record<string, unknown> }
type Body = { MPLId?: string; Ignore?: boolean; content: Record<string, unknown> }

const bodyOf = (name: string): Body => JSON.parse(fixture('arix', name).body)
const changed = (name: string, content: object, wrapper: object = {}) => {
  const body = bodyOf(name)
  return { ...body, ...wrapper, content: { ...body.content, ...content } }
}

function requestOf(body: object | string, rest = '', headers: Record<string, string> = {}): Inbound {
  return new Inbound({
    method: 'POST',
    rest,
    query: '',
    headers: Object.entries(headers),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    receivedAt: 0,
    address: '::1',
  })
}

function eventOf(body: object | string, rest = '', headers: Record<string, string> = {}, source = open): Event {
  const events = eventsOf(source, 'arix', requestOf(body, rest, headers))
  if ('notUnderstood' in events) throw new Error(events.notUnderstood)
  const event = events[0] as Event
  if (isCatalogueType(event.type)) {
    expect(catalogue[event.type].strict().safeParse(event.data).error?.issues ?? []).toEqual([])
  }
  return event
}

function reasonOf(body: object | string, rest = '', headers: Record<string, string> = {}, source = open) {
  const result = source.adapter.normalise(requestOf(body, rest, headers), normaliseOptions(source, 'arix'))
  return 'notUnderstood' in result ? result.notUnderstood : undefined
}

describe('arix: which event it is', () => {
  test('the URL goes before the header, the header before the body', () => {
    const source = sourceOf({ eventHeader: 'X-Arix-Event' })
    const headers = { 'x-arix-event': 'LoanSaleStatusUpdated' }
    expect(eventOf(bodyOf('LoanNoteAdded'), 'LoanNoteAdded', headers, source).type).toBe('loan.note_added')
    expect(eventOf(bodyOf('LoanNoteAdded'), '', headers, source).type).toBe('loan.sale_status_changed')
    const legacy = { EventName: 'LoanNoteAdded', EventData: bodyOf('LoanNoteAdded').content }
    expect(eventOf(legacy, '', headers, source).type).toBe('loan.sale_status_changed')
    expect(eventOf(legacy, '', {}, source).type).toBe('loan.note_added')
  })

  test('a header that no option names is not listened to', () => {
    expect(reasonOf(bodyOf('LoanNoteAdded'), '', { 'X-Arix-Event': 'LoanNoteAdded' })).toMatch(/names the event/)
  })

  test.each(['LoanNoteAdded', 'LoanSaleStatusUpdated', 'BatchPurchaseCompleted'])(
    '%s on a shared URL is not guessed',
    name => expect(reasonOf(bodyOf(name))).toMatch(/its shape fits several/),
  )

  test.each([
    ['LoanStatusUpdated', 'loan.status_changed'],
    ['ComplianceLoanFailed', 'loan.compliance_failed'],
    ['RailUpdated', 'disbursement.status_changed'],
  ])('%s is known by its shape, and has the id that it has on its own URL', (name, type) => {
    const event = eventOf(bodyOf(name))
    expect(event).toMatchObject({ type, vendortype: name })
    expect(event.id).toBe(eventOf(bodyOf(name), name).id)
  })

  test('both spellings of a name are one event', () => {
    for (const [short, long] of [
      ['LoanStatusUpdate', 'LoanStatusUpdated'],
      ['BatchPurchaseComplete', 'BatchPurchaseCompleted'],
    ] as const) {
      const [first, second] = [eventOf(bodyOf(long), short), eventOf(bodyOf(long), long)]
      expect([first.type, first.id, first.vendortype]).toEqual([second.type, second.id, short])
    }
  })

  test('a name is known in any case', () => {
    expect(eventOf(bodyOf('RailUpdated'), 'railupdated')).toMatchObject({
      type: 'disbursement.status_changed',
      vendortype: 'RailUpdated',
    })
  })

  test('an unknown name is a type of its own', () => {
    expect(eventOf(bodyOf('LoanNoteAdded'), 'LoanRepaidEarly')).toMatchObject({
      type: 'arix.loan_repaid_early',
      vendortype: 'LoanRepaidEarly',
      subject: 'loan/e9ad35a8-a9fa-4334-995d-b1e800eb3e17',
    })
    expect(eventOf(bodyOf('LoanNoteAdded'), '__proto__').type).toBe('arix.proto')
    expect(eventOf(bodyOf('LoanNoteAdded'), 'constructor').type).toBe('arix.constructor')
  })

  test('a name whose content lacks what its type promises keeps the vendor’s type', () => {
    expect(eventOf(bodyOf('LoanNoteAdded'), 'LoanStatusUpdated').type).toBe('arix.loan_status_updated')
    expect(eventOf(changed('RailUpdated', { FundResult: null }), 'RailUpdated').type).toBe('arix.rail_updated')
  })

  test('sale and batch with one and the same content are two events', () => {
    const body = bodyOf('BatchPurchaseCompleted')
    expect(eventOf(body, 'LoanSaleStatusUpdated').id).not.toBe(eventOf(body, 'BatchPurchaseCompleted').id)
  })
})

describe('arix: the wrapper', () => {
  test('another partner’s event is not understood, and the reason names both', () => {
    expect(reasonOf(changed('LoanStatusUpdated', {}, { MPLId: 'ABC' }), 'LoanStatusUpdated')).toMatch(/ABC.*TST/)
    expect(reasonOf(changed('ComplianceLoanFailed', { MPLId: 'ABC' }), 'ComplianceLoanFailed')).toMatch(/ABC.*TST/)
    expect(reasonOf(changed('LoanStatusUpdated', {}, { MPLId: 'tst' }), 'LoanStatusUpdated')).toBeUndefined()
  })

  test('only the first version may lack a partner', () => {
    const { MPLId: _, ...body } = bodyOf('LoanStatusUpdated')
    expect(reasonOf(body, 'LoanStatusUpdated')).toMatch(/MPLId/)
    expect(reasonOf({ EventName: 'LoanStatusUpdated', EventData: body.content })).toBeUndefined()
    expect(reasonOf({ EventName: 'LoanStatusUpdated', EventData: { ...body.content, MPLId: 'ABC' } })).toMatch(/ABC/)
  })

  test('Ignore is shown, and the event is there', () => {
    const event = eventOf(changed('LoanStatusUpdated', {}, { Ignore: true }), 'LoanStatusUpdated')
    expect(event).toMatchObject({ type: 'loan.status_changed', data: { ignore: true } })
  })

  test('keys are read in any case, at every level, and values keep theirs', () => {
    const cases = [(key: string) => key.toLowerCase(), (key: string) => key.toUpperCase()]
    for (const name of ['LoanStatusUpdated', 'ComplianceLoanFailed', 'LoanNoteAdded', 'RailUpdated']) {
      const { body } = fixture('arix', name)
      const { id: _, ...expected } = eventOf(body, name)
      for (const change of cases) {
        const text = body.replace(/"(\w+)"(\s*:)/g, (_all, key: string, rest: string) => `"${change(key)}"${rest}`)
        const { id: __, ...event } = eventOf(text, name)
        expect(event).toEqual(expected)
      }
    }
  })

  test('of two keys that differ by case, the one in PascalCase counts', () => {
    const text = fixture('arix', 'RailUpdated').body.replace(
      '"FundResult":2',
      '"fundresult":0,"FundResult":2,"FUNDRESULT":1',
    )
    expect(eventOf(text, 'RailUpdated').data.status).toMatchObject({ current: 'success' })
  })

  test.each([
    '',
    '[]',
    'null',
    '{"MPLId":"TST"}',
    '{"MPLId":"TST","content":[]}',
    '{"EventName":"RailUpdated"}',
    'a=1',
  ])('a body of %j is not understood', body => expect(reasonOf(body, 'RailUpdated')).toBeTruthy())
})

describe('arix: identity', () => {
  const idOf = (content: object, name: string) => eventOf(changed(name, content), name).id
  const { id } = eventOf(bodyOf('RailUpdated'), 'RailUpdated')

  test('a loan that goes 104, 5, 104 has three events, each of them one however often it is sent', () => {
    const ids = [
      { Status: 104, TimeStamp: '2022-05-30T03:17:43.6233616+00:00' },
      { Status: 5, TimeStamp: '2022-05-30T04:00:00.0000000+00:00' },
      { Status: 104, TimeStamp: '2022-05-30T05:00:00.0000000+00:00' },
      { Status: 104, TimeStamp: '2022-05-30T05:00:00.0000000+00:00', Id: 7, DateInserted: '2022-05-30' },
    ].map(content => idOf(content, 'LoanStatusUpdated'))
    expect(new Set(ids).size).toBe(3)
    expect(ids[3]).toBe(ids[2])
  })

  test.each([
    ['RailId', 'a974ce4a-e7b3-4310-bc2b-ac6900e79b1b'],
    ['FundResult', 1],
    ['TransactionGroupId', null],
    ['ProcessedAt', '2019-12-27T07:05:09Z'],
    ['RailTransactionId', null],
    ['AmountFunded', 8501],
  ])('a rail’s event with another %s is another event', (field, value) => {
    expect(idOf({ [field]: value }, 'RailUpdated')).not.toBe(id)
  })

  test('two sets of failed rules at one time, and two notes at one time, are two events', () => {
    expect(idOf({ FailedRulesReasons: [] }, 'ComplianceLoanFailed')).not.toBe(idOf({}, 'ComplianceLoanFailed'))
    expect(idOf({ Message: 'another' }, 'LoanNoteAdded')).not.toBe(idOf({}, 'LoanNoteAdded'))
  })

  test.each([
    ['LoanStatusUpdated', 'TimeStamp', [null, '', '0001-01-01T00:00:00+00:00']],
    ['LoanStatusUpdated', 'LoanId', [null, '', '00000000-0000-0000-0000-000000000000']],
    ['ComplianceLoanFailed', 'FailedRulesReasons', [null]],
    ['LoanNoteAdded', 'Message', [null, '']],
  ])('%s: an empty %s merges nothing', (name, field, empties) => {
    for (const empty of empties) {
      expect(idOf({ [field]: empty, Marker: 1 }, name)).not.toBe(idOf({ [field]: empty, Marker: 2 }, name))
    }
  })

  test('the same note sent again, formatted anew, is the same event', () => {
    const body = bodyOf('LoanNoteAdded')
    expect(eventOf(JSON.stringify(body, null, 2), 'LoanNoteAdded').id).toBe(eventOf(body, 'LoanNoteAdded').id)
  })
})

describe('arix: content', () => {
  test('GUIDs are lower-cased in refs and subject', () => {
    const event = eventOf(
      changed('LoanStatusUpdated', { LoanId: 'C1EE19E4-791C-4F38-B581-AE6D007692A6' }),
      'LoanStatusUpdated',
    )
    expect(event.subject).toBe('loan/c1ee19e4-791c-4f38-b581-ae6d007692a6')
    expect(event.data.refs).toMatchObject({ loan: 'c1ee19e4-791c-4f38-b581-ae6d007692a6' })
    expect(event.id).toBe(eventOf(bodyOf('LoanStatusUpdated'), 'LoanStatusUpdated').id)
  })

  test('every failed rule is there', () => {
    const rules = [
      { RuleName: 'a', Rule: 'x', Data: 'y', Result: true, FailedComplianceID: 67 },
      { rulename: 'b', failedComplianceId: 68.0 },
      'odd',
      {},
    ]
    expect(
      eventOf(changed('ComplianceLoanFailed', { FailedRulesReasons: rules }), 'ComplianceLoanFailed').data.rules,
    ).toEqual([{ name: 'a', rule: 'x', data: 'y', result: true, id: '67' }, { name: 'b', id: '68' }, {}])
  })

  test('an amount keeps its digits, and has the currency of the option only', () => {
    const text = fixture('arix', 'RailUpdated').body.replace('8500.0', '9007199254740993.10')
    expect(eventOf(text, 'RailUpdated').data.amount).toEqual({ value: '9007199254740993.10' })
    expect(eventOf(text, 'RailUpdated', {}, sourceOf({ currency: 'usd' })).data.amount).toMatchObject({
      currency: 'USD',
    })
  })

  test('a time without an offset is read in the source’s timezone', () => {
    const source = sourceOf({ timezone: 'America/New_York' })
    expect(eventOf(bodyOf('LoanNoteAdded'), 'LoanNoteAdded', {}, source).time).toBe('2024-09-29T10:16:00.2828498-04:00')
  })

  test('the year 1 is no time', () => {
    const event = eventOf(changed('LoanStatusUpdated', { TimeStamp: '0001-01-01T00:00:00+00:00' }), 'LoanStatusUpdated')
    expect(event).toMatchObject({ time: '1970-01-01T00:00:00.000Z' })
    expect(event.vendortime).toBeUndefined()
  })

  test.each([
    [0, 'succeeded', 'success'],
    [1, 'failed', 'partial_failure'],
    [2, 'failed', 'funding_failed'],
    [9, 'unknown', 'code_9'],
    [undefined, 'unknown', undefined],
  ])('FundingAttemptComplete of the first version: %s is %s', (FundingResult, outcome, current) => {
    const EventData = { Id: 0, LoanId: '28f1388f-8110-4c49-8f5d-aa99010c0575', AmountFunded: 6748, FundingResult }
    const event = eventOf({
      EventName: 'FundingAttemptComplete',
      EventData: { ...EventData, Time: '2019-07-29T13:44:31.3305937' },
    })
    expect(event).toMatchObject({ type: 'loan.funding_completed', time: '2019-07-29T13:44:31.3305937Z' })
    expect(event.data).toMatchObject({ outcome, amount: { value: '6748' } })
    expect((event.data.status as { current: string } | undefined)?.current).toBe(current)
  })
})

describe('arix: the reference enums', () => {
  const enums = JSON.parse(
    readFileSync(new URL('../fixtures/reference/arix-enums.json', import.meta.url), 'utf8'),
  ) as Record<'LoanStatus' | 'FundingResult' | 'RailResultType', Record<string, string>>
  const snake = (name: string) => name.replace(/(?!^)([A-Z])/g, '_$1').toLowerCase()
  const statusOf = (name: string, field: string, value: unknown) =>
    eventOf(changed(name, { [field]: value }), name).data.status

  test.each(Object.entries(enums.LoanStatus))('LoanStatus %s is %s', (code, name) => {
    const status = statusOf('LoanStatusUpdated', 'Status', Number(code))
    expect(status).toMatchObject({ current: snake(name), raw: code })
    expect((status as { phase: string }).phase).not.toBe('other')
    // A name in the number's place is the same status.
    expect(statusOf('LoanStatusUpdated', 'Status', name)).toEqual({ ...(status as object), raw: name })
  })

  test.each(Object.entries(enums.RailResultType))('RailResultType %s is %s', (code, name) => {
    expect(statusOf('RailUpdated', 'FundResult', Number(code))).toMatchObject({ current: snake(name), raw: code })
  })

  test('a number without a name is its code', () => {
    expect(statusOf('LoanStatusUpdated', 'Status', 42)).toEqual({ current: 'code_42', phase: 'other', raw: '42' })
    expect(statusOf('RailUpdated', 'FundResult', 3)).toEqual({ current: 'code_3', phase: 'failed', raw: '3' })
    expect(statusOf('RailUpdated', 'FundResult', 5)).toEqual({ current: 'code_5', phase: 'other', raw: '5' })
  })
})

test('arix: the addresses are a preset for an allowlist, and nothing by themselves', async () => {
  expect(arix.addresses).toEqual({
    sandbox: ['66.206.202.39', '66.206.202.12'],
    production: ['66.206.202.62', '66.206.202.15'],
  })
  expect(await ipAllowlist(arix.addresses.production).verify(requestOf(''))).toMatchObject({ refusal: 'forbidden' })
})
