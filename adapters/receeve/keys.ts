// The public keys that receeve's signatures are checked with: PEM, JWK or a set of JWKs, from the configuration alone.
// Nothing here ever puts a key's text into an error.
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { assertSecret, Secret, type SecretLike } from '../../src/config/secret.ts'

/** PEM, a JWK or a set of them as JSON text or as an object, a secret that holds one, or several of these. */
export type PublicKeyLike = string | Secret | JsonWebKey | readonly (string | Secret | JsonWebKey)[]

const bitsMin = 2048

/** The same as texts and secrets, which can be told apart later. Throws TypeError for a plain text that is no key. */
export function assertPublicKeys(like: PublicKeyLike, setting: string): SecretLike {
  const keys = asSecrets(like)
  assertSecret(keys, setting)
  for (const each of [keys].flat()) {
    if (typeof each !== 'string') continue
    const problem = readKeys(each).problem
    if (problem !== undefined) throw new TypeError(`${setting}: ${problem}`)
  }
  return keys
}

/** The keys in a text, which may hold several; `problem` says what is wrong with the first that is none. */
export function readKeys(text: string): { keys: readonly KeyObject[]; problem?: string } {
  const keys: KeyObject[] = []
  let problem: string | undefined
  for (const each of keyTexts(text)) {
    const key = readKey(each)
    if (typeof key === 'string') problem ??= key
    else keys.push(key)
  }
  if (keys.length === 0) problem ??= 'expected an RSA public key as PEM or JWK'
  return problem === undefined ? { keys } : { keys, problem }
}

function asSecrets(like: PublicKeyLike): SecretLike {
  if (Array.isArray(like)) return like.map(each => asSecret(each))
  return asSecret(like as string | Secret | JsonWebKey)
}

function asSecret(like: string | Secret | JsonWebKey): string | Secret {
  // What is neither goes through as it is: assertSecret names the setting.
  return typeof like === 'object' && like !== null && !(like instanceof Secret) ? JSON.stringify(like) : like
}

function keyTexts(text: string): (string | JsonWebKey)[] {
  if (/^\s*\{/.test(text)) {
    try {
      const parsed = JSON.parse(text) as JsonWebKey & { keys?: unknown }
      return Array.isArray(parsed.keys) ? (parsed.keys as JsonWebKey[]) : [parsed]
    } catch {
      return ['']
    }
  }
  // An environment variable often has its line ends as two characters.
  return text.replaceAll('\\n', '\n').match(/-----BEGIN [A-Z0-9 ]+-----[\s\S]+?-----END [A-Z0-9 ]+-----/g) ?? []
}

function readKey(from: string | JsonWebKey): KeyObject | string {
  const isPrivate =
    typeof from === 'string' ? from.includes('PRIVATE KEY') : from !== null && typeof from === 'object' && 'd' in from
  if (isPrivate) return 'expected a public key, got a private one'
  let key: KeyObject
  try {
    key = typeof from === 'string' ? createPublicKey(from) : createPublicKey({ key: from, format: 'jwk' })
  } catch {
    return 'expected an RSA public key as PEM or JWK, got something that cannot be read as one'
  }
  if (key.asymmetricKeyType !== 'rsa') return `expected an RSA public key, got ${key.asymmetricKeyType}`
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  return bits < bitsMin ? `expected an RSA key of at least ${bitsMin} bits, got ${bits}` : key
}
