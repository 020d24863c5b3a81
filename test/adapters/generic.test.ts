import { describe, expect, test } from 'vitest'
import { type GenericOptions, generic } from '../../adapters/generic/index.ts'
import { apiKey } from '../../src/checks/api-key.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { type RequestSketch, request } from '../checks/request.ts'
import { eventsOf, testAdapter } from '../contract/adapter.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const check = apiKey({ header: 'x-key', key: 'k' })
const github = generic({
  vendor: 'github',
  check: hmac({ header: 'X-Hub-Signature-256', secret: keys.github.secret, prefix: 'sha256=' }),
  id: 'headers."x-github-delivery"',
  type: `join('.', [headers."x-github-event", body.action])`,
})
const stripe = generic({
  vendor: 'stripe',
  check: hmac({
    header: 'Stripe-Signature',
    secret: keys.stripe.secret,
    template: '{timestamp}.{body}',
    signatures: 't=,v1=',
    toleranceSeconds: 300,
  }),
  id: 'body.id',
  type: 'body.type',
})
const loanBook = generic({
  vendor: 'core_bank',
  check,
  currency: 'eur',
  id: 'body.event.id',
  type: `'loan.status_changed'`,
  subject: `join('/', ['loan', to_string(body.loan.id)])`,
  time: 'body.event.at',
  data: '{refs: {loan: body.loan.id}, status: body.loan.state, amount: body.loan.sum}',
})

for (const [sampled, name, receivedAt] of [
  [github, 'github-style', undefined],
  [stripe, 'stripe-style', 1_700_000_000_000],
] as const) {
  testAdapter({
    vendor: 'generic',
    sourceName: 'generic',
    sampled,
    cases: [
      { name, source: sampled, expect: 'accept', ...(receivedAt === undefined ? {} : { receivedAt }) },
      { name: 'standard-webhooks', source: sampled, expect: 'reject' },
    ],
  })
}
testAdapter({
  vendor: 'generic',
  sourceName: 'generic',
  sampled: loanBook,
  cases: [{ name: 'github-style', source: loanBook, expect: 'reject' }],
})

const mapped = (options: Partial<GenericOptions>, sketch: RequestSketch = {}) =>
  eventsOf(generic({ vendor: 'acme', check, id: 'body.id', type: 'body.type', ...options }), 'acme', request(sketch))

describe('a mapping', () => {
  test('that says a catalogue type gives an event of the catalogue', () => {
    const body = '{"event":{"id":"e1","at":1705333500},"loan":{"id":42,"state":"PRE_BID","sum":250000.50}}'
    expect(eventsOf(loanBook, 'core', request({ body }))).toMatchObject([
      {
        type: 'loan.status_changed',
        dataschema: 'urn:postern:schema:loan.status_changed:1',
        vendor: 'core_bank',
        vendortype: 'loan.status_changed',
        vendorid: 'e1',
        subject: 'loan/42',
        vendortime: '1705333500',
        time: '2024-01-15T15:45:00Z',
        data: {
          refs: { loan: '42' },
          status: { current: 'pre_bid', phase: 'other', raw: 'PRE_BID' },
          amount: { value: '250000.50', currency: 'EUR' },
        },
      },
    ])
  })

  test('whose data does not fit its catalogue type is not understood', () => {
    const cases: Partial<GenericOptions>[] = [
      { type: `'loan.status_changed'` },
      { type: `'loan.created'`, data: `{amount: 'much'}` },
      { type: `'loan.created'`, data: `'text'` },
      { type: `'anything'`, data: '{amount: `true`}' },
      { type: `'anything'`, subject: `'loan'` },
      { type: `'anything'`, id: 'length(`5`)' },
    ]
    for (const options of cases) {
      expect(mapped(options), JSON.stringify(options)).toEqual({
        notUnderstood: expect.stringMatching(/^generic\.\w+/),
      })
    }
  })

  test('sees method, path, query, headers and body', () => {
    const type = `join(':', [method, path, query.a, headers."x-one", body.b])`
    const sketch = { rest: 'x/y', query: 'a=1&a=2', headers: { 'X-One': 'h' }, body: '{"b":"c"}' }
    expect(mapped({ type }, sketch)).toMatchObject([{ vendortype: 'POST:x/y:1:h:c' }])
  })

  test('of several headers of one name sees the first, as a check does', () => {
    const twice = inbound({
      ...fixture('generic', 'github-style'),
      headers: { 'x-github-event': 'a', 'X-GitHub-Event': 'b', 'x-github-delivery': 'd' },
    })
    expect(eventsOf(github, 'generic', twice)).toMatchObject([{ vendortype: 'a.opened' }])
  })

  test('sees no header that carries a secret, nor what is redacted', () => {
    const headers = { Authorization: 'Bearer s', Cookie: 'c', 'X-Key': 'k', 'x-shown': 'yes' }
    const options = { type: `'t'`, data: '{headers: headers, body: body}', redact: ['token', '*.iban'] }
    expect(mapped(options, { headers, body: '{"token":"t","x":{"iban":"DE","y":1}}' })).toMatchObject([
      { data: { headers: { 'x-shown': 'yes' }, body: { x: { y: 1 } } } },
    ])
    expect(JSON.stringify(mapped(options, { headers }))).not.toMatch(/Bearer|"k"|"c"/)
  })

  test('takes its type from headers where the body is no JSON, and says why it finds none in it', () => {
    const form = { headers: { 'x-type': 'sms' }, body: 'From=1' }
    expect(mapped({ type: 'headers."x-type"', data: '{text: body}' }, form)).toMatchObject([
      { type: 'custom.acme.sms', data: { text: 'From=1' } },
    ])
    expect(mapped({}, form)).toEqual({ notUnderstood: expect.stringMatching(/generic\.type.*the body is not JSON/) })
    expect(mapped({}, { body: '{}' })).toEqual({ notUnderstood: 'generic.type found no type' })
  })

  test('finds nothing that the vendor did not send', () => {
    for (const id of ['body.constructor', 'headers.constructor', 'query.toString', 'headers.__proto__']) {
      expect(mapped({ id, type: `'t'` })).toMatchObject([{ type: 'custom.acme.t' }])
      expect(mapped({ id, type: `'t'` })).not.toMatchObject([{ vendorid: expect.anything() }])
    }
    const polluting = { body: '{"__proto__":{"type":"x"}}', query: '__proto__=1', headers: { constructor: 'x' } }
    expect(mapped({}, polluting)).toEqual({ notUnderstood: 'generic.type found no type' })
  })
})

describe('the id', () => {
  const idOf = (sketch: RequestSketch, options: Partial<GenericOptions> = {}) => {
    const events = mapped({ type: `headers."x-type" || 't'`, ...options }, sketch) as { id: string }[]
    return events[0]?.id
  }

  test('that is null, missing, empty or no scalar makes the content the key, so that nothing merges', () => {
    for (const id of ['null', '""', '" "', '{}', '[]', undefined]) {
      const body = (n: number) => `{"n":${n}${id === undefined ? '' : `,"id":${id}`}}`
      expect(idOf({ body: body(1) }), id).toBe(idOf({ body: body(1) }))
      expect(idOf({ body: body(1) }), id).not.toBe(idOf({ body: body(2) }))
    }
    const differing: RequestSketch[] = [
      {},
      { rest: 'a' },
      { query: 'a=1' },
      { method: 'PUT' },
      { headers: { 'x-type': 'u' } },
    ]
    expect(new Set(differing.map(sketch => idOf(sketch))).size).toBe(differing.length)
  })

  test('is the same whichever way its number is written, and keeps all its digits', () => {
    expect(idOf({ body: '{"id":7}' })).toBe(idOf({ body: '{"id":"7","x":1}' }))
    expect(idOf({ body: '{"id":9007199254740993}' })).not.toBe(idOf({ body: '{"id":9007199254740992}' }))
  })
})

describe('generic does not start', () => {
  const broken: [Partial<GenericOptions>, RegExp][] = [
    [{ id: 'a[' }, /^generic\.id: /],
    [{ type: '' }, /^generic\.type: /],
    [{ type: undefined as never }, /^generic\.type: /],
    [{ data: 'nosuch(@)' }, /^generic\.data: .*nosuch/],
    [{ id: 'headers."x-key"' }, /^generic\.id: the header x-key carries a secret/],
    [{ id: 'headers.authorization' }, /^generic\.id: the header authorization/],
    [{ id: 'headers."X-Request-Id"' }, /^generic\.id: write the header X-Request-Id in lower case/],
  ]
  for (const [options, message] of broken) {
    test(`with ${JSON.stringify(options)}`, () => {
      expect(() => mapped(options)).toThrow(TypeError)
      expect(() => mapped(options)).toThrow(message)
    })
  }
})

test("GitHub's events without an action have the event's name alone", () => {
  const type = `join('.', [headers."x-github-event", body.action][?@])`
  const data = '{refs: {repository: body.repository.full_name}, actor: {kind: `"user"`, name: body.sender.login}}'
  const push = {
    headers: { 'x-github-event': 'push' },
    body: '{"repository":{"full_name":"a/b"},"sender":{"login":"jo"}}',
  }
  expect(mapped({ type, data }, push)).toMatchObject([
    { type: 'custom.acme.push', data: { refs: { repository: 'a/b' }, actor: { kind: 'user', name: 'jo' } } },
  ])
  expect(mapped({ type }, { headers: { 'x-github-event': 'issues' }, body: '{"action":"opened"}' })).toMatchObject([
    { type: 'custom.acme.issues.opened' },
  ])
})
