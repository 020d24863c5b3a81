// HTTP Basic (RFC 7617): the password may hold colons, the scheme's case does not matter.
import { assertSecret, currentValue, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { decodeBase64 } from './base64.ts'
import { type Check, passed, refused } from './check.ts'
import { equalSecret, equalsAnySecret } from './equal.ts'

const challenge = 'Basic realm="postern", charset="UTF-8"'

/** Verifies a user name and a password. */
export function basic({ username, password }: { username: string; password: SecretLike }): Check {
  if (typeof username !== 'string' || username.includes(':')) {
    throw new TypeError('basic: expected `username`, a text without ":"')
  }
  assertSecret(password, 'basic.password')
  return {
    kind: 'basic',
    reads: { headers: ['authorization'], pathToken: false, query: [] },
    needsBody: false,
    secrets: secretUses(password, 'text'),
    verify(request) {
      const header = request.header('authorization')
      if (header === undefined || header.trim() === '') {
        return refused('unauthenticated', 'no Authorization header', { challenge, missing: true })
      }
      const encoded = /^basic +(\S+)\s*$/i.exec(header)?.[1]
      // Never decoded to text: what is no UTF-8 would become U+FFFD, and many passwords one.
      const credentials = encoded === undefined ? undefined : decodeBase64(encoded)
      if (credentials === undefined) return refused('unauthenticated', 'Authorization is not Basic', { challenge })
      const colon = credentials.indexOf(0x3a)
      if (colon < 0) return refused('unauthenticated', 'Basic credentials without ":"', { challenge })
      const nameFits = equalSecret(credentials.subarray(0, colon), username)
      const passwordFits = equalsAnySecret(credentials.subarray(colon + 1), secretValues(password))
      return nameFits && passwordFits
        ? passed('basic')
        : refused('unauthenticated', 'wrong user name or password', { challenge })
    },
    sign(sample) {
      const value = secretValues(password)[0]
      if (value === undefined) return undefined
      const authorization = `Basic ${Buffer.from(`${username}:${value}`).toString('base64')}`
      return { ...sample, headers: { ...sample.headers, Authorization: authorization } }
    },
    credentials: () => [{ kind: 'basic', username, password: currentValue(password) }],
  }
}
