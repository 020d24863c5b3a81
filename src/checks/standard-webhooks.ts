// Standard Webhooks (standardwebhooks.com): `v1` by HMAC-SHA256 and `v1a` by Ed25519, over the raw bytes.
// The body is never decoded first: the npm package does, and then a body with one invalid byte verifies under another's
// signature.
import { createHmac, createPublicKey, hash, type KeyObject, verify as verifyWithKey } from 'node:crypto'
import { assertSecret, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { decodeBase64 } from './base64.ts'
import { type Check, passed, refused } from './check.ts'
import { sameBytes } from './hmac.ts'

export interface StandardWebhooksOptions {
  /** `whsec_` and base64, or a public key, `whpk_` and base64; several while they are rotated. */
  secret: SecretLike
  /** How far the timestamp may lie from the receipt's time, either way. Default 300. */
  toleranceSeconds?: number
}

/** Verifies a Standard Webhooks signature. Throws TypeError for options that cannot work. */
export function standardWebhooksSignature({ secret, toleranceSeconds = 300 }: StandardWebhooksOptions): Check {
  assertSecret(secret, 'standardWebhooks.signature.secret')
  if (!(toleranceSeconds > 0)) {
    throw new TypeError(`standardWebhooks.signature: expected \`toleranceSeconds\` above 0, got ${toleranceSeconds}`)
  }
  for (const value of plainTexts(secret)) {
    if (readKey(value) === undefined) {
      throw new TypeError('standardWebhooks.signature.secret: expected `whsec_` or `whpk_` and base64')
    }
  }
  return {
    kind: 'standard-webhooks',
    // The id and the timestamp are no secrets: the id must outlive the check, since the dedupe key is made of it.
    reads: { headers: ['webhook-signature'], pathToken: false, query: [] },
    needsBody: true,
    secrets: secretUses(secret, 'standard-webhooks'),
    verify(request) {
      const id = request.header('webhook-id') ?? ''
      const timestamp = request.header('webhook-timestamp') ?? ''
      const presented = readSignatures(request.header('webhook-signature') ?? '')
      if (id === '') return refused('unauthenticated', 'header webhook-id is missing or empty')
      // With a full stop in the id, one signature would fit several ways to part id, timestamp and body.
      if (/[\u0000-\u001f\u007f-\u009f.]/.test(id)) {
        return refused('unauthenticated', 'webhook-id has a control character or a full stop')
      }
      if (!/^\d{1,12}$/.test(timestamp)) return refused('unauthenticated', 'webhook-timestamp is missing or no number')
      if (presented.length === 0) return refused('unauthenticated', 'webhook-signature has no v1 or v1a signature')

      const keys = secretValues(secret).flatMap(value => readKey(value) ?? [])
      if (keys.length === 0) return refused('unauthenticated', 'no secret is a `whsec_` or `whpk_` and base64')
      const head = `${id}.${timestamp}.`
      if (!keys.some(key => matches(key, head, request.body, presented))) {
        return refused('unauthenticated', 'no signature in webhook-signature matches')
      }
      // Only after the signature: a stranger is not told what the clock says.
      return Math.abs(Number(timestamp) - request.receivedAt / 1000) <= toleranceSeconds
        ? passed('standard-webhooks')
        : refused('unauthenticated', 'webhook-timestamp is out of tolerance')
    },
    sign(sample, { now }) {
      const key = secretValues(secret)
        .flatMap(value => readKey(value) ?? [])
        .find(each => each.version === 'v1')
      if (key === undefined) return undefined
      const timestamp = String(Math.floor(now / 1000))
      const id = sample.headers['webhook-id'] ?? `msg_${hash('sha256', sample.body, 'hex').slice(0, 32)}`
      const signature = mac(key.secret, `${id}.${timestamp}.`, Buffer.from(sample.body)).toString('base64')
      const signed = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
      return { ...sample, headers: { ...sample.headers, ...signed } }
    },
  }
}

type Key = { version: 'v1'; secret: Buffer } | { version: 'v1a'; publicKey: KeyObject }
interface Presented {
  version: string
  signature: Buffer
}

/** A key from its text, or undefined where the text is none. A secret without its prefix is taken as a `whsec_`. */
function readKey(text: string): Key | undefined {
  const [, prefix, encoded = ''] = /^(whsec_|whpk_|whsk_)?(.*)$/s.exec(text.trim()) ?? []
  const bytes = decodeBase64(encoded)
  // `whsk_` is the vendor's private half, which is nobody else's to have.
  if (bytes === undefined || prefix === 'whsk_') return undefined
  if (prefix !== 'whpk_') return { version: 'v1', secret: bytes }
  if (bytes.length !== 32) return undefined
  try {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }
    return { version: 'v1a', publicKey: createPublicKey({ key: jwk, format: 'jwk' }) }
  } catch {
    return undefined
  }
}

function plainTexts(like: SecretLike): string[] {
  if (typeof like === 'string') return [like]
  return Array.isArray(like) ? like.flatMap(plainTexts) : []
}

/** No signer sends more; each `v1a` costs a verification. */
const signaturesMax = 32

function readSignatures(header: string): Presented[] {
  const presented: Presented[] = []
  for (const item of header.split(' ')) {
    const comma = item.indexOf(',')
    const version = item.slice(0, comma)
    const signature = version === 'v1' || version === 'v1a' ? decodeBase64(item.slice(comma + 1)) : undefined
    if (signature !== undefined && presented.length < signaturesMax) presented.push({ version, signature })
  }
  return presented
}

function matches(key: Key, head: string, body: Buffer, presented: readonly Presented[]): boolean {
  const candidates = presented.filter(({ version }) => version === key.version)
  if (candidates.length === 0) return false
  if (key.version === 'v1') {
    const expected = mac(key.secret, head, body)
    return candidates.some(({ signature }) => sameBytes(expected, signature))
  }
  const content = Buffer.concat([Buffer.from(head), body])
  return candidates.some(({ signature }) => verifyWithKey(null, content, key.publicKey, signature))
}

function mac(secret: Buffer, head: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(head).update(body).digest()
}
