// Reading parsed JSON from a stranger: own members only, and text, numbers and ids in one canonical form each.
// Nothing here throws: what is not there, or is of another kind, is undefined.
import { expandDecimal } from '../money.ts'
import { type Json, JsonNumber, type JsonObject } from './parse.ts'

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
}

/** The member at a path of own names: `member(body, 'data', 'metadata')`. */
export function member(value: Json | undefined, ...path: string[]): Json | undefined {
  let at = value
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined
    at = at[name]
  }
  return at
}

export function objectAt(value: Json | undefined, ...path: string[]): JsonObject | undefined {
  const found = member(value, ...path)
  return isObject(found) ? found : undefined
}

export function arrayAt(value: Json | undefined, ...path: string[]): Json[] | undefined {
  const found = member(value, ...path)
  return Array.isArray(found) ? found : undefined
}

/** A scalar as text: a string as it is, a number with its own digits, `true` and `false`. An empty string is nothing. */
export function textAt(value: Json | undefined, ...path: string[]): string | undefined {
  const found = member(value, ...path)
  if (typeof found === 'string') return found === '' ? undefined : found
  if (found instanceof JsonNumber) return found.text
  return typeof found === 'boolean' ? String(found) : undefined
}

/** An identifier as text: a number's exponent is expanded and its zero fraction cut, so that 9876.0 is 9876. */
export function idAt(value: Json | undefined, ...path: string[]): string | undefined {
  const found = member(value, ...path)
  if (typeof found === 'string') return found.trim() === '' ? undefined : found.trim()
  return found instanceof JsonNumber ? expandDecimal(found.text)?.replace(/\.0+$/, '') : undefined
}

/** A decimal number, or a string that holds one, as decimal text with all its digits; no exponent. */
export function decimalAt(value: Json | undefined, ...path: string[]): string | undefined {
  const found = member(value, ...path)
  if (found instanceof JsonNumber) return expandDecimal(found.text)
  return typeof found === 'string' ? expandDecimal(found.trim()) : undefined
}

/** A whole number that a JavaScript number holds exactly. */
export function integerAt(value: Json | undefined, ...path: string[]): number | undefined {
  const text = decimalAt(value, ...path)?.replace(/\.0+$/, '')
  const number = text === undefined || text.includes('.') ? Number.NaN : Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}

export function booleanAt(value: Json | undefined, ...path: string[]): boolean | undefined {
  const found = member(value, ...path)
  return typeof found === 'boolean' ? found : undefined
}

/** The same value, with numbers as decimal text compared by value: `1.0` equals `1`, and no float decides. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a instanceof JsonNumber && b instanceof JsonNumber) return a.text === b.text || sameNumber(a.text, b.text)
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => sameJson(item, b[index]))
  }
  if (!isObject(a) || !isObject(b)) return a === b
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every(name => sameJson(member(a, name), member(b, name)))
}

function sameNumber(a: string, b: string): boolean {
  const [left, right] = [expandDecimal(a), expandDecimal(b)]
  const plain = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text).replace(/^-0$/, '0')
  return left !== undefined && right !== undefined && plain(left) === plain(right)
}
