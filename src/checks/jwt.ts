// A signed bearer token whose key is configured: a shared secret, or a public key.
// A secret verifies HS* only and a public key never does, so that a published key is never taken for a secret.
import { constants, createHmac, sign as signWithKey } from 'node:crypto'
import { assertSecret, Secret, type SecretLike, secretUses, secretValues } from '../config/secret.ts'
import { type Check, passed } from './check.ts'
import { readPublicKey } from './public-key.ts'
import { presentedToken, reasonOf, refusedToken, type TokenRules, unverifiedClaims, verifiedClaims } from './token.ts'

export const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const
export const publicKeyAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

interface JwtRules {
  /** What `iss` must be, to the letter. Default: any. */
  issuer?: string
  /** What `aud` must be or contain. Default: any. */
  audience?: string | readonly string[]
}
export type JwtOptions = JwtRules &
  (
    | { secret: SecretLike; publicKey?: never; algorithms: readonly (typeof secretAlgorithms)[number][] }
    /** PEM, or a JWK's JSON. */
    | { publicKey: SecretLike; secret?: never; algorithms: readonly (typeof publicKeyAlgorithms)[number][] }
  )

/**
 * Verifies a signed JWT in `Authorization: Bearer`. It must have `exp`; `exp` and `nbf` are judged at the request's
 * receipt, with 30 s to spare. Throws TypeError for options that cannot work.
 */
export function jwt(options: JwtOptions): Check {
  const { issuer, audience } = options
  const like = options.secret ?? options.publicKey
  if ((options.secret === undefined) === (options.publicKey === undefined) || like === undefined) {
    throw new TypeError('jwt: expected either `secret` or `publicKey`')
  }
  const setting = options.secret === undefined ? 'jwt.publicKey' : 'jwt.secret'
  assertSecret(like, setting)
  assertAlgorithms('jwt', options.algorithms, options.secret === undefined ? publicKeyAlgorithms : secretAlgorithms)
  const read = options.secret === undefined ? readPublicKey : (text: string) => Buffer.from(text)
  for (const text of plainTexts(like)) {
    if (read(text) === undefined) throw new TypeError(`${setting}: expected a public key as PEM or JWK`)
  }
  const rules: TokenRules = { algorithms: options.algorithms, issuer, audience }

  return {
    kind: 'jwt',
    reads: { headers: ['authorization'], pathToken: false, query: [] },
    needsBody: false,
    secrets: secretUses(like, options.secret === undefined ? 'rsa-public-key' : 'text'),
    async verify(request) {
      const presented = presentedToken(request)
      if ('verdict' in presented) return presented.verdict
      const unverified = unverifiedClaims(presented.token, rules, request.receivedAt)
      if ('problem' in unverified) return refusedToken(unverified.problem)
      let problem = `${setting} holds no key`
      for (const text of secretValues(like)) {
        const key = read(text)
        if (key === undefined) continue
        try {
          await verifiedClaims(presented.token, () => key, rules, request.receivedAt)
          return passed('jwt')
        } catch (error) {
          problem = `the token is refused: ${reasonOf(error)}`
        }
      }
      return refusedToken(problem)
    },
    sign(sample, { now }) {
      const seconds = Math.floor(now / 1000)
      const claims = { iss: issuer, aud: audience, iat: seconds, exp: seconds + 300 }
      const token = options.secret === undefined ? signedByPair(like, options.algorithms, claims) : signedBySecret()
      if (token === undefined) return undefined
      return { ...sample, headers: { ...sample.headers, Authorization: `Bearer ${token}` } }

      function signedBySecret(): string | undefined {
        const [alg = ''] = options.algorithms
        const key = secretValues(like ?? [])[0]
        if (key === undefined) return undefined
        return signed(alg, claims, text =>
          createHmac(`sha${alg.slice(2)}`, key)
            .update(text)
            .digest(),
        )
      }
    },
  }
}

/** Throws TypeError unless every algorithm is among `allowed`; there must be one. `none` never is. */
export function assertAlgorithms(check: string, algorithms: readonly string[], allowed: readonly string[]): void {
  if (!Array.isArray(algorithms) || algorithms.length === 0) {
    throw new TypeError(`${check}: expected \`algorithms\`, some of ${allowed.join(', ')}`)
  }
  for (const each of algorithms) {
    if (!allowed.includes(each)) {
      throw new TypeError(`${check}: expected \`algorithms\` to be of ${allowed.join(', ')}, got ${String(each)}`)
    }
  }
}

/** A token signed with the private half of an RSA pair that Postern minted, where there is one. */
function signedByPair(like: SecretLike, algorithms: readonly string[], claims: object): string | undefined {
  const pem = like instanceof Secret ? like.signingKey : undefined
  const alg = algorithms.find(each => each.startsWith('RS') || each.startsWith('PS'))
  if (pem === undefined || alg === undefined) return undefined
  const padding = alg.startsWith('PS') ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  // RFC 7518, 3.5: the salt is as long as the hash.
  const key = { key: pem, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return signed(alg, claims, text => signWithKey(`sha${alg.slice(2)}`, Buffer.from(text), key))
}

function signed(alg: string, claims: object, sign: (text: string) => Buffer): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg, typ: 'JWT' })}.${part(claims)}`
  return `${text}.${sign(text).toString('base64url')}`
}

function plainTexts(like: SecretLike): string[] {
  if (typeof like === 'string') return [like]
  return Array.isArray(like) ? like.flatMap(plainTexts) : []
}
