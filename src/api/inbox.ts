// The inbox API: what arrived, what it means, what did not get in, and where it goes. Nothing of a request is looked at
// before its token.
import { OpenAPIHono } from '@hono/zod-openapi'
import { AppError } from '../errors.ts'
import type { SecondLookParts } from '../ingest/second-look.ts'
import type { Store, StoreHealth } from '../store/store.ts'
import { type Authenticate, type Principal, tokenWanted } from './access.ts'
import { auditRoutes } from './audit.ts'
import type { Auditor } from './auditing.ts'
import { conflictRoutes } from './conflicts.ts'
import { cursors } from './cursor.ts'
import { deliveryRoutes } from './deliveries.ts'
import type { DeliveryRoutesParts } from './delivery-parts.ts'
import { documentRoute } from './document.ts'
import { eventRoutes } from './events.ts'
import { exportRoutes } from './export.ts'
import { laneRoutes } from './lanes.ts'
import { methodsOf } from './methods.ts'
import { errorResponse, problemResponse } from './problem.ts'
import { quarantineRoutes } from './quarantine.ts'
import type { Readers } from './readers.ts'
import { rejectionRoutes } from './rejections.ts'
import { replayRoutes } from './replays.ts'
import { notFound } from './resource.ts'
import { type Api, type ApiEnv, type ApiRoute, mountRoutes } from './route.ts'
import { sourceRoutes } from './sources.ts'
import { statsRoutes } from './stats.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { timelineRoutes } from './timeline.ts'
import { tokenRoutes } from './tokens.ts'

export interface InboxParts extends Omit<DeliveryRoutesParts, 'cursor'> {
  store: Store
  readers: Readers
  secondLook: SecondLookParts
  /** What cursors are marked with. */
  cursorKey: Buffer
  authenticate: Authenticate
  /** Whether whoever was let in would be let in now. */
  isLive(principal: Principal): Promise<boolean>
  audited: Auditor
  publicUrl: string
  health(): Promise<StoreHealth>
}

/** Where this app is mounted. */
export const root = '/api/v1'

/** Every route that there is. */
export function inboxRoutes(given: InboxParts): ApiRoute[] {
  const parts = { ...given, cursor: cursors(given.cursorKey), sources: given.secondLook?.sources }
  const routes = [
    eventRoutes,
    exportRoutes,
    timelineRoutes,
    subscriptionRoutes,
    deliveryRoutes,
    laneRoutes,
    replayRoutes,
    quarantineRoutes,
    rejectionRoutes,
    conflictRoutes,
    sourceRoutes,
    tokenRoutes,
    auditRoutes,
    statsRoutes,
  ].flatMap(routes => routes(parts))
  return [...routes, documentRoute(routes, root)]
}

export function inboxApi(parts: InboxParts): Api {
  const api: Api = new OpenAPIHono<ApiEnv>()
  const routes = inboxRoutes(parts)
  api.onError(error => {
    const expected = error instanceof AppError && error.code !== 'internal'
    if (!expected) parts.secondLook.log.error({ err: error }, 'the inbox API failed for a reason of ours')
    return errorResponse(error)
  })
  const isOpen = ({ definition }: ApiRoute) => definition.scope === null
  mountRoutes(api, routes.filter(isOpen))
  api.use(tokenWanted(parts.authenticate))
  api.use(async (context, next) => {
    context.set('audited', parts.audited(context.get('principal'), context.env.incoming))
    context.set('pages', parts.readers.pages)
    context.set('isLive', parts.isLive)
    return next()
  })
  mountRoutes(
    api,
    routes.filter(route => !isOpen(route)),
  )
  api.all('*', context => {
    const path = context.req.path.slice(context.req.path.indexOf(root) + root.length)
    const allowed = methodsOf(routes, path)
    if (allowed.length === 0 || allowed.includes(context.req.method)) throw notFound()
    const allow = allowed.join(', ')
    return problemResponse('method_not_allowed', `this resource takes ${allow}`, [], { allow })
  })
  return api
}
