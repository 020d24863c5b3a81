import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { embarc } from '../../adapters/embarc/index.ts'
import { unverified } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { catalogue, type Envelope, isCatalogueType } from '../../src/event.ts'
import { Inbound } from '../../src/ingest/request.ts'
import { eventsOf, normaliseOptions, testAdapter } from '../contract/adapter.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const currency = 'USD'
const byToken = embarc({ check: pathToken('t0ken-in-path'), currency })
const open = embarc({ check: unverified('the fixture carries no credential'), currency })
const signed = embarc({
  check: hmac({ header: 'X-Embarc-Signature', secret: keys.embarc.optionalHmacSecret }),
  currency,
})

testAdapter({
  vendor: 'embarc',
  sourceName: 'embarc',
  sampled: byToken,
  cases: [
    { name: 'CLIENT.CREATE', source: byToken, hasPathToken: true, expect: 'accept' },
    { name: 'CLIENT.CREATE.form', source: byToken, hasPathToken: true, expect: 'accept' },
    { name: 'CLIENT.CREATE.failed-status-exception', source: byToken, hasPathToken: true, expect: 'accept' },
    { name: 'LOAN.APPROVE', source: byToken, hasPathToken: true, expect: 'accept' },
    { name: 'CLIENT.CREATE.doc', source: open, expect: 'accept' },
    { name: 'CLIENT.CREATE.legacy-mifos-headers', source: open, expect: 'accept' },
    { name: 'CLIENT.CREATE.signed-assumed', source: signed, expect: 'accept' },
    { name: 'CLIENT.CREATE.legacy-mifos-headers', source: signed, expect: 'reject' },
    { name: 'CLIENT.CREATE.doc', source: byToken, expect: 'reject' },
  ],
})

type Event = Envelope & { data: Record<string, unknown> }

function requestOf(body: object | string, headers: Record<string, string> = {}): Inbound {
  return new Inbound({
    method: 'POST',
    rest: '',
    query: '',
    headers: Object.entries(headers),
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    receivedAt: 0,
    address: '::1',
  })
}

function eventOf(body: object | string, headers: Record<string, string> = {}, source = byToken): Event {
  const events = eventsOf(source, 'embarc', requestOf(body, headers))
  if ('notUnderstood' in events) throw new Error(events.notUnderstood)
  return events[0] as Event
}

function draftOf(body: object | string, headers: Record<string, string> = {}, source = byToken) {
  const result = source.adapter.normalise(requestOf(body, headers), normaliseOptions(source, 'embarc'))
  if ('notUnderstood' in result) throw new Error(result.notUnderstood)
  return result.drafts[0]
}

const loan = (actionName: string, response?: object, request: object = {}) => ({
  entityName: 'LOAN',
  actionName,
  createdBy: 12,
  timestamp: '2025-10-14T09:00:00Z',
  request,
  ...(response === undefined ? {} : { response }),
})
const done = { loanId: 555, resourceId: 555, clientId: 9876 }

describe('embarc: outcomes', () => {
  const body = JSON.parse(fixture('embarc', 'CLIENT.CREATE').body)

  test('a command without a response, as failed ones are since Fineract 1.9, is unconfirmed and never a created client', () => {
    const { response: _, clientId: __, officeId: ___, ...rest } = body
    const event = eventOf(rest)
    expect(event.type).toBe('command.unconfirmed')
    expect(event.data).toMatchObject({ outcome: 'unknown', entity: 'CLIENT', action: 'CREATE' })
    expect(event.subject).toBeUndefined()
  })

  test.each([
    ['null', null],
    ['an empty object', {}],
    ['only an office', { officeId: 3 }],
    ['only changes', { changes: { status: { code: 'loanStatusType.approved' } } }],
    ['a null id', { resourceId: null }],
    ['an empty id', { resourceId: '' }],
    ['a list', [9876]],
    ['a rolled back result', { resourceId: 9876, rollbackTransaction: true }],
  ])('a response that is %s is not good', (_, response) => {
    const event = eventOf({ ...body, response })
    expect(event.type).toBe('command.unconfirmed')
    expect(event.data).not.toHaveProperty('status')
  })

  test.each([
    ['an error beside an identifier', { response: { resourceId: 9876, errorCode: 2001 } }],
    ['errors beside an identifier', { response: { resourceId: 9876, errors: [{ developerMessage: 'no' }] } }],
    ['the status Exception beside a good response', { status: 'Exception' }],
    ['the status Exception and no response', { status: 'Exception', response: undefined }],
  ])('%s is a failed command', (_, change) => {
    expect(eventOf({ ...body, ...change }).type).toBe('command.failed')
  })

  test('a failed approval carries neither status nor amount', () => {
    const event = eventOf(loan('APPROVE', { errorCode: 1, httpStatusCode: '400' }, { approvedLoanAmount: 5 }))
    expect(event.type).toBe('command.failed')
    expect(event.data).not.toHaveProperty('amount')
    expect(event.data).not.toHaveProperty('status')
    expect(event.data.error).toEqual({ code: '1', status: '400' })
  })
})

describe('embarc: headers', () => {
  const { body, headers } = fixture('embarc', 'LOAN.APPROVE')

  test('the body wins over a header that says otherwise, and the event is flagged', () => {
    const event = eventOf(body, { ...headers, 'X-Fineract-Action': 'REJECT' })
    expect(event.type).toBe('loan.status_changed')
    expect(event.vendortype).toBe('LOAN.APPROVE')
    expect(event.data.flags).toEqual(['headers_disagree'])
  })

  test('headers that agree, in whatever case, or say nothing flag nothing', () => {
    expect(eventOf(body, { 'X-Fineract-Entity': 'loan', 'X-Fineract-Action': 'APPROVE' }).data).not.toHaveProperty(
      'flags',
    )
    expect(eventOf(body).data).not.toHaveProperty('flags')
  })

  test('without a name in body and headers it is not understood', () => {
    expect(byToken.adapter.normalise(requestOf({ resourceId: 1 }), normaliseOptions(byToken, 'embarc'))).toHaveProperty(
      'notUnderstood',
    )
  })

  test('a result alone takes X-Fineract headers too, and its own word for success', () => {
    const names = { 'X-Fineract-Entity': 'LOAN', 'X-Fineract-Action': 'APPROVE' }
    expect(eventOf({ loanId: 555, resourceId: 555 }, names)).toMatchObject({
      type: 'loan.status_changed',
      subject: 'loan/555',
      data: { status: { current: 'approved', phase: 'approved', raw: 'APPROVE' } },
    })
    expect(eventOf({ officeId: 3 }, names).type).toBe('command.unconfirmed')
  })
})

describe('embarc: tenants', () => {
  const { body } = fixture('embarc', 'LOAN.APPROVE')
  const tenant = (name: string) => ({ 'Fineract-Platform-TenantId': name })
  const own = embarc({ check: pathToken('t'), tenant: 'acme' })

  test('a tenant that is neither the default nor the source’s own has its own namespace', () => {
    expect(draftOf(body, tenant('other'), own)).toMatchObject({ tenant: 'other', data: { tenant: 'other' } })
    expect(draftOf(body, tenant('acme'), own).tenant).toBeUndefined()
    expect(draftOf(body, tenant('default'), own).tenant).toBeUndefined()
    expect(draftOf(body, {}, own)).toMatchObject({ data: { tenant: 'acme' } })
    expect(draftOf(body).data).not.toHaveProperty('tenant')
  })

  test('the same bytes of two tenants are two events, those of one are one', () => {
    const ids = ['a', 'b', 'b'].map(name => eventOf(body, tenant(name)).id)
    expect(ids[0]).not.toBe(ids[1])
    expect(ids[1]).toBe(ids[2])
  })
})

test('embarc: two actions on one loan in one second, and two payments of one second, are two events', () => {
  const ids = [
    loan('APPROVE', done),
    loan('DISBURSE', done),
    loan('REPAYMENT', { ...done, resourceId: 7 }),
    loan('REPAYMENT', { ...done, resourceId: 8 }),
  ].map(body => eventOf(body).id)
  expect(new Set(ids).size).toBe(4)
})

describe('embarc: forms', () => {
  const { body } = fixture('embarc', 'CLIENT.CREATE.form')
  const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
  const names = { entityName: 'LOAN', actionName: 'REPAYMENT', timestamp: '2025-10-14T09:00:00Z' }

  test('spaces may be sent as plus signs', () => {
    const event = eventOf(body.replaceAll('%20', '+'))
    expect(event).toMatchObject({ type: 'client.created', data: { actor: { name: 'John Doe' } } })
  })

  test('the response’s identifiers are read, from ten million on with an exponent', () => {
    const event = eventOf(
      form({ ...names, response: '{clientId=1.2345678E7, loanId=555.0, resourceId=7.0, changes={a=b}}' }),
    )
    expect(event).toMatchObject({ type: 'payment.received', subject: 'loan/555' })
    expect(event.data.refs).toEqual({ client: '12345678', loan: '555', payment: '7' })
  })

  test('a value that pretends to be an identifier is none', () => {
    const event = eventOf(form({ ...names, response: '{changes={note=x}, note=hello, loanId=1.0, resourceId=1.0}' }))
    expect(event.type).toBe('command.unconfirmed')
    expect(event.data.refs).toEqual({})
  })

  test('a failed command in a form keeps the response as text', () => {
    const response = '{developerMessage=The request was invalid., errorCode=2001.0}'
    const event = eventOf(form({ ...names, status: 'Exception', response }))
    expect(event).toMatchObject({ type: 'command.failed', data: { error: { message: response } } })
  })

  test('a form without a response is unconfirmed', () => {
    expect(eventOf(form(names)).type).toBe('command.unconfirmed')
  })
})

describe('embarc: amounts', () => {
  const amount = (request: object, action = 'DISBURSE') => eventOf(loan(action, done, request)).data.amount

  test('exponents are expanded and digits kept', () => {
    const body = JSON.stringify(loan('DISBURSE', done, { transactionAmount: 'X' })).replace(
      '"X"',
      '9007199254740993.10',
    )
    expect(eventOf(body).data.amount).toEqual({ value: '9007199254740993.10', currency: 'USD' })
    expect(eventOf(body.replace('9007199254740993.10', '1.25E7')).data.amount).toMatchObject({ value: '12500000' })
  })

  test('a text is read only where its locale leaves no doubt', () => {
    expect(amount({ transactionAmount: '1500', locale: 'de' })).toMatchObject({ value: '1500' })
    expect(amount({ transactionAmount: '1500.25', locale: 'en' })).toMatchObject({ value: '1500.25' })
    expect(amount({ transactionAmount: '1500.25', locale: 'en_GB' })).toMatchObject({ value: '1500.25' })
    expect(amount({ transactionAmount: '1.500', locale: 'de' })).toBeUndefined()
    expect(amount({ transactionAmount: '1,500.25', locale: 'en' })).toBeUndefined()
  })

  test('without the option there is no currency', () => {
    const source = embarc({ check: pathToken('t') })
    expect(eventOf(loan('CREATE', done, { principal: 5 }), {}, source).data.amount).toEqual({ value: '5' })
  })
})

describe('embarc: statuses', () => {
  const status = (said: unknown, action = 'APPROVE') =>
    eventOf(loan(action, { ...done, changes: { status: said } })).data.status

  test('the response’s word goes before the table’s', () => {
    const closed = { id: 601, code: 'loanStatusType.closed.written.off', value: 'Closed (written off)' }
    expect(status(closed, 'CLOSE')).toEqual({
      current: 'closed_written_off',
      phase: 'closed',
      raw: 'Closed (written off)',
    })
    expect(status(undefined, 'CLOSE')).toEqual({ current: 'closed', phase: 'closed', raw: 'CLOSE' })
  })

  test('a number is looked up, and named by its code where it is unknown', () => {
    expect(status(700)).toEqual({ current: 'overpaid', phase: 'active', raw: '700' })
    expect(status({ id: 999 })).toEqual({ current: 'code_999', phase: 'other', raw: '999' })
  })

  test('a repayment that closes a loan says so, and stays a payment', () => {
    const changes = { status: { code: 'loanStatusType.closed.obligations.met', value: 'Closed (obligations met)' } }
    expect(eventOf(loan('REPAYMENT', { ...done, resourceId: 7, changes }, { transactionAmount: 5 }))).toMatchObject({
      type: 'payment.received',
      subject: 'loan/555',
      data: { refs: { loan: '555', payment: '7' }, amount: { value: '5' }, status: { phase: 'closed' } },
    })
  })
})

test('embarc: a repayment’s resource is the transaction, never the loan', () => {
  const event = eventOf(loan('REPAYMENT', { resourceId: 7, clientId: 9876 }))
  expect(event.subject).toBe('client/9876')
  expect(event.data.refs).toEqual({ payment: '7', client: '9876' })
})

test('embarc: a result names its client where the body does not', () => {
  const event = eventOf({ entityName: 'CLIENT', actionName: 'ACTIVATE', response: { resourceId: 9876 } })
  expect(event).toMatchObject({ type: 'client.status_changed', subject: 'client/9876' })
})

test('embarc: part of a name is no name', () => {
  const update = { entityName: 'CLIENT', actionName: 'UPDATE', response: { resourceId: 1 } }
  expect(eventOf({ ...update, request: { lastname: 'Martinez' } }).data).not.toHaveProperty('name')
  expect(eventOf({ ...update, request: { fullname: 'Example Ltd' } }).data.name).toBe('Example Ltd')
})

describe('embarc: the reference list', () => {
  const groups: Record<string, Record<string, string[]>> = JSON.parse(
    readFileSync(new URL('../fixtures/reference/fineract-hook-events.json', import.meta.url), 'utf8'),
  )
  const pairs = Object.values(groups).flatMap(entities =>
    Object.entries(entities).flatMap(([entity, actions]) => actions.map(action => [entity, action] as const)),
  )
  const known = pairs.filter(([entity]) => entity === 'LOAN' || entity === 'CLIENT')

  test('is as long as it was', () => {
    expect([pairs.length, known.length]).toEqual([415, 46])
  })

  test.each(known)('%s %s has a catalogue type, and its subject', (entityName, actionName) => {
    const event = eventOf({
      entityName,
      actionName,
      response: entityName === 'LOAN' ? done : { clientId: 9, resourceId: 9 },
    })
    if (!isCatalogueType(event.type)) throw new Error(`fell through to ${event.type}`)
    expect(catalogue[event.type].strict().safeParse(event.data).error?.issues ?? []).toEqual([])
    expect(event.subject).toBe(entityName === 'LOAN' ? 'loan/555' : 'client/9')
    const status = event.data.status as { phase: string } | undefined
    expect(status === undefined).toBe(!event.type.endsWith('status_changed'))
    if (!actionName.includes('TRANSFER')) expect(status?.phase).not.toBe('other')
  })

  test('every other pair becomes a type of its own', () => {
    for (const [entityName, actionName] of pairs) {
      if (entityName === 'LOAN' || entityName === 'CLIENT') continue
      const event = eventOf({ entityName, actionName, response: { resourceId: 4, loanId: 555 } })
      expect(event.type).toMatch(/^embarc\.[a-z0-9_]+\.[a-z0-9_]+$/)
      expect(event.vendortype).toBe(`${entityName.trim()}.${actionName}`)
      expect(event.subject).toBe('loan/555')
    }
  })

  test('an action that nobody listed is an event all the same, and its resource is not taken for the loan', () => {
    const event = eventOf(loan('CHARGEOFF', { resourceId: 7, clientId: 9876 }))
    expect(event).toMatchObject({ type: 'embarc.loan.chargeoff', subject: 'client/9876' })
    expect(event.data.refs).toEqual({ client: '9876' })
    expect(eventOf(loan('constructor', done)).type).toBe('embarc.loan.constructor')
  })
})

test('embarc: the URL to enter ends in a slash, or Fineract refuses it', () => {
  const steps = byToken.adapter.setup('https://hooks.example/hooks/embarc/t0ken', byToken.options)
  expect(steps.join('\n')).toContain('https://hooks.example/hooks/embarc/t0ken/\n')
})

test('embarc: a path token is read before the rest, and a wrong one is refused', async () => {
  const request = inbound(
    { ...fixture('embarc', 'CLIENT.CREATE'), path: '/hooks/embarc/wrong/' },
    { hasPathToken: true },
  )
  const check = byToken.check as Extract<typeof byToken.check, { verify: unknown }>
  expect(await check.verify(request)).toMatchObject({ ok: false, refusal: 'not_found' })
})
