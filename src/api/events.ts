// The routes of events: the list, one of them, its bytes, and what waits for more.
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context, Hono } from 'hono'
import { decodeId } from '../ids.ts'
import { eventJson, wantsOriginal } from '../store/event-json.ts'
import { type StoredEvent, sequenceText } from '../store/record.ts'
import type { EventPage, Store } from '../store/store.ts'
import type { Cursors } from './cursor.ts'
import { filterOf } from './event-filter.ts'
import {
  badParameter,
  eventListParameters,
  eventParameters,
  eventStreamParameters,
  limitDefault,
  noParameters,
  readParameters,
  sequence,
} from './parameters.ts'
import { waitForPage } from './poll.ts'
import { assertPosition } from './position.ts'
import type { Readers } from './readers.ts'
import { found, json, raw } from './resource.ts'
import { openStream, streamHeaders } from './stream.ts'

/** The API's routes see Node's own request and response. */
export type Api = Hono<{ Bindings: HttpBindings }>

export interface EventRoutesParts {
  store: Store
  readers: Readers
  cursor: Cursors
}

/** Characters after which a page ends: with originals, 500 events could be gigabytes. */
const pageLengthMax = 8 * 1024 * 1024

export function eventRoutes(api: Api, { store, readers, cursor }: EventRoutesParts): void {
  api.get('/events', async context => {
    const {
      limit = limitDefault,
      cursor: given,
      after,
      wait,
      order: asked,
      include,
      ...filters
    } = readParameters(eventListParameters, context.req.url)
    if (after !== undefined && (given !== undefined || asked !== undefined)) {
      throw badParameter('after', 'expected neither `cursor` nor `order` beside `after`, which is ascending')
    }
    if (wait !== undefined && after === undefined) {
      throw badParameter('wait', 'expected `after` beside `wait`: what comes behind it is waited for')
    }
    const order = after !== undefined ? 'oldest' : (asked ?? 'newest')
    const filter = filterOf(filters)
    const question = { ...filter, order }
    let page: EventPage
    if (after === undefined) {
      const from = given === undefined ? undefined : cursor.read(given, question)
      page = await store.list({ filter, order, limit, ...(from === undefined ? {} : { from }) })
    } else {
      const query = { filter, order, limit, from: after } as const
      if (wait === undefined || wait === 0) page = await store.list(query)
      else {
        await assertPosition(store, after)
        page = await waitForPage(context.env.outgoing, readers, query, wait)
      }
      // After the read: what is there now was there then.
      await assertPosition(store, after)
    }
    return listed(page, { include, question, isPositioned: after !== undefined })
  })

  api.get('/events/stream', async context => {
    const { after, include, ...filters } = readParameters(eventStreamParameters, context.req.url)
    const last = lastEventId(context)
    const given = last ?? after
    // From now on: what is acknowledged after this was answered.
    const position = given ?? (await store.extent()).head
    if (given !== undefined) await assertPosition(store, given, last === undefined ? 'after' : 'Last-Event-ID')
    const { incoming, outgoing } = context.env
    if (incoming.method === 'HEAD') return new Response(null, { headers: streamHeaders })
    await openStream(outgoing, readers, { filter: filterOf(filters), include, position })
    return new Response(null, RESPONSE_ALREADY_SENT)
  })

  api.get('/events/:id', async context => {
    const { include } = readParameters(eventParameters, context.req.url)
    return json(await text(await eventOf(context), include))
  })

  api.get('/events/:id/raw', async context => {
    readParameters(noParameters, context.req.url)
    return raw(await store.requestOf(await eventOf(context)))
  })

  async function listed(
    page: EventPage,
    asked: { include: readonly string[] | undefined; question: unknown; isPositioned: boolean },
  ): Promise<Response> {
    const items: string[] = []
    let length = 0
    for (const event of page.events) {
      if (length > pageLengthMax) break
      length += items[items.push(await text(event, asked.include)) - 1]!.length
    }
    // A page cut short goes on behind the last event that is in it.
    const cut = items.length < page.events.length ? page.events[items.length - 1]!.sequence : undefined
    const last = cut ?? page.next
    const next = last === null ? null : cursor.write(last, asked.question)
    const position = asked.isPositioned ? `,"position":"${sequenceText(cut ?? page.position)}"` : ''
    return json(`{"items":[${items.join(',')}],"next":${JSON.stringify(next)}${position}}`)
  }

  async function text(event: StoredEvent, include: readonly string[] | undefined): Promise<string> {
    return eventJson(event, wantsOriginal(event, include) ? await store.requestOf(event) : undefined)
  }

  async function eventOf(context: Context): Promise<StoredEvent> {
    const id = decodeId('evt_', context.req.param('id') ?? '')
    return found(id && (await store.event(id)))
  }
}

/** A client that comes again says by it how far it got; before its first event it may say nothing in it. */
function lastEventId(context: Context): number | undefined {
  const text = context.req.header('last-event-id') ?? ''
  if (text === '') return undefined
  const { success, data } = sequence.safeParse(text)
  if (!success) throw badParameter('Last-Event-ID', 'expected a sequence, as the `id` of an event of the stream is')
  return data
}
