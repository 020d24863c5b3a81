// Which events a subscription asks for: by what their kind says, by `sameas`, and by its filter.
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Matcher, matcher, type Wanted } from '../../src/delivery/match.ts'
import * as globs from '../../src/globs.ts'
import type { Scanned } from '../../src/store/deliveries.ts'
import type { StoredEvent } from '../../src/store/record.ts'

const everything: Wanted = { types: [], vendorTypes: [], sources: [], filter: null, skipSame: false }

function stored(changes: Partial<StoredEvent> = {}): StoredEvent {
  return {
    id: Buffer.alloc(16),
    sequence: 7,
    source: 'banclo',
    vendor: 'banclo',
    type: 'loan.created',
    vendortype: 'loan_request.created',
    environment: null,
    namespace: 'banclo',
    subject: 'loan/1',
    vendorid: null,
    vendortime: null,
    time: null,
    received: 0,
    data: '{"refs":{"loan":"1"},"amount":{"value":"100"}}',
    traceparent: null,
    sameas: null,
    ...changes,
  } as StoredEvent
}

/** As the feed sees it. */
function scanned(event: StoredEvent, kind = 1): Scanned {
  const { sequence, source, vendor, type, vendortype, namespace, subject, sameas } = event
  return { sequence, source, vendor, type, vendortype, kind, namespace, subject, hasSame: sameas !== null }
}

const wants = (wanted: Partial<Wanted>, event: Partial<StoredEvent>) =>
  matcher({ ...everything, ...wanted }).matches(stored(event)) === 'yes'

describe('types', () => {
  test.each<[types: string[], vendorTypes: string[], type: string, vendortype: string, expected: boolean]>([
    [[], [], 'loan.created', 'x', true],
    [['*'], [], 'loan.created', 'x', true],
    [['loan.*'], [], 'loan.created', 'x', true],
    [['loan.*'], [], 'loan.a.b', 'x', true],
    [['loan.*'], [], 'loans.created', 'x', false],
    [['client.*', '*.created'], [], 'loan.created', 'x', true],
    [['loan.created'], [], 'loan.updated', 'x', false],
    [[], ['loan_request.*'], 'loan.created', 'loan_request.created', true],
    [[], ['loan_request.*'], 'loan.created', 'other', false],
    // Either list is enough.
    [['client.*'], ['loan_request.*'], 'loan.created', 'loan_request.created', true],
    [['loan.*'], ['nothing'], 'loan.created', 'loan_request.created', true],
    // Our own events only by a pattern that names them.
    [[], [], 'postern.delivery.died', 'delivery.died', false],
    [['*'], ['*'], 'postern.delivery.died', 'delivery.died', false],
    [['*.died'], ['*.died'], 'postern.delivery.died', 'postern.delivery.died', false],
    [['*'], ['*'], 'postern.delivery.died', 'postern.delivery.died', false],
    [['postern.*'], [], 'postern.delivery.died', 'delivery.died', true],
    [['postern.breaker.*'], [], 'postern.delivery.died', 'delivery.died', false],
    [['loan.*', 'postern.*'], [], 'postern.delivery.died', 'delivery.died', true],
    // A vendor may call its type what it likes.
    [[], ['*'], 'custom.core.moved', 'postern.delivery.died', true],
  ])('%j or %j take %s (%s): %s', (types, vendorTypes, type, vendortype, expected) => {
    expect(wants({ types, vendorTypes }, { type, vendortype })).toBe(expected)
  })
})

test('sources are globs, and narrow what the types take', () => {
  expect(wants({ sources: ['banclo'] }, {})).toBe(true)
  expect(wants({ sources: ['arix', 'ban*'] }, {})).toBe(true)
  expect(wants({ sources: ['banclo-sandbox'] }, {})).toBe(false)
  expect(wants({ sources: ['banclo'], types: ['client.*'] }, {})).toBe(false)
})

test('skipSame leaves out what an earlier event seems to have told', () => {
  const sameas = Buffer.alloc(16, 1)
  expect(wants({ skipSame: true }, { sameas })).toBe(false)
  expect(wants({ skipSame: true }, {})).toBe(true)
  expect(wants({ skipSame: false }, { sameas })).toBe(true)
})

describe('the filter', () => {
  test('sees the whole event', () => {
    expect(wants({ filter: "source == '/sources/banclo' && subject == 'loan/1'" }, {})).toBe(true)
    expect(wants({ filter: 'to_number(data.amount.value) > `99`' }, {})).toBe(true)
    expect(wants({ filter: "data.amount.value == '99'" }, {})).toBe(false)
  })

  test('that cannot be evaluated on an event does not match it, and says so', () => {
    const failing = matcher({ ...everything, filter: "starts_with(data.missing, 'x')" })
    expect(failing.matches(stored())).toBe('failed')
    expect(failing.filtered(stored())).toBe('failed')
  })

  test('is only asked where all else matches', () => {
    const { scanned: first } = matcher({ ...everything, types: ['loan.*'], filter: 'data', skipSame: true })
    expect(first(scanned(stored(), 1))).toBe('filter')
    expect(first(scanned(stored({ type: 'client.created' }), 2))).toBe('no')
    expect(first(scanned(stored({ sameas: Buffer.alloc(16) }), 1))).toBe('no')
    expect(matcher({ ...everything, types: ['client.*'], filter: 'sum(type)' }).matches(stored())).toBe('no')
  })

  test('that is none throws, naming it', () => {
    expect(() => matcher({ ...everything, filter: '[' })).toThrow(/^filter: /)
  })
})

test('globs are asked once for a kind', () => {
  const asked = vi.spyOn(globs, 'matchesGlob')
  const { scanned: first } = matcher({ ...everything, types: ['loan.*'] })
  for (let index = 0; index < 100; index++) expect(first(scanned(stored({ sequence: index }), 1))).toBe('yes')
  expect(asked).toHaveBeenCalledTimes(1)
  asked.mockRestore()
})

test('kinds without number cost no memory without end', () => {
  const { scanned: first } = matcher({ ...everything, types: ['loan.1*'] })
  for (let kind = 0; kind < 25_000; kind++) {
    expect(first(scanned(stored({ type: `loan.${kind}` }), kind))).toBe(String(kind).startsWith('1') ? 'yes' : 'no')
  }
  expect(first(scanned(stored({ type: 'loan.1' }), 1))).toBe('yes')
})

test('property: the feed and a replay come to the same verdict', () => {
  const name = fc.constantFrom('loan.created', 'loan.updated', 'client.created', 'postern.breaker.opened', 'custom.a.b')
  const glob = fc.constantFrom('*', 'loan.*', '*.created', 'postern.*', 'post*', 'custom.*', 'loan.created', 'x')
  const wanted = fc.record({
    types: fc.array(glob, { maxLength: 2 }),
    vendorTypes: fc.array(glob, { maxLength: 2 }),
    sources: fc.array(fc.constantFrom('*', 'a', 'b*'), { maxLength: 2 }),
    filter: fc.constantFrom(null, "type == 'loan.created'", 'data.amount', "starts_with(data.missing, 'x')"),
    skipSame: fc.boolean(),
  })
  const event = fc.record({
    type: name,
    vendortype: name,
    source: fc.constantFrom('a', 'b1'),
    sameas: fc.constantFrom(null, Buffer.alloc(16)),
  })
  const byFeed = (match: Matcher, each: StoredEvent, kind: number) => {
    const verdict = match.scanned(scanned(each, kind))
    return verdict === 'filter' ? match.filtered(each) : verdict
  }
  fc.assert(
    fc.property(wanted, fc.array(event, { maxLength: 20 }), (given, events) => {
      const match = matcher(given)
      const kinds = new Map<string, number>()
      for (const changes of events) {
        const each = stored(changes)
        const key = JSON.stringify([each.source, each.type, each.vendortype])
        if (!kinds.has(key)) kinds.set(key, kinds.size)
        const verdict = match.matches(each)
        expect(byFeed(match, each, kinds.get(key)!)).toBe(verdict)
        expect(byFeed(matcher(given), each, 0)).toBe(verdict)
        const named = [...given.types, ...given.vendorTypes].some(pattern => pattern.startsWith('postern.'))
        if (each.type.startsWith('postern.') && !named) expect(verdict).toBe('no')
      }
    }),
    { numRuns: 500 },
  )
})
