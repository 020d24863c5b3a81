// JSON as plain JavaScript values, for expressions that know nothing of JsonNumber. No digit is lost on the way:
// a number that JavaScript would write differently (`8500.0`, `1.0E7`, 17 digits and more) becomes its own text.
import { type Json, JsonNumber } from './parse.ts'

export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain }

/**
 * The value in plain form. Members at the `without` paths (dotted; `*` is any one name) are left out, so that what is
 * redacted from the stored bytes cannot come back through an expression.
 */
export function plainJson(value: Json, without: readonly string[] = []): Plain {
  return plain(
    value,
    without.map(path => path.split('.')),
  )
}

function plain(value: Json, hidden: readonly string[][]): Plain {
  if (value instanceof JsonNumber) return String(Number(value.text)) === value.text ? Number(value.text) : value.text
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    return value.flatMap((item, index) =>
      hides(hidden, String(index)) ? [] : [plain(item, below(hidden, String(index)))],
    )
  }
  // Without a prototype: an expression reads members with a dot, and `constructor` is not what the vendor sent.
  const object: { [name: string]: Plain } = Object.create(null)
  for (const [name, member] of Object.entries(value)) {
    if (!hides(hidden, name)) object[name] = plain(member, below(hidden, name))
  }
  return object
}

const fits = (segment: string | undefined, name: string) => segment === name || segment === '*'

function hides(hidden: readonly string[][], name: string): boolean {
  return hidden.some(path => path.length === 1 && fits(path[0], name))
}

function below(hidden: readonly string[][], name: string): string[][] {
  return hidden.flatMap(path => (path.length > 1 && fits(path[0], name) ? [path.slice(1)] : []))
}
