import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CustomMapping } from '../../adapters/ballerine/custom.ts'
import { type BallerineOptions, ballerine } from '../../adapters/ballerine/index.ts'
import type { Inbound } from '../../src/ingest/request.ts'
import { eventsOf, normaliseOptions } from '../contract/adapter.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const secret = keys.ballerine.hmacSecret as string
const source = ballerine({ check: ballerine.signature({ secret }) })

function post(body: string | object, { path = '', method = 'POST' } = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return inbound({ vendor: 'ballerine', name: '', method, path: `/hooks/ballerine${path}`, headers: {}, body: text })
}

function draftOf(request: Inbound, definition = source) {
  const result = definition.adapter.normalise(request, normaliseOptions(definition, 'ballerine'))
  if ('notUnderstood' in result) throw new Error(result.notUnderstood)
  return result.drafts[0]
}

function reasonOf(request: Inbound, definition = source) {
  const result = definition.adapter.normalise(request, normaliseOptions(definition, 'ballerine'))
  return 'notUnderstood' in result ? result.notUnderstood : undefined
}

describe('ballerine custom webhooks', () => {
  const custom = (mapping: CustomMapping, more: Partial<BallerineOptions> = {}) =>
    ballerine({ check: ballerine.signature({ secret }), custom: { update: mapping }, ...more })
  const update = (body: string | object, more: { method?: string; path?: string } = {}) =>
    post(body, { path: '/custom/update', ...more })

  test('any method at custom/<name>, POST at the source, nothing elsewhere', () => {
    const methods = (rest: string) => source.adapter.methods?.(rest)
    expect(methods('')).toEqual(['POST'])
    expect(methods('custom/x')).toEqual(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'])
    for (const rest of ['custom', 'custom/', 'custom/x/y', 'x', 'customx']) expect(methods(rest)).toEqual([])
  })

  test('a mapping gives id, type, subject and data', () => {
    const definition = custom({
      id: 'reference',
      type: "'loan.status_changed'",
      subject: "join('/', ['loan', loan.id])",
      data: '{refs: {loan: loan.id, officer: officer}, status: result, amount: {value: sum, currency: `"usd"`}}',
    })
    const body =
      '{"reference":12,"loan":{"id":"K0Z1Q"},"officer":9007199254740993,"result":"In Review","sum":250000.10}'
    expect(draftOf(update(body), definition)).toMatchObject({
      type: 'loan.status_changed',
      vendortype: 'custom.update',
      vendorid: '12',
      subject: 'loan/K0Z1Q',
      dedupe: ['custom', 'update', '12'],
      data: {
        refs: { loan: 'K0Z1Q', officer: '9007199254740993' },
        status: { current: 'in_review', phase: 'other', raw: 'In Review' },
        amount: { value: '250000.10', currency: 'USD' },
      },
    })
  })

  test('the mapping in docs/vendors/ballerine.md does what it says', () => {
    const definition = custom({
      type: "'workflow.updated'",
      subject: "join('/', ['entity', success_result.entity.ballerineEntityId])",
      data: '{refs: {correlation: success_result.entity.id}, decision: success_result.documents[0].decision.status}',
    })
    expect(draftOf(update(fixture('ballerine', 'custom-webhook').body), definition)).toMatchObject({
      type: 'workflow.updated',
      subject: 'entity/clz1k2m3n0001qwertyuiop12',
      data: { refs: { correlation: '0a5212e0-ba12422222011b7' }, decision: 'approved' },
    })
  })

  test('a type from the payload that is in no catalogue gets the prefix', () => {
    const definition = custom({ type: 'kind' })
    expect(draftOf(update({ kind: 'loan.paidOff' }), definition).type).toBe('ballerine.custom.loan.paid_off')
    expect(draftOf(update({ kind: null }), definition).type).toBe('ballerine.custom.update')
  })

  test('data that its catalogue type does not allow waits', () => {
    const definition = custom({ type: "'loan.status_changed'", data: '@' })
    expect(reasonOf(update({ refs: {} }), definition)).toMatch(/ballerine\.custom\.update\.data: status/)
  })

  test('an expression that fails waits, and so does a body that is no JSON where there is a mapping', () => {
    const definition = custom({ subject: "join('/', ['loan', id])" })
    expect(reasonOf(update({}), definition)).toMatch(/ballerine\.custom\.update\.subject/)
    expect(reasonOf(update('{'), definition)).toMatch(/not JSON/)
  })

  test('without a mapping any body is kept as it came', () => {
    for (const body of ['', '{', '[1]', '"x"']) {
      expect(draftOf(update(body))).toMatchObject({ type: 'ballerine.custom.update', data: { refs: {} } })
    }
    expect(draftOf(post('', { path: '/custom/__proto__' }))).toMatchObject({ vendortype: 'custom.__proto__' })
  })

  test('a bad expression stops the start and names its setting', () => {
    expect(() => custom({ id: 'a[' })).toThrow(/^ballerine\.custom\.update\.id: /)
    expect(() => custom({ data: 'nosuch(@)' })).toThrow(TypeError)
    expect(() => custom({ time: 'a' } as never)).toThrow(/^ballerine\.custom\.update: /)
    expect(() => ballerine({ check: ballerine.signature({ secret }), custom: { 'a/b': {} } })).toThrow(
      /ballerine\.custom\.a\/b/,
    )
  })

  test('with GET the query is the payload', () => {
    const definition = custom({ id: 'ref', type: 'kind', data: '{refs: {loan: loan}, all: tags}' })
    const request = update('', { method: 'GET', path: '/custom/update?ref=r%2F1&kind=paid&loan=7&tags=a&tags=b' })
    expect(draftOf(request, definition)).toMatchObject({
      type: 'ballerine.custom.paid',
      vendorid: 'r/1',
      data: { refs: { loan: '7' }, all: ['a', 'b'] },
    })
  })

  test('without an id the key is method, path, query and body, each of which makes another event', () => {
    const dedupe = (body: string, more: { method?: string; path?: string }) => draftOf(update(body, more)).dedupe
    const first = dedupe('{"a":1}', {})
    expect(first.slice(0, 3)).toEqual(['custom', 'update', 'POST'])
    expect(dedupe('{"a":1}', {})).toEqual(first)
    const others = [
      dedupe('{"a":1}', { method: 'PUT' }),
      dedupe('{"a":2}', {}),
      dedupe('{"a":1}', { path: '/custom/update?x=1' }),
      dedupe('{"a":1}', { path: '/custom/other' }),
      dedupe('', { method: 'GET', path: '/custom/update?x=1' }),
      dedupe('', { method: 'GET', path: '/custom/update?x=2' }),
    ]
    expect(new Set([first, ...others].map(each => each.join('\n'))).size).toBe(7)
  })

  test('one id with another query is a conflict, though both bodies are empty', () => {
    const definition = custom({ id: 'ref' })
    const draft = (query: string) => draftOf(update('', { method: 'GET', path: `/custom/update?${query}` }), definition)
    expect(draft('ref=1&a=1').dedupe).toEqual(draft('ref=1&a=2').dedupe)
    expect(draft('ref=1&a=1').content).not.toBe(draft('ref=1&a=2').content)
  })

  test('a redacted member reaches no event, whatever the mapping copies', () => {
    const definition = custom({ data: '{a: @, b: result}' }, { redact: ['result.iban'] })
    const body = {
      metadata: { token: 'live-1' },
      result: { metadata: { token: 'live-2', url: 'u' }, iban: 'DE00', more: 1 },
    }
    const text = JSON.stringify(draftOf(update(body), definition))
    for (const hidden of ['live-1', 'live-2', 'DE00']) expect(text).not.toContain(hidden)
    expect(draftOf(update(body), definition).data.b).toEqual({ metadata: { url: 'u' }, more: 1 })
  })

  test('a mapping is total over any JSON', () => {
    const definition = custom({
      id: 'id',
      type: 'type',
      subject: 'subject',
      data: '{refs: refs, status: status, amount: amount, actor: actor, rest: @}',
    })
    const value = fc.json().map(text => JSON.parse(text))
    fc.assert(
      fc.property(
        fc.record({
          id: value,
          type: fc.oneof(value, fc.constantFrom('loan.created', 'payment.status_changed')),
          subject: value,
          refs: value,
          status: value,
          amount: value,
          actor: value,
        }),
        body => {
          const events = eventsOf(definition, 'ballerine', update(body))
          if ('notUnderstood' in events) expect(events.notUnderstood).not.toBe('')
          else expect(events[0]?.data.refs).toBeDefined()
        },
      ),
      { numRuns: 300 },
    )
  })
})
