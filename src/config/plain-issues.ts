// What is wrong with a value, in words that the validation library has not: for people who have never heard of it.
import type { z } from 'zod'

type Issue = Parameters<z.core.$ZodErrorMap>[0]

const kinds: Partial<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
}

/** For `safeParse(given, { error: plainIssue })`; what a schema says itself comes first. */
export function plainIssue(issue: Issue): string | undefined {
  if (issue.input === undefined && issue.code !== 'custom') return 'it is missing'
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${kinds[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return issue.values.length === 1
        ? `expected '${String(issue.values[0])}'`
        : `expected one of ${issue.values.join(', ')}`
    case 'too_small':
      return isEmpty(issue.input) ? 'it is empty' : `expected at least ${issue.minimum}${unitOf(issue.origin)}`
    case 'too_big':
      return `expected at most ${issue.maximum}${unitOf(issue.origin)}`
    default:
      return undefined
  }
}

function isEmpty(input: unknown): boolean {
  return (typeof input === 'string' || Array.isArray(input)) && input.length === 0
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters' : ''
}
