// Who may ask: whoever presents the token. Nothing else of a request is looked at before that.
import type { MiddlewareHandler } from 'hono'
import { bearerCredentials } from '../checks/bearer.ts'
import { equalsAnySecret } from '../checks/equal.ts'
import { problemResponse } from './problem.ts'

/** Whether this `Authorization` presents the token. */
export function presentsToken(authorization: string | undefined, token: string): boolean {
  const presented = bearerCredentials(authorization)
  return presented !== undefined && equalsAnySecret(presented, [token])
}

/** Lets through what presents the token in `Authorization`, and nothing else. */
export function tokenWanted(token: string): MiddlewareHandler {
  return async (context, next) => {
    const authorization = context.req.header('authorization')
    if (!presentsToken(authorization, token)) {
      const isBearer = bearerCredentials(authorization) !== undefined
      const challenge = isBearer ? 'Bearer error="invalid_token"' : 'Bearer'
      return problemResponse('unauthenticated', 'send `Authorization: Bearer <token>`', [], {
        'www-authenticate': challenge,
      })
    }
    return next()
  }
}
