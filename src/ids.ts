// Ids: 16 bytes, written as a prefix and 26 characters of lower-case Crockford base32 (the number, most significant
// digit first, as ULIDs do). An event's id is derived, so that it is the same on every node and after a restore.
import { hash } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const values = new Map([...alphabet].map((character, value) => [character, value]))

/** 16 bytes as 26 characters. */
export function encodeId(bytes: Uint8Array): string {
  // 130 bits for 128: the first character holds three.
  let text = ''
  let buffer = 0
  let bits = 2
  for (let index = 0; index < 16; index++) {
    buffer = ((buffer << 8) | bytes[index]!) & 0xffff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(buffer >> bits) & 31]
    }
  }
  return text
}

/** The 16 bytes of `<prefix><26 characters>`, or undefined where the text is no such id. */
export function decodeId(prefix: string, text: string): Buffer | undefined {
  if (!text.startsWith(prefix) || text.length !== prefix.length + 26) return undefined
  let number = 0n
  for (const character of text.slice(prefix.length)) {
    const value = values.get(character)
    if (value === undefined) return undefined
    number = (number << 5n) | BigInt(value)
  }
  return number >> 128n === 0n ? Buffer.from(number.toString(16).padStart(32, '0'), 'hex') : undefined
}

/** The first 16 bytes of SHA-256 over the JSON array of the parts, all of them strings. */
export function deriveId(...parts: readonly string[]): Buffer {
  return idOfIdentity(JSON.stringify(parts))
}

/** The same for an array that is written already. */
export function idOfIdentity(identity: string): Buffer {
  return Buffer.from(hash('sha256', identity, 'hex').slice(0, 32), 'hex')
}
