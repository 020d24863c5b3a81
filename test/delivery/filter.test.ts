// Filters: as much of JMESPath as ends soon on any event, and why the rest is refused.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileFilter } from '../../src/delivery/filter.ts'
import type { Plain } from '../../src/json/plain.ts'

const event: Plain = {
  type: 'loan.status_changed',
  subject: 'loan/K0Z1Q',
  data: {
    refs: { loan: 'K0Z1Q' },
    status: { current: 'bid', phase: 'offered' },
    amount: { value: '250000', currency: 'EUR' },
    documents: [
      { id: 'd1', category: 'passport', pages: 3 },
      { id: 'd2', category: 'payslip', pages: 0 },
    ],
    flags: [],
    none: null,
    zero: 0,
    no: false,
    empty: '',
    nothing: {},
  },
}
const verdict = (filter: string, on: Plain = event) => compileFilter('filter', filter)(on)

describe('a filter', () => {
  test.each([
    ["type == 'loan.status_changed'", true],
    ["type == 'loan.created'", false],
    ["data.status.phase == 'offered' && data.amount.currency != 'USD'", true],
    ['to_number(data.amount.value) >= `250000`', true],
    ['to_number(data.amount.value) > `250000`', false],
    ["contains(['bid', 'ask'], data.status.current)", true],
    ['contains(`["bid", "ask"]`, data.status.current)', true],
    ["data.documents[?category == 'passport' && pages > `2`]", true],
    ["data.documents[?category == 'visa']", false],
    ['length(data.documents) == `2`', true],
    ["starts_with(subject, 'loan/')", true],
    ['sort_by(data.documents, &pages)[0].id == `"d2"`', true],
    ["contains(to_string(data), 'payslip')", true],
    ["!(data.none) && type(data.zero) == 'number'", true],
    ["data.none ? 'yes' : data.no", false],
  ])('%s is %s', (filter, expected) => {
    expect(verdict(filter)).toBe(expected)
  })

  test.each([
    ['data.zero', true],
    ['data.no', false],
    ['data.none', false],
    ['data.missing', false],
    ['data.empty', false],
    ['data.flags', false],
    ['data.nothing', false],
    ['data.documents', true],
  ])('%s is true as JMESPath says it: %s', (filter, expected) => {
    expect(verdict(filter)).toBe(expected)
  })

  test('that cannot be evaluated on an event says so', () => {
    expect(verdict("starts_with(data.none, 'x')")).toBeUndefined()
    expect(verdict('sum(data.documents)')).toBeUndefined()
    expect(verdict('`1` / data.zero')).toBeUndefined()
  })
})

describe('refused when it is set', () => {
  test.each([
    ['', 'expected a JMESPath expression'],
    ['data.', 'expected a JMESPath expression'],
    ['nothing(data)', 'there is no function nothing()'],
    ['a'.repeat(1_025), 'expected at most 1024 characters, got 1025'],
    // Each step would double what it is given.
    [Array(40).fill('[@,@][]').join(' | '), 'can only be given to contains()'],
    ['[data, data]', 'can only be given to contains()'],
    ['{a: @, b: @}', 'cannot use `{…}`'],
    ["join('', data.flags)", 'cannot use join()'],
    ["pad_left('x', `1000000000`)", 'cannot use pad_left()'],
    ["replace(type, 'a', 'aaaaaaaaaa')", 'cannot use replace()'],
    ['zip(@, @)', 'cannot use zip()'],
    ['to_array(@)', 'cannot use to_array()'],
    ['merge(@, @)', 'cannot use merge()'],
    // The whole event for each element.
    ['data.documents[?id == $.data.id]', 'cannot use `$`'],
    ['let $all = data.documents in data.documents[?contains($all, id)]', 'cannot use `let`'],
    // Lists within each other multiply.
    ['`[1,2,3]`[*].`[1,2,3]`', 'JMESPath'],
    ['map(&`[1,2,3]`, data.documents)', 'a literal list or object'],
    ['`[1,2,3]` | [*]', 'a literal list or object'],
    ["map(&'copies', data.documents)", 'a literal text within a projection'],
    ["data.documents[*].(id && 'copies')", 'JMESPath'],
    ["data.documents[*].not_null(none, 'copies')", 'a literal text within a projection'],
    // Its pattern goes back over every blank.
    ['trim(type)', 'cannot use trim()'],
    ['trim_right(type)', 'cannot use trim_right()'],
    // Taken for (!data).none, which is never true.
    ['!data.none', 'write !(a.b)'],
    ["!data[?id == 'x']", 'write !(a.b)'],
    ['&type', 'cannot use `&` outside of a function'],
    [`${'!'.repeat(150)}type`, 'within each other'],
    [Array(20).fill('data.documents[*].id').join(' || '), 'steps over lists and texts, got 20'],
  ])('%s', (filter, why) => {
    expect(() => compileFilter('subscriptions.a.filter', filter)).toThrow(why)
    expect(() => compileFilter('subscriptions.a.filter', filter)).toThrow(/^subscriptions\.a\.filter: /)
  })

  test.each([undefined, null, 5, {}, true])('%j', given => {
    expect(() => compileFilter('filter', given as string)).toThrow(TypeError)
  })
})

test('property: what is allowed ends soon and never throws, whatever the event is', () => {
  const part = fc.constantFrom(
    '@',
    'a',
    'b[*]',
    'c[]',
    '*.a',
    "b[?a == 'x']",
    'to_string(@)',
    'keys(@)',
    'values(@)',
    'b[0:9]',
    'reverse(b)',
    'sort(b)',
    'map(&a, b)',
    'upper(a)',
    'length(@) > `1`',
    "contains(['x', a], b)",
    'a || b',
    '!c',
  )
  const filters = fc.array(part, { minLength: 1, maxLength: 12 }).map(parts => parts.join(' | '))
  const values = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Plain>
  fc.assert(
    fc.property(filters, values, values, values, (filter, a, b, c) => {
      let passes: ReturnType<typeof compileFilter>
      try {
        passes = compileFilter('filter', filter)
      } catch {
        return
      }
      const started = performance.now()
      expect([true, false, undefined]).toContain(passes({ a, b, c }))
      // Not a threshold: what grew with each step would take hours.
      expect(performance.now() - started).toBeLessThan(5_000)
    }),
    { numRuns: 1_000 },
  )
})

test('the costliest of what is allowed, on a large event', () => {
  const large: Plain = {
    a: Array.from({ length: 50_000 }, (_, index) => ({ id: String(index), text: 'x\\"y'.repeat(5), n: [1, 2, 3] })),
  }
  const steps = ['a', '[*]', '[]', '[?n]', 'map(&to_string(@), @)', 'sort(@)', 'to_string(@)', 'upper(@)']
  const passes = compileFilter('filter', steps.join(' | '))
  expect(passes(large)).toBe(true)
})
