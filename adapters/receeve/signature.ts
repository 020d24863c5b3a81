// receeve's signature: RSA over the text in `payloadAsString`, inside the same body. It covers that text and nothing
// else: `payload` beside it is anybody's, so it must say the same. The text is never made anew from `payload`.
import { constants, createPrivateKey, type KeyObject, sign, verify } from 'node:crypto'
import type { InboundRequest, SampleRequest } from '../../src/adapter.ts'
import { type Check, passed, readsNothing, refused } from '../../src/checks/check.ts'
import { Secret, type SecretLike, secretUses, secretValues } from '../../src/config/secret.ts'
import { sameJson } from '../../src/json/read.ts'
import { type Envelope, envelopeOf, membersOfEnvelope } from './envelope.ts'
import { assertPublicKeys, type PublicKeyLike, readKeys } from './keys.ts'

const hashes = ['sha256', 'sha384', 'sha512'] as const

export interface ReceeveSignatureOptions {
  /**
   * The vendor's RSA public key of at least 2048 bits: PEM, a JWK or a set of them (JSON text or object), or several
   * while they are rotated. From the configuration only, never from a request.
   */
  publicKey: PublicKeyLike
  /** Default `pkcs1` (RSASSA-PKCS1-v1_5). The vendor does not say which it uses. */
  padding?: 'pkcs1' | 'pss'
  /** Default `sha256`. */
  hash?: (typeof hashes)[number]
}

/** Verifies receeve's signature. Throws TypeError for options that cannot work. */
export function signature(options: ReceeveSignatureOptions): Check<'receeve'> {
  const { padding = 'pkcs1', hash = 'sha256' } = options
  if (padding !== 'pkcs1' && padding !== 'pss') {
    throw new TypeError(`receeve.signature: expected \`padding\` to be pkcs1 or pss, got ${JSON.stringify(padding)}`)
  }
  if (!hashes.includes(hash)) {
    throw new TypeError(
      `receeve.signature: expected \`hash\` to be one of ${hashes.join(', ')}, got ${JSON.stringify(hash)}`,
    )
  }
  const publicKey = assertPublicKeys(options.publicKey, 'receeve.signature.publicKey')
  const scheme = {
    padding: padding === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING,
    ...(padding === 'pss' ? { saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}),
  }
  const cache = new Map<string, ReturnType<typeof readKeys>>()
  const keysOf = (text: string) => {
    const keys = cache.get(text) ?? readKeys(text)
    cache.set(text, keys)
    return keys
  }
  const matches = (key: KeyObject, text: string, bytes: Buffer) => {
    try {
      // Senders differ in the salt's length; a verifier loses nothing by taking any.
      const any = padding === 'pss' ? { saltLength: constants.RSA_PSS_SALTLEN_AUTO } : {}
      return verify(hash, Buffer.from(text), { key, ...scheme, ...any }, bytes)
    } catch {
      return false
    }
  }
  return {
    kind: 'receeve-signature',
    forVendor: 'receeve',
    reads: readsNothing,
    needsBody: true,
    secrets: secretUses(publicKey, 'rsa-public-key'),
    verify(request: InboundRequest) {
      const envelope = envelopeOf(request)
      if ('problem' in envelope) return refused('unreadable', `the body is not JSON: ${envelope.problem}`)
      const presented = signedParts(envelope)
      if ('problem' in presented) return refused('unauthenticated', presented.problem)
      const found = secretValues(publicKey).map(keysOf)
      const keys = found.flatMap(each => each.keys)
      if (keys.length === 0) {
        return refused('unauthenticated', `no usable public key is configured: ${found[0]?.problem ?? 'it is empty'}`)
      }
      if (!keys.some(key => matches(key, presented.text, presented.bytes))) {
        return refused('unauthenticated', 'the signature does not match payloadAsString')
      }
      if (envelope.payload !== undefined && !sameJson(envelope.signed, envelope.payload)) {
        return refused('unauthenticated', 'payload does not say what the signed payloadAsString says')
      }
      return passed('receeve-signature')
    },
    sign(sample) {
      const pem = signingKeyOf(publicKey)
      return pem === undefined
        ? undefined
        : signed(sample, text => sign(hash, Buffer.from(text), { key: pem, ...scheme }))
    },
  }
}

function signedParts(envelope: Envelope): { text: string; bytes: Buffer } | { problem: string } {
  const { payloadAsString: text, doubled } = envelope
  if (doubled !== undefined) return { problem: `${doubled} is there twice` }
  if (text === undefined || text === null || text === '') return { problem: 'the body has no payloadAsString' }
  // A lone surrogate has no UTF-8 of its own: other texts have the same bytes.
  if (!text.isWellFormed()) return { problem: 'payloadAsString has a lone surrogate' }
  const bytes = typeof envelope.signature === 'string' ? base64(envelope.signature) : undefined
  return bytes === undefined ? { problem: 'the signature is missing or not base64' } : { text, bytes }
}

/** Bytes of base64 in either alphabet, with or without its padding, written as an encoder writes it. */
function base64(text: string): Buffer | undefined {
  if (!/^(?:[A-Za-z0-9+/]+|[A-Za-z0-9_-]+)={0,2}$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  return bytes.toString('base64').replace(/=+$/, '') === bare ? bytes : undefined
}

/** The private half, where Postern minted the pair itself. */
function signingKeyOf(publicKey: SecretLike): KeyObject | undefined {
  if (!(publicKey instanceof Secret) || publicKey.signingKey === undefined) return undefined
  try {
    return createPrivateKey(publicKey.signingKey)
  } catch {
    return undefined
  }
}

/** The sample with its `payload` also as text, and that text signed. */
function signed(sample: SampleRequest, sign: (text: string) => Buffer): SampleRequest | undefined {
  try {
    const payload = membersOfEnvelope(sample.body).find('payload')[0]?.value
    if (payload === undefined) return undefined
    const text = sample.body.slice(payload.start, payload.end)
    const [signature, payloadAsString] = [JSON.stringify(sign(text).toString('base64')), JSON.stringify(text)]
    return {
      ...sample,
      body: `{"payload":${text},"signature":${signature},"payloadAsString":${payloadAsString}}`,
    }
  } catch {
    return undefined
  }
}
