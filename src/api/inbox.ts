// The inbox API: what arrived, what it means, and what did not get in. Every route wants the token.
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { bearerCredentials } from '../checks/bearer.ts'
import { equalsAnySecret } from '../checks/equal.ts'
import { isoTime } from '../clock.ts'
import { AppError } from '../errors.ts'
import { decodeId } from '../ids.ts'
import { recheck, release, type SecondLookParts } from '../ingest/second-look.ts'
import { requestId } from '../ingest/understand.ts'
import { eventJson, wantsOriginal } from '../store/event-json.ts'
import { eventId, type StoredEvent, sequenceText } from '../store/record.ts'
import type { EventFilter, KeptRequest, Store } from '../store/store.ts'
import { readBody } from './body.ts'
import { cursors } from './cursor.ts'
import { methodsOf } from './methods.ts'
import { eventListParameters, eventParameters, noParameters, pageParameters, readParameters } from './parameters.ts'
import { errorResponse, problemResponse } from './problem.ts'
import { describeSource } from './sources.ts'

export interface InboxParts {
  store: Store
  secondLook: SecondLookParts
  /** The admin token. */
  token: string
  publicUrl: string
}

/** Where this app is mounted. */
export const root = '/api/v1'
const limitDefault = 50
/** Characters after which a page ends: with originals, 500 events could be gigabytes. */
const pageLengthMax = 8 * 1024 * 1024

export function inboxApi({ store, secondLook, token, publicUrl }: InboxParts): Hono {
  const api = new Hono()
  const cursor = cursors(token)

  api.use(async (context, next) => {
    const presented = bearerCredentials(context.req.header('authorization'))
    if (presented === undefined || !equalsAnySecret(presented, [token])) {
      const challenge = presented === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
      return problemResponse('unauthenticated', 'send `Authorization: Bearer <token>`', [], {
        'www-authenticate': challenge,
      })
    }
    return next()
  })
  api.onError(error => {
    const expected = error instanceof AppError && error.code !== 'internal'
    if (!expected) secondLook.log.error({ err: error }, 'the inbox API failed for a reason of ours')
    return errorResponse(error)
  })

  api.get('/events', async context => {
    const {
      limit = limitDefault,
      cursor: given,
      after,
      order: asked,
      include,
      ...filters
    } = readParameters(eventListParameters, context.req.url)
    if (after !== undefined && (given !== undefined || asked !== undefined)) {
      const detail = 'expected neither `cursor` nor `order` beside `after`, which is ascending'
      throw new AppError('bad_request', detail, { errors: [{ parameter: 'after', detail }] })
    }
    const order = after !== undefined ? 'oldest' : (asked ?? 'newest')
    const { ref, ...rest } = filters
    const filter = { ...rest, ...(ref === undefined ? {} : { refs: ref }) } as EventFilter
    const question = { ...filter, order }
    if (after !== undefined) await assertPosition(store, after)
    const from = after ?? (given === undefined ? undefined : cursor.read(given, question))
    const page = await store.list({ filter, order, limit, ...(from === undefined ? {} : { from }) })
    const items: string[] = []
    let length = 0
    for (const event of page.events) {
      if (length > pageLengthMax) break
      length += items[items.push(await text(event, include)) - 1]!.length
    }
    // A page cut short goes on behind the last event that is in it.
    const cut = items.length < page.events.length ? page.events[items.length - 1]!.sequence : undefined
    const last = cut ?? page.next
    const next = last === null ? null : cursor.write(last, question)
    const position = after === undefined ? '' : `,"position":"${sequenceText(cut ?? page.position)}"`
    return json(`{"items":[${items.join(',')}],"next":${JSON.stringify(next)}${position}}`)
  })

  api.get('/events/:id', async context => {
    const { include } = readParameters(eventParameters, context.req.url)
    return json(await text(await eventOf(context), include))
  })

  api.get('/events/:id/raw', async context => {
    readParameters(noParameters, context.req.url)
    return raw(await store.requestOf(await eventOf(context)))
  })

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

  async function text(event: StoredEvent, include: readonly string[] | undefined): Promise<string> {
    return eventJson(event, wantsOriginal(event, include) ? await store.requestOf(event) : undefined)
  }

  async function eventOf(context: Context): Promise<StoredEvent> {
    const id = decodeId('evt_', context.req.param('id') ?? '')
    return found(id && (await store.event(id)))
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

function found<Value>(value: Value | undefined): Value {
  if (value === undefined) throw notFound()
  return value
}

function notFound(): AppError {
  return new AppError('not_found', 'there is no such resource')
}

function json(text: string): Response {
  return new Response(text, { headers: { 'content-type': 'application/json' } })
}

/** The exact bytes: a download, never shown by a browser as what a stranger says it is. */
function raw(request: KeptRequest | undefined): Response {
  const { body } = found(request)
  return new Response(new Uint8Array(body), {
    headers: { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' },
  })
}

/**
 * A reader whose position is older than the oldest event kept, or beyond the log (it is another log's), would miss
 * events without a word. 0 is no position: it asks for all there is.
 */
async function assertPosition(store: Store, after: number): Promise<void> {
  const { head, oldest } = await store.extent()
  const first = oldest === 0 ? head + 1 : oldest
  if (after === 0 || (after >= first - 1 && after <= head)) return
  const detail = after > head ? 'this log has not come so far: the position is of another' : 'events behind it are gone'
  throw new AppError('position_gone', `the position ${after} cannot be read on from: ${detail}`, {
    errors: [
      { parameter: 'after', detail: `the oldest event kept is ${sequenceText(first)}: read on from ${first - 1}` },
    ],
  })
}
