// Ballerine's two proofs: an HMAC over the body, and a header that carries the very secret which keys that HMAC.
// So both headers are read, and thereby scrubbed, whichever of them is required.

import { createHmac } from 'node:crypto'
import { type Check, passed, type Reads, refused } from '../../src/checks/check.ts'
import { allOf } from '../../src/checks/combine.ts'
import { equalsAnySecret } from '../../src/checks/equal.ts'
import { sameBytes } from '../../src/checks/hmac.ts'
import { macKey } from '../../src/checks/mac-key.ts'
import { assertSecret, type SecretLike, secretUses, secretValues } from '../../src/config/secret.ts'

const proofs = ['signature', 'authorization'] as const

export interface BallerineSignatureOptions {
  /** The customer's `webhookSharedSecret`. */
  secret: SecretLike
  /**
   * What a request must prove, all of it: `signature` is X-HMAC-Signature, `authorization` X-Authorization.
   * Default `['signature']`.
   */
  require?: readonly (typeof proofs)[number][]
}

/** What Ballerine sends in a signature's place where no secret is set. */
const placeholder = 'UNSIGNED'
const reads: Reads = { headers: ['x-hmac-signature', 'x-authorization'], pathToken: false, query: [] }

/** Verifies Ballerine's headers. Throws TypeError for options that cannot work. */
export function signature({ secret, require = ['signature'] }: BallerineSignatureOptions): Check<'ballerine'> {
  assertSecret(secret, 'ballerine.signature.secret')
  if (holdsPlaceholder(secret)) throw new TypeError(`ballerine.signature.secret: ${placeholder} is no secret`)
  if (!Array.isArray(require) || require.length === 0 || !require.every(each => proofs.includes(each))) {
    throw new TypeError(
      `ballerine.signature: expected \`require\` to be some of ${proofs.join(', ')}, got ${JSON.stringify(require)}`,
    )
  }
  const checks = [
    // First the one that needs no body: a stranger is refused before the body is read.
    ...(require.includes('authorization') ? [authorizationCheck(secret)] : []),
    ...(require.includes('signature') ? [signatureCheck(secret)] : []),
  ]
  const [only] = checks
  return checks.length === 1 && only !== undefined ? only : allOf(...checks)
}

function signatureCheck(secret: SecretLike): Check<'ballerine'> {
  const mac = (key: string, body: Uint8Array | string) => createHmac('sha256', macKey(key)).update(body).digest()
  return {
    kind: 'ballerine-signature',
    forVendor: 'ballerine',
    reads,
    needsBody: true,
    secrets: secretUses(secret, 'text'),
    verify(request) {
      const presented = request.header('x-hmac-signature') ?? ''
      if (presented === '') return refused('unauthenticated', 'header x-hmac-signature is missing or empty')
      if (presented === placeholder) return refused('unauthenticated', `x-hmac-signature is ${placeholder}`)
      if (!/^[0-9a-f]{64}$/.test(presented)) return refused('unauthenticated', 'x-hmac-signature is no lower-case hex')
      const signature = Buffer.from(presented, 'hex')
      return usable(secret).some(key => sameBytes(mac(key, request.body), signature))
        ? passed('ballerine-signature')
        : refused('unauthenticated', 'x-hmac-signature does not match the body')
    },
    sign(sample) {
      const key = usable(secret)[0]
      if (key === undefined) return undefined
      return { ...sample, headers: { ...sample.headers, 'X-HMAC-Signature': mac(key, sample.body).toString('hex') } }
    },
  }
}

function authorizationCheck(secret: SecretLike): Check<'ballerine'> {
  return {
    kind: 'ballerine-authorization',
    forVendor: 'ballerine',
    reads,
    needsBody: false,
    secrets: secretUses(secret, 'text'),
    verify(request) {
      const presented = request.header('x-authorization') ?? ''
      if (presented === '') return refused('unauthenticated', 'header x-authorization is missing or empty')
      return equalsAnySecret(presented, usable(secret))
        ? passed('ballerine-authorization')
        : refused('unauthenticated', 'x-authorization is not the secret')
    },
    sign(sample) {
      const value = usable(secret)[0]
      return value === undefined ? undefined : { ...sample, headers: { ...sample.headers, 'X-Authorization': value } }
    },
  }
}

function usable(secret: SecretLike): readonly string[] {
  return secretValues(secret).filter(value => value !== placeholder)
}

function holdsPlaceholder(secret: SecretLike): boolean {
  return Array.isArray(secret) ? secret.some(holdsPlaceholder) : secret === placeholder
}
