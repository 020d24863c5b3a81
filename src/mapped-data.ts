// What an expression found, made the data of an event: identifiers and amounts as text, a status in its four parts,
// nulls left out, since an expression says null where the vendor says nothing.
import type { EventData } from './event.ts'
import type { Plain } from './json/plain.ts'
import { expandDecimal } from './money.ts'
import { snakeCase } from './names.ts'

type PlainObject = { [name: string]: Plain }

/**
 * The data of a mapped object; undefined where it is no object. `refs`, `actor` and `assignee` become texts, `amount`
 * and `totalAmount` may be a number alone, `status` a word alone: its phase is then `other`.
 */
export function mappedData(value: Plain, currency?: string): EventData | undefined {
  if (value === null) return { refs: {} }
  if (!isPlainObject(value)) return undefined
  const members = Object.entries(withoutNulls(value)).map(([name, member]) => [
    name,
    dataMember(name, member, currency),
  ])
  return { refs: {}, ...Object.fromEntries(members) } as EventData
}

/** An expression's result as plain values: numbers are safe integers or else decimal text, what JSON has not is null. */
export function plainResult(value: unknown): Plain {
  if (typeof value === 'number') return numberOrText(value)
  if (typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value !== 'object' || value === null) return null
  if (Array.isArray(value)) return value.map(plainResult)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainResult(member)]))
}

/** A scalar as text; undefined where there is none. */
export function textOf(value: Plain | undefined): string | undefined {
  if (typeof value === 'string') return value.trim() === '' ? undefined : value.trim()
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function dataMember(name: string, value: Plain, currency: string | undefined): Plain {
  switch (name) {
    case 'refs':
      return isPlainObject(value) ? texts(value, refText) : value
    case 'actor':
    case 'assignee':
      return isPlainObject(value) ? texts(value, textOf) : value
    case 'amount':
    case 'totalAmount':
      return amount(value, currency)
    case 'status':
      return status(value)
    default:
      return value
  }
}

function amount(value: Plain, fallback: string | undefined): Plain {
  const given = isPlainObject(value) ? value : { value }
  const text = textOf(given.value)
  const currency = textOf(given.currency) ?? fallback
  return {
    ...given,
    // What is no decimal stays as it is: the schema then says so.
    ...(text === undefined ? {} : { value: expandDecimal(text) ?? text }),
    ...(currency === undefined ? {} : { currency: currency.toUpperCase() }),
  }
}

function status(value: Plain): Plain {
  const given = isPlainObject(value) ? value : { current: value }
  const raw = textOf(given.raw) ?? textOf(given.current)
  if (raw === undefined) return value
  const previous = textOf(given.previous)
  return {
    ...given,
    current: word(textOf(given.current) ?? raw),
    ...(previous === undefined ? {} : { previous: word(previous) }),
    phase: given.phase ?? 'other',
    raw,
  }
}

/** A number alone is a code whose name nobody told us. */
function word(text: string): string {
  return /^\d+$/.test(text) ? `code_${text}` : snakeCase(text)
}

/** 9876.0 and 9.876E3 are 9876. Only with a point: `12E5` may well be an identifier. */
function refText(value: Plain): string | undefined {
  const text = textOf(value)
  if (text === undefined || !/^-?\d+\.(\d+[eE][+-]?\d+|0+)$/.test(text)) return text
  return expandDecimal(text)?.replace(/\.0+$/, '') ?? text
}

function texts(object: PlainObject, read: (value: Plain) => string | undefined): Plain {
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, value]) => {
      const text = read(value)
      return text === undefined ? [] : [[name, text]]
    }),
  )
}

function numberOrText(number: number): Plain {
  if (Number.isSafeInteger(number)) return number + 0
  return Number.isFinite(number) ? (expandDecimal(String(number)) ?? String(number)) : null
}

function withoutNulls(object: PlainObject): PlainObject {
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, value]) => (value === null ? [] : [[name, nested(value)]])),
  )
}

function nested(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(nested)
  return isPlainObject(value) ? withoutNulls(value) : value
}

function isPlainObject(value: Plain | undefined): value is PlainObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
