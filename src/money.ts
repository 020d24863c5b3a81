// Amounts as decimal text. No float ever touches money: digits are moved, never computed with.
import type { Amount } from './event.ts'

/** Currencies whose ISO 4217 exponent is not 2. */
const exponents: Readonly<Record<string, number>> = {
  BIF: 0, CLP: 0, DJF: 0, GNF: 0, ISK: 0, JPY: 0, KMF: 0, KRW: 0, PYG: 0, RWF: 0, UGX: 0, UYI: 0, VND: 0, VUV: 0,
  XAF: 0, XOF: 0, XPF: 0, BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3, CLF: 4, UYW: 4,
} // biome-ignore format: a table

/** Longer than this is no amount or identifier that anybody has: `1e400000` would expand to 400 kB. */
const digitsMax = 400

/**
 * A JSON number as plain decimal text: exponents expanded exactly, trailing zeros kept (`8500.0`, and `1.0E7` is
 * `10000000`). Undefined for what is no number, or has more than 400 digits.
 */
export function expandDecimal(text: string): string | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text)
  if (match === null || text.length > digitsMax) return undefined
  const [, sign = '', whole = '', fraction = '', exponent] = match
  if (exponent === undefined) return sign + trimWhole(whole) + (fraction === '' ? '' : `.${fraction}`)
  const shift = Number(exponent)
  if (!Number.isSafeInteger(shift) || Math.abs(shift) > digitsMax) return undefined
  return sign + shiftPoint(whole, fraction, shift)
}

/** Minor units (cents) as an amount in major units: `501` EUR is `5.01`, `501` JPY is `501`. */
export function fromMinorUnits(minor: string, currency: string | undefined): string | undefined {
  const text = expandDecimal(minor)
  if (text === undefined) return undefined
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  const code = currency?.toUpperCase() ?? ''
  const exponent = (Object.hasOwn(exponents, code) ? exponents[code] : undefined) ?? 2
  return sign + shiftPoint(whole, fraction, -exponent)
}

/** An amount, or undefined where there is no value. A currency is an upper-case code. */
export function amountOf(value: string | undefined, currency: string | undefined): Amount | undefined {
  if (value === undefined) return undefined
  return currency === undefined ? { value } : { value, currency: currency.toUpperCase() }
}

function shiftPoint(whole: string, fraction: string, shift: number): string {
  const digits = whole + fraction
  const point = whole.length + shift
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return trimWhole(digits + '0'.repeat(point - digits.length))
  return `${trimWhole(digits.slice(0, point))}.${digits.slice(point)}`
}

function trimWhole(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '')
}
