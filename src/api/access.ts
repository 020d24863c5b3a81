// Who may ask, and what: whoever presents a token, by its scopes. Nothing else of a request is looked at before that.
import type { Context, MiddlewareHandler } from 'hono'
import { bearerCredentials } from '../checks/bearer.ts'
import { equalsAnySecret } from '../checks/equal.ts'
import { AppError } from '../errors.ts'
import { type Scope, scopes } from '../store/tokens.ts'
import { problemResponse } from './problem.ts'

/** Who asks. */
export interface Principal {
  name: string
  /** `tok_…`; null: the token of the environment. */
  tokenId: string | null
  scopes: ReadonlySet<Scope>
  /** The sources that it is limited to; null: all. */
  sources: readonly string[] | null
}

/** Who presents this `Authorization`; undefined: nobody that is known. */
export type Authenticate = (authorization: string | undefined) => Promise<Principal | undefined>

export interface PrincipalVariables {
  principal: Principal
}

export const adminPrincipal: Principal = { name: 'admin', tokenId: null, scopes: new Set(scopes), sources: null }

/** Knows the tokens of the environment, and no others. */
export function byAdminTokens(tokens: readonly string[]): Authenticate {
  return async authorization => {
    const presented = bearerCredentials(authorization)
    return presented !== undefined && equalsAnySecret(presented, tokens) ? adminPrincipal : undefined
  }
}

/** `admin` is all of them, and each of the others lets one read. */
export function allows(principal: Principal, scope: Scope): boolean {
  const { scopes } = principal
  return scopes.has(scope) || scopes.has('admin') || (scope === 'read' && scopes.size > 0)
}

/** Throws AppError `forbidden`, which names the scope. */
export function assertAllowed(principal: Principal, scope: Scope): void {
  if (allows(principal, scope)) return
  const detail = `this takes a token with the scope '${scope}'`
  throw new AppError('forbidden', detail, { errors: [{ parameter: 'Authorization', detail }] })
}

/** Throws AppError `forbidden` for a token that is limited to sources, where what it asks for is not about one. */
export function assertUnlimited({ sources }: Principal): void {
  if (sources === null) return
  const detail = 'this is not about one source: it takes a token that is not limited to sources'
  throw new AppError('forbidden', detail, { errors: [{ parameter: 'Authorization', detail }] })
}

/** Lets through whoever presents a token in `Authorization`, as the context's `principal`, and nobody else. */
export function tokenWanted(authenticate: Authenticate): MiddlewareHandler<{ Variables: PrincipalVariables }> {
  return async (context, next) => {
    const principal = await authenticate(context.req.header('authorization'))
    if (principal === undefined) return unauthenticated(context)
    context.set('principal', principal)
    return next()
  }
}

/** Who asks is nobody that is known, or is no more. */
export function unauthenticated(context: Context): Response {
  const isBearer = bearerCredentials(context.req.header('authorization')) !== undefined
  const detail = isBearer ? 'the token is wrong, revoked or expired' : 'send `Authorization: Bearer <token>`'
  return problemResponse('unauthenticated', detail, [], {
    'www-authenticate': isBearer ? 'Bearer error="invalid_token"' : 'Bearer',
  })
}
