// A token as its holder has it: `pst_<id>_<secret>`. It is shown once, when it is made; what is kept of it is its hash.
import { hash, timingSafeEqual } from 'node:crypto'
import type { Chance } from '../clock.ts'
import { decodeId, encodeId } from '../ids.ts'

const secretBytes = 32
const pattern = /^pst_([0-9a-z]{26})_[A-Za-z0-9_-]{43}$/

export interface MadeToken {
  id: Buffer
  text: string
  hash: Buffer
}

export function makeToken(chance: Chance): MadeToken {
  const id = chance.bytes(16)
  const text = `pst_${encodeId(id)}_${chance.bytes(secretBytes).toString('base64url')}`
  return { id, text, hash: hashOf(text) }
}

/** Which token a text may be; undefined for what is none of ours. */
export function idOfToken(text: string): Buffer | undefined {
  const [, id] = pattern.exec(text) ?? []
  return id === undefined ? undefined : decodeId('', id)
}

/** Whether it is the token that the hash was made of, in a time that tells nothing. */
export function isTokenOf(text: string, expected: Buffer): boolean {
  const presented = hashOf(text)
  return presented.length === expected.length && timingSafeEqual(presented, expected)
}

/** The secret has as many bits as the hash: no salt and no slow hash would make it harder to find. */
function hashOf(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
