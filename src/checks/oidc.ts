// An access token of an OIDC provider (client credentials): its keys are found by discovery.
// A token that its own claims condemn is refused without asking the provider; a provider that is away refuses nobody
// for good, since the vendor's next try may pass.
import type { JWTPayload } from 'jose'
import { type Check, passed, refused } from './check.ts'
import { assertAlgorithms, publicKeyAlgorithms } from './jwt.ts'
import { assertProviderUrl, ProviderAway, type ProviderTiming, providerKeys, providerTiming } from './provider.ts'
import { presentedToken, reasonOf, refusedToken, type TokenRules, unverifiedClaims, verifiedClaims } from './token.ts'

export interface OidcOptions {
  /** The provider's URL, as its tokens have it in `iss`, to the letter. https, or http on loopback. */
  issuer: string
  /** What `aud` must be or contain. */
  audience: string | readonly string[]
  /** Where the keys are, for a provider without a discovery document. Default: as `<issuer>/.well-known/openid-configuration` says. */
  jwksUri?: string
  /** Scopes that the token must all have, in `scope` or `scp`: text with spaces, or a list. */
  scope?: string | readonly string[]
  /** Who may have got the token: `client_id`, `azp`, `appid` or `cid`, the first that is there. Default: any client. */
  clientId?: string | readonly string[]
  /** Default RS256, PS256, ES256 and EdDSA. */
  algorithms?: readonly (typeof publicKeyAlgorithms)[number][]
}

/** Verifies an access token of an OIDC provider. Throws TypeError for options that cannot work. `timing` is for tests. */
export function oidc(options: OidcOptions, timing: Partial<ProviderTiming> = {}): Check {
  const { issuer, audience, jwksUri, algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'] } = options
  assertProviderUrl('oidc.issuer', issuer)
  if (jwksUri !== undefined) assertProviderUrl('oidc.jwksUri', jwksUri)
  if (list(audience).length === 0) throw new TypeError('oidc: expected `audience`, what the tokens are for')
  assertAlgorithms('oidc', algorithms, publicKeyAlgorithms)
  const scopes = options.scope === undefined ? [] : list(options.scope).flatMap(words)
  if (options.scope !== undefined && scopes.length === 0)
    throw new TypeError('oidc: expected `scope`, got an empty one')
  const clients = options.clientId === undefined ? undefined : list(options.clientId)
  if (clients?.length === 0) throw new TypeError('oidc: expected `clientId`, got an empty one')
  const rules: TokenRules = { algorithms, issuer, audience, types: ['jwt', 'at+jwt'] }
  const keys = providerKeys(issuer, jwksUri, { ...providerTiming, ...timing })

  const problemOf = (claims: JWTPayload): string | undefined => {
    const granted = new Set([claims.scope, claims.scp].flatMap(grantedScopes))
    const lacking = scopes.find(scope => !granted.has(scope))
    if (lacking !== undefined) return `the token lacks the scope ${lacking}`
    return clients === undefined || clients.includes(clientOf(claims) ?? '')
      ? undefined
      : 'the token is of another client'
  }

  return {
    kind: 'oidc',
    reads: { headers: ['authorization'], pathToken: false, query: [] },
    needsBody: false,
    secrets: [],
    credentials: () => [{ kind: 'oidc', issuer, clientId: clients?.[0], scope: scopes.join(' ') || undefined }],
    async verify(request) {
      const presented = presentedToken(request)
      if ('verdict' in presented) return presented.verdict
      const unverified = unverifiedClaims(presented.token, rules, request.receivedAt)
      const problem = 'problem' in unverified ? unverified.problem : problemOf(unverified.claims)
      if (problem !== undefined) return refusedToken(problem)
      try {
        const claims = await verifiedClaims(presented.token, keys, rules, request.receivedAt)
        const unfit = problemOf(claims)
        return unfit === undefined ? passed('oidc') : refusedToken(unfit)
      } catch (error) {
        if (error instanceof ProviderAway) return refused('unavailable', error.message)
        return refusedToken(`the token is refused: ${reasonOf(error)}`)
      }
    },
  }
}

function list(setting: string | readonly string[]): string[] {
  return (typeof setting === 'string' ? [setting] : [...(setting ?? [])]).filter(each => each !== '')
}

function words(text: string): string[] {
  return text.split(' ').filter(word => word !== '')
}

function grantedScopes(claim: unknown): string[] {
  if (typeof claim === 'string') return words(claim)
  return Array.isArray(claim) ? claim.filter(each => typeof each === 'string').flatMap(words) : []
}

/** Providers name the client by one of these: RFC 8693 and Keycloak, OpenID Connect, Entra ID v1, Okta. */
function clientOf(claims: JWTPayload): string | undefined {
  for (const name of ['client_id', 'azp', 'appid', 'cid']) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined
    if (typeof value === 'string') return value
  }
  return undefined
}
