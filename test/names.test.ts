import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { snakeCase, typeName } from '../src/names.ts'

describe('snakeCase', () => {
  test('takes the ways in which vendors write words', () => {
    const pairs = {
      PRE_BID: 'pre_bid',
      NotFullyFunded: 'not_fully_funded',
      'In review': 'in_review',
      promiseToPay: 'promise_to_pay',
      HTTPServer: 'http_server',
      ACHReturn: 'ach_return',
      loanID: 'loan_id',
      'a--b__c': 'a_b_c',
      ' x ': 'x',
      Überweisung: 'berweisung',
      '': '',
      ___: '',
    }
    for (const [word, snake] of Object.entries(pairs)) expect(snakeCase(word), word).toBe(snake)
  })

  test('is its own snake case', () => {
    fc.assert(
      fc.property(fc.string(), word => {
        expect(snakeCase(snakeCase(word))).toBe(snakeCase(word))
      }),
    )
  })

  test('a long word takes time in proportion to its length', () => {
    // Quadratic time would take minutes here, and the test's own limit would end it.
    expect(snakeCase('A'.repeat(1_000_000))).toHaveLength(1_000_000)
    expect(snakeCase(`${'_'.repeat(1_000_000)}x${' '.repeat(1_000_000)}`)).toBe('x')
  })
})

describe('typeName', () => {
  test('makes segments of what is between dots', () => {
    expect(typeName('receeve', 'promiseToPay.created')).toBe('receeve.promise_to_pay.created')
    expect(typeName('custom.github', 'issues.opened')).toBe('custom.github.issues.opened')
    for (const empty of ['', '.', '..', '!', 'ä']) expect(typeName('x', empty), empty).toBe('x.unknown')
  })

  test('is always a type name, and no longer than helps', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 500, unit: 'binary' }), text => {
        const name = typeName('x', text)
        expect(name).toMatch(/^[a-z0-9_]+(\.[a-z0-9_]+)+$/)
        expect(name.length).toBeLessThan(500)
      }),
    )
  })
})
