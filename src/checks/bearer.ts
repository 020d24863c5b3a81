// A static bearer token (RFC 6750) in the Authorization header.
import { assertSecret, currentValue, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { type Check, passed, refused } from './check.ts'
import { equalsAnySecret } from './equal.ts'

/** The credentials of `Authorization: Bearer …`, or undefined where the header is of another scheme or absent. */
export function bearerCredentials(header: string | undefined): string | undefined {
  return /^bearer +([^\s]+)\s*$/i.exec(header ?? '')?.[1]
}

/** Verifies a bearer token. */
export function bearer(token: SecretLike): Check {
  assertSecret(token, 'bearer')
  return {
    kind: 'bearer',
    reads: { headers: ['authorization'], pathToken: false, query: [] },
    needsBody: false,
    secrets: secretUses(token, 'text'),
    verify(request) {
      const header = request.header('authorization')
      if (header === undefined || header.trim() === '') {
        return refused('unauthenticated', 'no Authorization header', { challenge: 'Bearer', missing: true })
      }
      const presented = bearerCredentials(header)
      if (presented === undefined) {
        return refused('unauthenticated', 'Authorization is not Bearer', { challenge: 'Bearer' })
      }
      return equalsAnySecret(presented, secretValues(token))
        ? passed('bearer')
        : refused('unauthenticated', 'wrong bearer token', { challenge: 'Bearer error="invalid_token"' })
    },
    sign(sample) {
      const value = secretValues(token)[0]
      if (value === undefined) return undefined
      return { ...sample, headers: { ...sample.headers, Authorization: `Bearer ${value}` } }
    },
    credentials: () => [{ kind: 'header', name: 'Authorization', value: `Bearer ${currentValue(token)}` }],
  }
}
