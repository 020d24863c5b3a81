// The client's types are those of the API's document.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { apiTypes } from '../../scripts/api-types.ts'

test('src/client/api-types.ts is what the routes are now: else run `npm run api-types`', () => {
  const kept = readFileSync(new URL('../../src/client/api-types.ts', import.meta.url), 'utf8')
  // No diff of two thousand lines: which they are, git says after the run.
  expect(kept === apiTypes()).toBe(true)
})
