// Banclo's `security.signature`: an HMAC-SHA256 inside the body that it signs. What it covers is documented nowhere,
// so that is a setting; every strategy cuts members out of the raw bytes, since serialising anew would change them.

import { createHmac } from 'node:crypto'
import type { SampleRequest } from '../../src/adapter.ts'
import { type Check, passed, readsNothing, refused, type SignContext } from '../../src/checks/check.ts'
import { decodeSignature, hmac, sameBytes } from '../../src/checks/hmac.ts'
import { macKey } from '../../src/checks/mac-key.ts'
import { assertSecret, type SecretLike, secretUses, secretValues } from '../../src/config/secret.ts'
import { removal } from '../../src/json/cut.ts'
import type { MemberSpan } from '../../src/json/parse.ts'
import { type Body, bodyOf, parseBody, without, withoutSecurity } from './body.ts'

const strategies = [
  'body-without-security',
  'body-without-signature',
  'timestamp.body-without-security',
  'data',
  'body-with-blank-signature',
  'raw-body',
] as const

export type Covers = (typeof strategies)[number]

export interface BancloSignatureOptions {
  secret: SecretLike
  /**
   * What the signature covers: the body without its `security` member, without `security.signature`, the first of these
   * behind `<security.timestamp>.`, the `data` member alone, the body with an empty signature, or, with the signature
   * in a header, the body as it is.
   */
  covers: Covers
  /** The header that carries the signature; with `raw-body` only. */
  header?: string
}

const prefix = 'sha256='

/** Verifies Banclo's signature. Throws TypeError for options that cannot work. */
export function signature({ secret, covers, header }: BancloSignatureOptions): Check<'banclo'> {
  assertSecret(secret, 'banclo.signature.secret')
  if (!strategies.includes(covers)) {
    throw new TypeError(`banclo.signature: expected \`covers\` to be one of ${strategies.join(', ')}, got ${covers}`)
  }
  if (covers === 'raw-body') {
    if (!header) throw new TypeError("banclo.signature: `covers: 'raw-body'` needs `header`, where the signature is")
    return { ...hmac({ header, secret, prefix }), forVendor: 'banclo' }
  }
  const mac = (key: string, pieces: readonly (Buffer | string)[]) => {
    const digest = createHmac('sha256', macKey(key))
    for (const piece of pieces) digest.update(piece)
    return digest.digest()
  }
  return {
    kind: 'banclo-signature',
    forVendor: 'banclo',
    reads: readsNothing,
    needsBody: true,
    secrets: secretUses(secret, 'text'),
    verify(request) {
      const body = bodyOf(request)
      if (body === undefined) return refused('unreadable', 'the body is not JSON')
      const found = signatureOf(body)
      if ('problem' in found) return refused('unauthenticated', found.problem)
      const pieces = signedPieces(body, covers, found.member)
      if (pieces === undefined) return refused('unauthenticated', `the body has nothing that "${covers}" covers`)
      return secretValues(secret).some(key => sameBytes(mac(key, pieces), found.signature))
        ? passed('banclo-signature')
        : refused('unauthenticated', `security.signature does not match (covers: ${covers})`)
    },
    sign(sample, context) {
      const key = secretValues(secret)[0]
      return key === undefined ? undefined : sign(sample, context, covers, pieces => mac(key, pieces))
    },
  }
}

function signatureOf(body: Body): { member: MemberSpan; signature: Buffer } | { problem: string } {
  const members = body.members.find('security', 'signature')
  const [member] = members
  if (member === undefined) return { problem: 'the body has no security.signature' }
  // Two of them: which one a reader takes, and what is cut, would be anyone's guess.
  if (members.length > 1 || body.members.find('security').length > 1 || body.members.find('data').length > 1) {
    return { problem: 'security, its signature or data is there twice' }
  }
  const text = /^"([^"\\]*)"$/.exec(body.latin1.slice(member.value.start, member.value.end))?.[1]
  const signature = text === undefined ? undefined : decodeSignature(text, prefix, 'hex')
  return signature === undefined ? { problem: 'security.signature is not sha256=<hex>' } : { member, signature }
}

function signedPieces(body: Body, covers: Covers, signature: MemberSpan): (Buffer | string)[] | undefined {
  switch (covers) {
    case 'body-without-security':
      return withoutSecurity(body)
    case 'timestamp.body-without-security': {
      const value = body.members.find('security', 'timestamp')[0]?.value
      const timestamp = value && body.latin1.slice(value.start, value.end).replace(/^"(.*)"$/, '$1')
      return timestamp === undefined ? undefined : [`${timestamp}.`, ...withoutSecurity(body)]
    }
    case 'body-without-signature':
      return without(body, [removal(body.latin1, signature)])
    case 'body-with-blank-signature':
      return without(body, [{ start: signature.value.start + 1, end: signature.value.end - 1 }])
    case 'data': {
      const value = body.members.find('data')[0]?.value
      return value && [body.bytes.subarray(value.start, value.end)]
    }
    case 'raw-body':
      return undefined
  }
}

/** Puts a `security` member in, signs what the strategy covers of it, and puts the signature in its place. */
function sign(
  sample: SampleRequest,
  { now }: SignContext,
  covers: Covers,
  mac: (pieces: readonly (Buffer | string)[]) => Buffer,
): SampleRequest | undefined {
  const blank = `${prefix}${'0'.repeat(64)}`
  const security = `"security":{"signature":"${blank}","timestamp":${Math.floor(now / 1000)}}`
  const text = sample.body.replace(/\}\s*$/, `,${security}}`)
  const body = parseBody(Buffer.from(text))
  const member = body?.members.find('security', 'signature')[0]
  const pieces = body && member && signedPieces(body, covers, member)
  return pieces && { ...sample, body: text.replace(blank, prefix + mac(pieces).toString('hex')) }
}
