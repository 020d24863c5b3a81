// What is served where: the entrance for vendors, and everything else, which may have a port of its own.
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { eventSchema } from '../api/event-schema.ts'
import { type InboxParts, inboxApi, inboxRoutes, root } from '../api/inbox.ts'
import { type MetricsRouteParts, metricsRoute } from '../api/metrics.ts'
import { problemResponse } from '../api/problem.ts'
import { referenceRoute } from '../api/reference.ts'
import { catalogueTypes, isCatalogueType, jsonSchema } from '../event.ts'
import type { Answer } from '../ingest/answer.ts'
import type { StoreHealth } from '../store/store.ts'

type Receive = (incoming: HttpBindings['incoming']) => Promise<Answer>
const schemaHeaders = { headers: { 'content-type': 'application/schema+json' } }

type App = Hono<{ Bindings: HttpBindings }>

export interface AppParts extends InboxParts, MetricsRouteParts {
  receive: Receive
  health(): Promise<StoreHealth>
}

/**
 * `/hooks`, `/livez` and `/readyz`: what may face the internet. `bare`: strangers are not told what the trouble is. A
 * node that does not receive has no `/hooks`.
 */
export function entranceApp(parts: AppParts, { bare, receives }: { bare: boolean; receives: boolean }): App {
  const app = newApp()
  const { receive } = parts
  if (!receives) return healthRoutes(app, parts, bare ? 'bare' : 'problem')
  app.all('/hooks/*', async context => {
    const { incoming, outgoing } = context.env
    const { status, headers, body } = await receive(incoming)
    // Past a Response object, which costs as much as checking the signature.
    outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
    outgoing.end(incoming.method === 'HEAD' ? undefined : body)
    return RESPONSE_ALREADY_SENT
  })
  return healthRoutes(app, parts, bare ? 'bare' : 'problem')
}

/** All but `/hooks`, for a port of its own. */
export function adminApp(parts: AppParts): App {
  return adminRoutes(healthRoutes(newApp(), parts, 'all'), parts)
}

/**
 * `bare`: that it is ready or not, and whether it spools. `problem`: what the trouble is too. `all`: what waits in the
 * spool, which on a port that strangers may reach is told to whoever presents the token.
 */
function healthRoutes(app: App, { health, authenticate }: AppParts, tell: 'bare' | 'problem' | 'all'): App {
  app.get('/livez', () => Response.json({ status: 'live' }))
  app.get('/readyz', async context => {
    const { ok, problem, degraded, spool } = await health()
    // Whoever's token cannot be looked up now is a stranger.
    const isKnown = async () =>
      (await authenticate(context.req.header('authorization')).catch(() => undefined)) !== undefined
    const tellsAll = tell === 'all' || (tell === 'problem' && (await isKnown()))
    const body = {
      status: ok ? 'ready' : 'unready',
      ...(ok || tell === 'bare' ? {} : { problem }),
      ...(degraded === undefined ? {} : { degraded }),
      ...(tellsAll && spool !== undefined ? { spool } : {}),
    }
    return Response.json(body, ok ? {} : { status: 503, headers: { 'retry-after': '5' } })
  })
  return app
}

/** The inbox API, its reference, the metrics and the schemas, into `app`. */
export function adminRoutes(app: App, parts: AppParts): App {
  app.use('/api/*', async (context, next) => {
    await next()
    context.res.headers.set('cache-control', 'no-store')
    context.res.headers.set('x-content-type-options', 'nosniff')
  })
  app.route(root, inboxApi(parts))
  app.route('/', metricsRoute(parts))
  const definitions = () => inboxRoutes(parts).map(({ definition }) => definition)
  app.route('/', referenceRoute(definitions, root))
  app.get('/schemas', () => Response.json({ items: catalogueTypes.map(type => `/schemas/${type}/1`) }))
  app.get('/schemas/event', () => Response.json(eventSchema(), schemaHeaders))
  app.get('/schemas/:type/:version?', context => {
    const { type, version = '1' } = context.req.param()
    if (!isCatalogueType(type) || version !== '1') return problemResponse('not_found', 'there is no such schema')
    return Response.json(jsonSchema(type), schemaHeaders)
  })
  return app
}

/** An app whose own errors and unknown paths tell a stranger nothing. */
function newApp(): App {
  const app: App = new Hono()
  app.notFound(() => problemResponse('not_found', 'there is no such resource'))
  app.onError(() => problemResponse('unavailable', 'try again later'))
  return app
}
