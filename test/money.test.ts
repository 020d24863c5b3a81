import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountOf, expandDecimal, fromMinorUnits } from '../src/money.ts'

const decimal = /^-?\d+(\.\d+)?$/

describe('expandDecimal', () => {
  test('keeps all digits and expands exponents exactly', () => {
    const pairs = {
      '8500.0': '8500.0',
      '1.0E7': '10000000',
      '1.25e1': '12.5',
      '1.50e1': '15.0',
      '12e-1': '1.2',
      '5e-3': '0.005',
      '-0.05e1': '-0.5',
      '0e5': '0',
      '9007199254740993.10': '9007199254740993.10',
      '123456789012345678901234567890.123456789': '123456789012345678901234567890.123456789',
      '007': '7',
      '00.10': '0.10',
      '1E+2': '100',
      '-1': '-1',
    }
    for (const [text, expanded] of Object.entries(pairs)) expect(expandDecimal(text), text).toBe(expanded)
  })

  test('what is no number, or one that nobody has, is nothing', () => {
    for (const text of [
      '',
      ' ',
      'x',
      '1,5',
      '1.',
      '.5',
      '+1',
      '0x10',
      'NaN',
      'Infinity',
      '1e',
      '1e400000',
      '1e-401',
      '9'.repeat(401),
      '1e99999999999999999999',
      '--1',
      '1 ',
      '١',
    ]) {
      expect(expandDecimal(text), text).toBe(undefined)
    }
  })

  test('is decimal text of the same value, whatever the number', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: -40, max: 40 }), (digits, exponent) => {
        const text = expandDecimal(`${digits}e${exponent}`) ?? ''
        expect(text).toMatch(decimal)
        expect(text).not.toMatch(/^-?0\d/)
        // Moved back by as many places, it is the whole number again.
        expect(BigInt((expandDecimal(`${text}e${-exponent}`) ?? '').replace(/\.0+$/, ''))).toBe(digits)
      }),
    )
  })
})

describe('fromMinorUnits', () => {
  test("moves the point by the currency's exponent", () => {
    const rows: [string, string | undefined, string][] = [
      ['501', 'EUR', '5.01'],
      ['501', undefined, '5.01'],
      ['501', 'JPY', '501'],
      ['501', 'KWD', '0.501'],
      ['501', 'CLF', '0.0501'],
      ['5', 'EUR', '0.05'],
      ['0', 'EUR', '0.00'],
      ['-501', 'EUR', '-5.01'],
      ['50.5', 'EUR', '0.505'],
      ['1e4', 'EUR', '100.00'],
      ['9007199254740993', 'EUR', '90071992547409.93'],
    ]
    for (const [minor, currency, major] of rows)
      expect(fromMinorUnits(minor, currency), `${minor} ${currency}`).toBe(major)
    expect(fromMinorUnits('x', 'EUR')).toBe(undefined)
  })

  test('a currency in lower case has the exponent that it has in upper case', () => {
    expect([fromMinorUnits('501', 'jpy'), fromMinorUnits('501', 'kwd')]).toEqual(['501', '0.501'])
  })

  test('a currency that is the name of something else has two digits', () => {
    for (const currency of ['constructor', 'toString', '__proto__', 'XXX', '']) {
      expect(fromMinorUnits('501', currency), currency).toBe('5.01')
    }
  })
})

test('an amount has a currency in upper case, or none, and without a value there is none', () => {
  expect(amountOf('1.0', 'eur')).toEqual({ value: '1.0', currency: 'EUR' })
  expect(amountOf('1.0', undefined)).toEqual({ value: '1.0' })
  expect(amountOf(undefined, 'EUR')).toBe(undefined)
})
