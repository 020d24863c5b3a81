// A token in the URL: the only secret channel that a vendor has that sends neither headers nor signatures (Fineract).
import { assertSecret, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { type Check, passed, refused } from './check.ts'
import { equalsAnySecret } from './equal.ts'

/** Verifies the first path segment after the source. Refused with 404, as if the path did not exist. */
export function pathToken(token: SecretLike): Check {
  assertSecret(token, 'pathToken')
  const owns = (segment: string) => equalsAnySecret(segment, secretValues(token))
  return {
    kind: 'path-token',
    reads: { headers: [], pathToken: true, query: [] },
    needsBody: false,
    secrets: secretUses(token, 'text'),
    ownsSegment: owns,
    verify(request) {
      const presented = request.pathToken ?? ''
      if (presented === '') return refused('not_found', 'the path has no token')
      return owns(presented) ? passed('path-token') : refused('not_found', 'wrong path token')
    },
    sign(sample) {
      const value = secretValues(token)[0]
      return value === undefined ? undefined : { ...sample, pathToken: value }
    },
    credentials: () => [],
  }
}
