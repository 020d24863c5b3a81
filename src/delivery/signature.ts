// Signing what we send by Standard Webhooks (standardwebhooks.com), `v1`: HMAC-SHA256 over id, time and content.
// A secret is never in an error.
import { createHmac, createSecretKey } from 'node:crypto'
import { decodeBase64 } from '../checks/base64.ts'

const prefix = 'whsec_'
const keyBytesMin = 24
const keyBytesMax = 64

/** `webhook-signature` for this content: one signature a secret, in their order. */
export type Signer = (id: string, timestampSeconds: number, content: Uint8Array) => string

/** Throws TypeError that names `setting` where the text is not `whsec_` and base64 of 24 to 64 bytes. */
export function assertSigningSecret(setting: string, text: string): void {
  decode(setting, text)
}

/** Undefined without a secret. Throws TypeError as `assertSigningSecret` does. */
export function signer(secrets: readonly string[]): Signer | undefined {
  if (secrets.length === 0) return undefined
  const keys = secrets.map(text => createSecretKey(decode('secret', text)))
  return (id, timestampSeconds, content) => {
    const head = `${id}.${timestampSeconds}.`
    let header = ''
    for (const key of keys) {
      const mac = createHmac('sha256', key).update(head).update(content).digest('base64')
      header += header === '' ? `v1,${mac}` : ` v1,${mac}`
    }
    return header
  }
}

function decode(setting: string, text: string): Buffer {
  const expected = `${setting}: expected \`${prefix}\` and base64 of ${keyBytesMin} to ${keyBytesMax} bytes`
  if (!text.startsWith(prefix)) throw new TypeError(`${expected}, got a text that does not begin with \`${prefix}\``)
  const encoded = text.slice(prefix.length)
  // The URL-safe alphabet is a secret's that most verifiers could not read.
  const key = /[-_]/.test(encoded) ? undefined : decodeBase64(encoded)
  if (key === undefined) throw new TypeError(`${expected}, got what is no base64`)
  if (key.length < keyBytesMin || key.length > keyBytesMax) throw new TypeError(`${expected}, got ${key.length} bytes`)
  return key
}
