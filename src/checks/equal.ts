// Comparing with a secret in constant time: nothing about where or by how much the texts differ can be measured.
import { hash, timingSafeEqual } from 'node:crypto'

/** Whether the texts are equal. Hashing first makes lengths equal, so that timingSafeEqual cannot throw. */
export function equalSecret(presented: string | Uint8Array, expected: string | Uint8Array): boolean {
  return timingSafeEqual(hash('sha256', presented, 'buffer'), hash('sha256', expected, 'buffer'))
}

/** Whether `presented` equals any of `expected`; every one is compared, so that time tells nothing. An empty text never does. */
export function equalsAnySecret(presented: string | Uint8Array, expected: readonly string[]): boolean {
  let found = false
  for (const each of expected) if (equalSecret(presented, each) && each !== '') found = true
  return found
}
