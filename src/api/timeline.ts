// The route of timelines: what happened to one business object, whoever told of it.
import { z } from '@hono/zod-openapi'
import type { Store } from '../store/store.ts'
import type { Cursors } from './cursor.ts'
import { eventExample, eventForm, listForm } from './event-form.ts'
import { pageTexts } from './event-texts.ts'
import { originalsFor } from './originals.ts'
import { limitDefault, pageParameters, subjectParameter } from './parameters.ts'
import type { Readers } from './readers.ts'
import { json } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'

export interface TimelineRoutesParts {
  store: Store
  readers: Pick<Readers, 'originals'>
  cursor: Cursors
}

export const timelineParameters = z.strictObject({
  subject: subjectParameter,
  namespace: z
    .string()
    .min(1)
    .max(200)
    .meta({ description: 'of this namespace alone; default: all in which the subject occurs', example: 'loan-portal' })
    .optional(),
  limit: pageParameters.shape.limit,
  cursor: pageParameters.shape.cursor,
})

const timelineForm = listForm(eventForm)
  .extend({
    subjects: z
      .array(
        z.object({
          namespace: z.string(),
          subject: z
            .string()
            .nullable()
            .meta({ description: 'null: events that are linked themselves, and have no subject' }),
          events: z.number().int().meta({ description: 'how many were found of it' }),
          via: z
            .array(z.string())
            .nullable()
            .meta({ description: 'the refs by which its events are linked; null for the subject that was asked for' }),
        }),
      )
      .meta({ description: 'whose events these are: at the most 50 are linked' }),
    truncated: z
      .boolean()
      .meta({ description: 'not everything was looked at: there may be more subjects, or more events of one' }),
  })
  .openapi('Timeline')

const example: z.input<typeof timelineForm> = {
  items: [eventExample],
  next: null,
  subjects: [
    { namespace: 'loan-portal', subject: 'loan/K0Z1Q', events: 1, via: null },
    { namespace: 'onboarding', subject: 'workflow/w-17', events: 0, via: ['correlation:APP-2026-001'] },
  ],
  truncated: false,
}

export function timelineRoutes({ store, readers, cursor }: TimelineRoutesParts): ApiRoute[] {
  return [
    defineRoute(
      {
        method: 'get',
        path: '/timeline',
        name: 'getTimeline',
        tag: 'Events',
        summary: 'What happened to a business object, and to what is linked to it one step away',
        description:
          "The subject's events and those of the subjects that refs link to it, oldest first by their place in the log. " +
          'Within a namespace refs to business objects link; across namespaces those that the lender issued.',
        scope: 'read',
        inTurn: true,
        bySource: true,
        query: timelineParameters,
        answers: { 200: { description: 'A page of the timeline', schema: timelineForm, example } },
        problems: ['bad_cursor'],
      },
      async ({ principal, query: { subject, namespace, limit = limitDefault, cursor: given } }) => {
        const sources = principal.sources ?? undefined
        const question = { timeline: subject, namespace, sources }
        const page = await store.timeline({
          subject,
          limit,
          ...(namespace === undefined ? {} : { namespace }),
          ...(sources === undefined ? {} : { sources }),
          ...(given === undefined ? {} : { from: cursor.read(given, question) }),
        })
        const { items, cut } = await pageTexts(readers, page.events, originalsFor(principal, undefined))
        const last = cut ?? page.next
        const next = last === null ? null : cursor.write(last, question)
        const rest = JSON.stringify({ next, subjects: page.subjects, truncated: page.truncated })
        return json(`{"items":[${items.join(',')}],${rest.slice(1)}`)
      },
    ),
  ]
}
