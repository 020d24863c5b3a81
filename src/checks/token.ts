// A signed bearer token (RFC 7519, RFC 9068): taking it from the request, and judging its claims.
// Time is the request's own: a request looked at again later is judged by the clock under which it came.
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, UnsecuredJWT } from 'jose'
import type { InboundRequest } from '../adapter.ts'
import { bearerCredentials } from './bearer.ts'
import { refused, type Verdict } from './check.ts'

export interface TokenRules {
  algorithms: readonly string[]
  issuer?: string | undefined
  audience?: string | readonly string[] | undefined
  /** The media types a token may say it is; one that says nothing is taken. Default any. */
  types?: readonly string[]
}

/** How far a token's times may lie from ours. */
const clockToleranceSeconds = 30
const invalidToken = 'Bearer error="invalid_token"'

/** The key that verifies a token, or what finds it. */
export type TokenKey = Extract<Parameters<typeof jwtVerify>[1], (...args: never[]) => unknown>

export function presentedToken(request: InboundRequest): { token: string } | { verdict: Verdict } {
  const header = request.header('authorization')
  if (header === undefined || header.trim() === '') {
    const extra = { challenge: 'Bearer', missing: true }
    return { verdict: refused('unauthenticated', 'no Authorization header', extra) }
  }
  const token = bearerCredentials(header)
  return token === undefined
    ? { verdict: refused('unauthenticated', 'Authorization is not Bearer', { challenge: 'Bearer' }) }
    : { token }
}

export function refusedToken(reason: string): Verdict {
  return refused('unauthenticated', reason, { challenge: invalidToken })
}

/** Claims that nobody has verified, or why the token is refused whatever its signature: no key is looked for then. */
export function unverifiedClaims(
  token: string,
  rules: TokenRules,
  receivedAt: number,
): { claims: JWTPayload } | { problem: string } {
  const parts = token.split('.')
  if (parts.length !== 3 || parts.includes('')) return { problem: 'the token is not a signed JWT' }
  try {
    const { alg, typ } = decodeProtectedHeader(token)
    if (alg === undefined || !rules.algorithms.includes(alg)) return { problem: "the token's alg is not allowed" }
    if (typ !== undefined && rules.types !== undefined && !rules.types.includes(mediaType(typ))) {
      return { problem: "the token's typ is not allowed" }
    }
    // jose judges claims together with a signature only; behind a header of our own that has none, it judges them alone.
    const { payload } = UnsecuredJWT.decode(`${unsecuredHeader}.${parts[1]}.`, claimRules(rules, receivedAt))
    return { claims: payload }
  } catch (error) {
    return { problem: `the token is refused: ${reasonOf(error)}` }
  }
}

/** The claims that the key proves. Throws what jose throws, and what `key` throws. */
export async function verifiedClaims(
  token: string,
  key: TokenKey,
  rules: TokenRules,
  receivedAt: number,
): Promise<JWTPayload> {
  const options = { ...claimRules(rules, receivedAt), algorithms: [...rules.algorithms] }
  return (await jwtVerify(token, key, options)).payload
}

/** What jose says of a token; it never repeats the token. What other code says might, so it is not repeated. */
export function reasonOf(error: unknown): string {
  return error instanceof errors.JOSEError ? error.message : 'it cannot be verified with the key'
}

const unsecuredHeader = Buffer.from('{"alg":"none"}').toString('base64url')

function claimRules({ issuer, audience }: TokenRules, receivedAt: number) {
  return {
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience: typeof audience === 'string' ? audience : [...audience] }),
    currentDate: new Date(receivedAt),
    clockTolerance: clockToleranceSeconds,
    requiredClaims: ['exp'],
  }
}

/** `at+jwt` and `application/at+jwt` are one type (RFC 7515, 4.1.9). */
function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}
