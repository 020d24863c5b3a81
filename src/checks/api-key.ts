// A static key in a header of the vendor's choice.
import { assertSecret, currentValue, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { type Check, passed, refused } from './check.ts'
import { equalsAnySecret } from './equal.ts'

/** Verifies that a header carries a key. */
export function apiKey({ header, key }: { header: string; key: SecretLike }): Check {
  if (!header) throw new TypeError('apiKey: expected `header`, the name of the header with the key')
  assertSecret(key, 'apiKey.key')
  const name = header.toLowerCase()
  return {
    kind: 'api-key',
    reads: { headers: [name], pathToken: false, query: [] },
    needsBody: false,
    secrets: secretUses(key, 'text'),
    verify(request) {
      const presented = request.header(name) ?? ''
      if (presented === '') return refused('unauthenticated', `header ${name} is missing or empty`)
      return equalsAnySecret(presented, secretValues(key))
        ? passed('api-key')
        : refused('unauthenticated', `wrong key in header ${name}`)
    },
    sign(sample) {
      const value = secretValues(key)[0]
      return value === undefined ? undefined : { ...sample, headers: { ...sample.headers, [header]: value } }
    },
    credentials: () => [{ kind: 'header', name: header, value: currentValue(key) }],
  }
}
