// HMAC over the raw bytes with the signature in a header: GitHub's and Stripe's ways, and most others'.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { InboundRequest } from '../adapter.ts'
import { assertSecret, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { decodeBase64 } from './base64.ts'
import { type Check, passed, refused } from './check.ts'
import { macKey } from './mac-key.ts'

const algorithms = ['sha1', 'sha256', 'sha384', 'sha512'] as const

export interface HmacOptions {
  /** The header that carries the signature. */
  header: string
  secret: SecretLike
  /** Default `sha256`. */
  algorithm?: (typeof algorithms)[number]
  /** Default `hex`. `base64` takes the URL-safe alphabet and missing padding too. */
  encoding?: 'hex' | 'base64'
  /** What stands before the signature: GitHub's is `sha256=`. Default none. */
  prefix?: string
  /** What is signed: `{body}`, `{timestamp}` and text. Default `{body}`; Stripe's is `{timestamp}.{body}`. */
  template?: string
  /** The header that carries the timestamp of the template, in seconds since the epoch. */
  timestampHeader?: string
  /** How far the timestamp may lie from the receipt's time, either way. Default: any. */
  toleranceSeconds?: number
  /** The keys of timestamp and signature where one header carries both: Stripe's is `t=,v1=`. */
  signatures?: string
}

/** Verifies an HMAC in a header. Throws TypeError for options that cannot work. */
export function hmac(options: HmacOptions): Check {
  const { secret, algorithm = 'sha256', encoding = 'hex', prefix = '', template = '{body}' } = options
  if (!options.header) throw new TypeError('hmac: expected `header`, the name of the header with the signature')
  assertSecret(secret, 'hmac.secret')
  if (!algorithms.includes(algorithm)) {
    throw new TypeError(`hmac: expected \`algorithm\` to be one of ${algorithms.join(', ')}, got ${algorithm}`)
  }
  if (encoding !== 'hex' && encoding !== 'base64') {
    throw new TypeError(`hmac: expected \`encoding\` to be hex or base64, got ${encoding}`)
  }
  if (options.toleranceSeconds !== undefined && !(options.toleranceSeconds > 0)) {
    throw new TypeError(`hmac: expected \`toleranceSeconds\` above 0, got ${options.toleranceSeconds}`)
  }
  if (!template.includes('{body}')) throw new TypeError('hmac: `template` must contain {body}, or nothing is verified')
  const keys = options.signatures === undefined ? undefined : signatureKeys(options.signatures)
  const header = options.header.toLowerCase()
  const timestampHeader = options.timestampHeader?.toLowerCase()
  const timed = template.includes('{timestamp}')
  if (timed && timestampHeader === undefined && keys?.timestamp === undefined) {
    throw new TypeError('hmac: `template` has {timestamp}: say where it comes from, `timestampHeader` or `signatures`')
  }
  if (options.toleranceSeconds !== undefined && !timed) {
    throw new TypeError('hmac: `toleranceSeconds` without {timestamp} in `template` checks a time that nobody signed')
  }
  const parts = template.split(/(\{body\}|\{timestamp\})/).filter(part => part !== '')
  const digest = (key: string, timestamp: string, body: Uint8Array) => {
    const mac = createHmac(algorithm, macKey(key))
    for (const part of parts) mac.update(part === '{body}' ? body : part === '{timestamp}' ? timestamp : part)
    return mac.digest()
  }

  return {
    kind: 'hmac',
    reads: {
      headers: [header, ...(timestampHeader === undefined ? [] : [timestampHeader])],
      pathToken: false,
      query: [],
    },
    needsBody: true,
    secrets: secretUses(secret, 'text'),
    verify(request) {
      const presented = readHeader(request, header, timestampHeader, keys)
      if (presented.signatures.length === 0) {
        return refused('unauthenticated', `header ${header} is missing or empty`)
      }
      const seconds = timed ? presented.timestamp : ''
      if (timed && !/^\d{1,12}$/.test(seconds))
        return refused('unauthenticated', 'the timestamp is missing or no number')
      const macs = secretValues(secret).map(key => digest(key, seconds, request.body))
      const matched = presented.signatures.some(text => {
        const signature = decodeSignature(text, prefix, encoding)
        return signature !== undefined && macs.some(mac => sameBytes(mac, signature))
      })
      if (!matched) return refused('unauthenticated', `the signature in ${header} does not match`)
      // Only after the signature: a stranger is not told what the clock says.
      if (timed && !withinTolerance(Number(seconds), request.receivedAt, options.toleranceSeconds)) {
        return refused('unauthenticated', 'the timestamp is out of tolerance')
      }
      return passed('hmac')
    },
    sign(sample, { now }) {
      const key = secretValues(secret)[0]
      if (key === undefined) return undefined
      const seconds = String(Math.floor(now / 1000))
      const signature = prefix + digest(key, seconds, Buffer.from(sample.body)).toString(encoding)
      const headers: Record<string, string> = { ...sample.headers }
      if (keys !== undefined) {
        headers[options.header] =
          keys.timestamp === undefined
            ? `${keys.signature}=${signature}`
            : `${keys.timestamp}=${seconds},${keys.signature}=${signature}`
      } else {
        headers[options.header] = signature
        if (options.timestampHeader !== undefined) headers[options.timestampHeader] = seconds
      }
      return { ...sample, headers }
    },
  }
}

/**
 * Bytes of a signature's text, or undefined where the text is not what a signer writes: hex in one case, or canonical
 * base64, so that no other text passes for the same signature.
 */
export function decodeSignature(text: string, prefix: string, encoding: 'hex' | 'base64'): Buffer | undefined {
  if (!text.startsWith(prefix)) return undefined
  const encoded = text.slice(prefix.length).trim()
  if (encoding === 'base64') return decodeBase64(encoded)
  return /^(?:(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+)$/.test(encoded) ? Buffer.from(encoded, 'hex') : undefined
}

/** Constant-time equality that a wrong length fails instead of throwing. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

function withinTolerance(seconds: number, now: number, tolerance: number | undefined): boolean {
  return tolerance === undefined || Math.abs(seconds - now / 1000) <= tolerance
}

function signatureKeys(text: string): { timestamp?: string; signature: string } {
  const names = text.split(',').map(part => /^\s*([A-Za-z0-9_]+)=\s*$/.exec(part)?.[1])
  const [first, second] = names
  if (first !== undefined && names.length === 1) return { signature: first }
  if (first !== undefined && second !== undefined && names.length === 2) return { timestamp: first, signature: second }
  throw new TypeError(`hmac: expected \`signatures\` like 't=,v1=' or 'v1=', got ${JSON.stringify(text)}`)
}

/** No signer sends more; each one costs a comparison. */
const signaturesMax = 16

function readHeader(
  request: InboundRequest,
  header: string,
  timestampHeader: string | undefined,
  keys: { timestamp?: string; signature: string } | undefined,
): { timestamp: string; signatures: string[] } {
  const value = request.header(header)?.trim() ?? ''
  if (keys === undefined) {
    const timestamp = timestampHeader === undefined ? '' : (request.header(timestampHeader)?.trim() ?? '')
    return { timestamp, signatures: value === '' ? [] : [value] }
  }
  let timestamp = timestampHeader === undefined ? '' : (request.header(timestampHeader)?.trim() ?? '')
  const signatures: string[] = []
  for (const item of value.split(',').slice(0, signaturesMax)) {
    const equals = item.indexOf('=')
    const [name, content] = [item.slice(0, equals).trim(), item.slice(equals + 1).trim()]
    if (equals > 0 && name === keys.timestamp) timestamp = content
    if (equals > 0 && name === keys.signature && content !== '') signatures.push(content)
  }
  return { timestamp, signatures }
}
