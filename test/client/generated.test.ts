// The client's types are those of the API's document.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { apiTypes, bracketed } from '../../scripts/api-types.ts'

test('src/client/api-types.ts is what the routes are now: else run `npm run api-types`', () => {
  const kept = readFileSync(new URL('../../src/client/api-types.ts', import.meta.url), 'utf8')
  // No diff of two thousand lines: which they are, git says after the run.
  expect(kept === apiTypes()).toBe(true)
})

test('a type has brackets where an operator is outside of every brace', () => {
  const plain = ['string', '{ a: string | null }', '{ a: { b: 1 | 2 }; c: { d: 3 & 4 } }']
  expect(plain.map(bracketed)).toEqual(plain)
  for (const type of ['string | null', '{ a: 1 } | { b: 2 }', '{ a: { b: 1 } } & { c: 2 }'])
    expect(bracketed(type)).toBe(`(${type})`)
})
