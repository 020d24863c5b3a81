// The routes of events: the list, one of them, its bytes, and what waits for more.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { eventJson } from '../store/event-json.ts'
import { sequenceText } from '../store/record.ts'
import type { EventPage, Store } from '../store/store.ts'
import { type Principal, unauthenticated } from './access.ts'
import type { Cursors } from './cursor.ts'
import { filterOf } from './event-filter.ts'
import { eventExample, eventForm, eventListForm, sequenceForm } from './event-form.ts'
import { pageTexts } from './event-texts.ts'
import { carriesOriginal, type Originals, originalsAudit, originalsFor } from './originals.ts'
import {
  badParameter,
  eventListParameters,
  eventParameters,
  eventStreamParameters,
  limitDefault,
  sequence,
} from './parameters.ts'
import { eventPath } from './path.ts'
import { waitForPage } from './poll.ts'
import { assertPosition } from './position.ts'
import type { Readers } from './readers.ts'
import { json, raw, rawAnswer } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { limitedTo, seenBy } from './source-limits.ts'
import { openStream, streamHeaders } from './stream.ts'

export interface EventRoutesParts {
  store: Store
  readers: Readers
  cursor: Cursors
  isLive(principal: Principal): Promise<boolean>
}

const tag = 'Events'

export function eventRoutes({ store, readers, cursor, isLive }: EventRoutesParts): ApiRoute[] {
  const list = defineRoute(
    {
      method: 'get',
      path: '/events',
      name: 'listEvents',
      tag,
      summary: 'Events, newest first, or behind a position',
      scope: 'read',
      // Whoever waits for news is a reader: see readers.ts.
      inTurn: ({ wait }) => wait === undefined || wait === 0,
      bySource: true,
      audit: originalsAudit,
      query: eventListParameters,
      answers: {
        200: {
          description: 'A page of events',
          schema: eventListForm,
          example: { items: [eventExample], next: null },
        },
      },
      problems: ['bad_cursor', 'position_gone'],
    },
    async ({ context, principal, query: parameters }) => {
      const { limit = limitDefault, cursor: given, after, wait, order: direction, include, ...filters } = parameters
      const originals = originalsFor(principal, include)
      if (after !== undefined && (given !== undefined || direction !== undefined)) {
        throw badParameter('after', 'expected neither `cursor` nor `order` beside `after`, which is ascending')
      }
      if (wait !== undefined && after === undefined) {
        throw badParameter('wait', 'expected `after` beside `wait`: what comes behind it is waited for')
      }
      if (wait !== undefined && filters.q !== undefined) {
        throw badParameter(
          'q',
          'expected no `wait` beside `q`: what can be searched comes later than what is committed',
        )
      }
      const order = after !== undefined ? 'oldest' : (direction ?? 'newest')
      const filter = limitedTo(principal, filterOf(filters))
      const question = { ...filter, order }
      const asked = { originals, question, isPositioned: after !== undefined }
      if (after === undefined) {
        const from = given === undefined ? undefined : cursor.read(given, question)
        const query = { filter, order, limit, ...(from === undefined ? {} : { from }) }
        return listed(await store.list(query), asked)
      }
      const query = { filter, order, limit, from: after } as const
      if (wait === undefined || wait === 0) {
        const page = await store.list(query)
        // After the read: what is there now was there then.
        await assertPosition(store, after)
        return listed(page, asked)
      }
      await assertPosition(store, after)
      const page = await waitForPage(context.env.outgoing, readers, principal, query, wait)
      if (!(await isLive(principal))) return unauthenticated(context)
      await assertPosition(store, after)
      return listed(page, asked)
    },
  )

  const stream = defineRoute(
    {
      method: 'get',
      path: '/events/stream',
      name: 'streamEvents',
      tag,
      summary: 'Events as they are committed, as server-sent events',
      description:
        'Each `data` is an event as JSON, each `id` its sequence. Come again with the last `id` as `Last-Event-ID`, or ' +
        'as `after`, and nothing is missed and nothing doubled.',
      scope: 'read',
      bySource: true,
      audit: originalsAudit,
      query: eventStreamParameters,
      headers: z.object({
        'Last-Event-ID': sequenceForm
          .optional()
          .meta({ description: 'the last `id` that came; counts for more than `after`' }),
      }),
      answers: {
        200: {
          description: 'A stream that does not end by itself',
          contentType: 'text/event-stream',
          example: `id: ${eventExample.sequence}\ndata: ${JSON.stringify(eventExample)}\n\n`,
        },
      },
      problems: ['position_gone'],
    },
    async ({ context, principal, query }) => {
      const { after, include, ...filters } = query
      const originals = originalsFor(principal, include)
      const last = lastEventId(context)
      const given = last ?? after
      // From now on: what is acknowledged after this was answered.
      const position = given ?? (await store.extent()).head
      if (given !== undefined) await assertPosition(store, given, last === undefined ? 'after' : 'Last-Event-ID')
      const { incoming, outgoing } = context.env
      if (incoming.method === 'HEAD') return new Response(null, { headers: streamHeaders })
      await openStream(outgoing, readers, {
        principal,
        filter: limitedTo(principal, filterOf(filters)),
        originals,
        position,
        isLive: () => isLive(principal),
      })
      return new Response(null, RESPONSE_ALREADY_SENT)
    },
  )

  const one = defineRoute(
    {
      method: 'get',
      path: '/events/{id}',
      name: 'getEvent',
      tag,
      summary: 'One event',
      scope: 'read',
      etag: true,
      bySource: true,
      audit: originalsAudit,
      params: eventPath,
      query: eventParameters,
      answers: { 200: { description: 'The event', schema: eventForm, example: eventExample } },
    },
    async ({ principal, params, query: { include } }) => {
      const originals = originalsFor(principal, include)
      const event = seenBy(principal, await store.event(params.id))
      return json(eventJson(event, carriesOriginal(event, originals) ? await store.requestOf(event) : undefined))
    },
  )

  const bytes = defineRoute(
    {
      method: 'get',
      path: '/events/{id}/raw',
      name: 'getEventRaw',
      tag,
      summary: "The body of an event's request, byte for byte",
      scope: 'raw',
      etag: true,
      bySource: true,
      audit: 'event.raw',
      params: eventPath,
      answers: { 200: rawAnswer },
    },
    async ({ principal, params }) => raw(await store.requestOf(seenBy(principal, await store.event(params.id)))),
  )

  return [list, stream, one, bytes]

  async function listed(
    page: EventPage,
    asked: { originals: Originals; question: unknown; isPositioned: boolean },
  ): Promise<Response> {
    const { items, cut } = await pageTexts(readers, page.events, asked.originals)
    const last = cut ?? page.next
    const next = last === null ? null : cursor.write(last, asked.question)
    const position = asked.isPositioned ? `,"position":"${sequenceText(cut ?? page.position)}"` : ''
    const indexed = page.search && sequenceText(page.search.indexedThrough)
    const search = indexed === undefined ? '' : `,"search":{"indexedThrough":"${indexed}"}`
    return json(`{"items":[${items.join(',')}],"next":${JSON.stringify(next)}${position}${search}}`)
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
