// `/metrics`, for Prometheus: behind the token, as is everything that tells of what happens here.
import { Hono } from 'hono'
import { type Authenticate, assertAllowed, assertUnlimited, type PrincipalVariables, tokenWanted } from './access.ts'
import { errorResponse, problemResponse } from './problem.ts'

export interface MetricsRouteParts {
  authenticate: Authenticate
  /** The text of one scrape. */
  scrape(): Promise<string>
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8'

export function metricsRoute({ authenticate, scrape }: MetricsRouteParts): Hono<{ Variables: PrincipalVariables }> {
  const app = new Hono<{ Variables: PrincipalVariables }>()
  app.use('/metrics', async (context, next) => {
    await next()
    context.res.headers.set('cache-control', 'no-store')
    context.res.headers.set('x-content-type-options', 'nosniff')
  })
  app.use('/metrics', tokenWanted(authenticate))
  app.onError(errorResponse)
  app.get('/metrics', async context => {
    assertAllowed(context.get('principal'), 'read')
    assertUnlimited(context.get('principal'))
    return new Response(await scrape(), { headers: { 'content-type': contentType } })
  })
  app.all('/metrics', () =>
    problemResponse('method_not_allowed', 'this resource takes GET', [], { allow: 'GET, HEAD' }),
  )
  return app
}
