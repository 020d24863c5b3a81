// What somebody's function threw, which may be anything, as text for people: never longer than agreed, and never
// throwing itself.
import type { Thrown } from './handler-messages.ts'

const reasonLengthMax = 500
const stackLengthMax = 8 * 1024

export function thrownOf(value: unknown): Thrown {
  try {
    if (value instanceof Error) {
      const { stack } = value
      return {
        reason: cut(`${value.name}: ${value.message}`, reasonLengthMax),
        stack: typeof stack === 'string' ? cut(withCauses(value, stack), stackLengthMax) : null,
      }
    }
    return { reason: cut(`threw ${typeof value === 'string' ? value : shown(value)}`, reasonLengthMax), stack: null }
  } catch {
    return { reason: 'threw what cannot be shown', stack: null }
  }
}

function withCauses(error: Error, stack: string): string {
  let text = stack
  let { cause } = error
  for (let depth = 0; cause instanceof Error && depth < 5; depth++) {
    text += `\nCaused by ${cause.stack ?? cause.message}`
    cause = cause.cause
  }
  return text
}

function shown(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const { name, message } = value as { name?: unknown; message?: unknown }
  // An error of another realm.
  if (typeof message === 'string') return `${typeof name === 'string' ? name : 'an object'}: ${message}`
  return JSON.stringify(value) ?? 'an object'
}

export function cut(text: string, lengthMax: number): string {
  return (text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`).toWellFormed()
}
