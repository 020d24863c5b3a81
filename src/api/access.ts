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
    const presented = bearerCredentials(context.req.header('authorization'))
    if (presented === undefined || !equalsAnySecret(presented, [token])) {
      const challenge = presented === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
      return problemResponse('unauthenticated', 'send `Authorization: Bearer <token>`', [], {
        'www-authenticate': challenge,
      })
    }
    return next()
  }
}
