// The inbox API: what arrived, what it means, and what did not get in. Every route wants the token.
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { isoTime } from '../clock.ts'
import { AppError } from '../errors.ts'
import { decodeId } from '../ids.ts'
import { recheck, release, type SecondLookParts } from '../ingest/second-look.ts'
import { requestId } from '../ingest/understand.ts'
import { eventId } from '../store/record.ts'
import type { KeptRequest, Store } from '../store/store.ts'
import { tokenWanted } from './access.ts'
import { readBody } from './body.ts'
import { cursors } from './cursor.ts'
import { deliveryRoutes } from './deliveries.ts'
import type { DeliveryRoutesParts } from './delivery-parts.ts'
import { type Api, eventRoutes } from './events.ts'
import { laneRoutes } from './lanes.ts'
import { methodsOf } from './methods.ts'
import { limitDefault, noParameters, pageParameters, readParameters } from './parameters.ts'
import { errorResponse, problemResponse } from './problem.ts'
import type { Readers } from './readers.ts'
import { replayRoutes } from './replays.ts'
import { found, notFound, raw } from './resource.ts'
import { describeSource } from './sources.ts'
import { subscriptionRoutes } from './subscriptions.ts'

export interface InboxParts extends Omit<DeliveryRoutesParts, 'cursor'> {
  store: Store
  readers: Readers
  secondLook: SecondLookParts
  /** The admin token. */
  token: string
  publicUrl: string
}

/** Where this app is mounted. */
export const root = '/api/v1'

export function inboxApi(parts: InboxParts): Api {
  const { store, readers, secondLook, token, publicUrl } = parts
  const api: Api = new Hono()
  const cursor = cursors(token)

  api.use(tokenWanted(token))
  api.onError(error => {
    const expected = error instanceof AppError && error.code !== 'internal'
    if (!expected) secondLook.log.error({ err: error }, 'the inbox API failed for a reason of ours')
    return errorResponse(error)
  })

  eventRoutes(api, { store, readers, cursor })
  for (const routes of [subscriptionRoutes, deliveryRoutes, laneRoutes, replayRoutes]) routes(api, { ...parts, cursor })

  api.get('/quarantine', async context => {
    const { page, nextOf } = paging(context, 'quarantine')
    const { items, next } = await store.listQuarantine(page)
    return context.json({
      items: items.map(entry => ({
        ...described(entry),
        id: requestId(entry.id),
        source: entry.source,
        reason: entry.reason,
      })),
      next: nextOf(next),
    })
  })
  api.get('/quarantine/:id', async context => {
    const entry = found(await store.quarantined(requestIdOf(context)))
    return context.json({ ...described(entry), id: requestId(entry.id), source: entry.source, reason: entry.reason })
  })
  api.get('/quarantine/:id/raw', async context => raw(await store.quarantined(requestIdOf(context))))
  api.post('/quarantine/release', async context => {
    readParameters(noParameters, context.req.url)
    const { filter } = await readBody(
      context,
      z.strictObject({ filter: z.strictObject({ source: z.string(), id: z.string() }).partial().optional() }),
    )
    const id = filter?.id === undefined ? undefined : decoded(filter.id)
    return context.json(
      await release(secondLook, {
        ...(filter?.source === undefined ? {} : { source: filter.source }),
        ...(id === undefined ? {} : { id }),
      }),
    )
  })
  api.post('/quarantine/:id/discard', async context => {
    const id = requestIdOf(context)
    await readBody(context, z.strictObject({}))
    if (!(await store.discard(id))) throw notFound()
    return context.json({ discarded: true })
  })

  api.get('/rejections', async context => {
    const { page, nextOf } = paging(context, 'rejections')
    const { items, next } = await store.listRejections(page)
    return context.json({
      items: items.map(entry => ({
        ...described(entry),
        id: requestId(entry.id),
        source: entry.source,
        status: entry.status,
        reason: entry.reason,
        truncated: entry.truncated,
      })),
      next: nextOf(next),
    })
  })
  api.get('/rejections/:id/raw', async context => raw(await store.rejection(requestIdOf(context))))
  api.post('/rejections/recheck', async context => {
    readParameters(noParameters, context.req.url)
    const { source } = await readBody(context, z.strictObject({ source: z.string() }))
    if (!secondLook.sources.has(source)) {
      throw new AppError('bad_request', `there is no source ${source}`, {
        errors: [{ pointer: '/source', detail: 'expected a configured source' }],
      })
    }
    return context.json(await recheck(secondLook, source))
  })

  api.get('/conflicts', async context => {
    const { page, nextOf } = paging(context, 'conflicts')
    const { items, next } = await store.listConflicts(page)
    return context.json({
      items: items.map(conflict => ({
        ...described(conflict),
        number: conflict.number,
        event: eventId(conflict.event),
        source: conflict.source,
      })),
      next: nextOf(next),
    })
  })
  api.get('/conflicts/:number/raw', async context => {
    readParameters(noParameters, context.req.url)
    const number = context.req.param('number')
    if (!/^[1-9]\d{0,14}$/.test(number)) throw notFound()
    return raw(await store.conflict(Number(number)))
  })
  api.get('/sources', context => {
    readParameters(noParameters, context.req.url)
    const sources = [...new Set(secondLook.sources.values())]
    return context.json({ items: sources.map(source => describeSource(source, publicUrl)), next: null })
  })

  // The routes of this app alone: an app that it is mounted in has more.
  const routes = [...api.routes]
  api.all('*', context => {
    const path = context.req.path.slice(context.req.path.indexOf(root) + root.length)
    const allowed = methodsOf(routes, path)
    if (allowed.length === 0 || allowed.includes(context.req.method)) throw notFound()
    const allow = allowed.join(', ')
    return problemResponse('method_not_allowed', `this resource takes ${allow}`, [], { allow })
  })
  return api

  /** What a list beside the log is asked for, and how its next page is. */
  function paging(context: Context, list: string) {
    const { limit = limitDefault, cursor: given, source } = readParameters(pageParameters, context.req.url)
    const question = { list, source }
    return {
      page: {
        limit,
        ...(given === undefined ? {} : { cursor: String(cursor.read(given, question)) }),
        ...(source === undefined ? {} : { source }),
      },
      nextOf: (next: string | null) => (next === null ? null : cursor.write(Number(next), question)),
    }
  }
}

/** What people see of a kept request: all but its body, which `/raw` gives. */
function described(request: Omit<KeptRequest, 'body'> & ({ body: Buffer } | { bodyBytes: number })) {
  const { received, method, rest, query, headers, address, redacted } = request
  const bytes = 'body' in request ? request.body.length : request.bodyBytes
  return { receivedAt: isoTime(received), method, rest, query, headers, address, bytes, redacted }
}

function requestIdOf(context: Context): Buffer {
  readParameters(noParameters, context.req.url)
  return decoded(context.req.param('id') ?? '')
}

function decoded(id: string): Buffer {
  return found(decodeId('req_', id))
}
