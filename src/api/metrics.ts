// `/metrics`, for Prometheus: behind the token, as is everything that tells of what happens here.
import { Hono } from 'hono'
import { tokenWanted } from './access.ts'
import { problemResponse } from './problem.ts'

export interface MetricsRouteParts {
  token: string
  /** The text of one scrape. */
  scrape(): Promise<string>
}

const contentType = 'text/plain; version=0.0.4; charset=utf-8'

export function metricsRoute({ token, scrape }: MetricsRouteParts): Hono {
  const app = new Hono()
  app.use('/metrics', async (context, next) => {
    await next()
    context.res.headers.set('cache-control', 'no-store')
    context.res.headers.set('x-content-type-options', 'nosniff')
  })
  app.use('/metrics', tokenWanted(token))
  app.get('/metrics', async () => new Response(await scrape(), { headers: { 'content-type': contentType } }))
  app.all('/metrics', () =>
    problemResponse('method_not_allowed', 'this resource takes GET', [], { allow: 'GET, HEAD' }),
  )
  return app
}
