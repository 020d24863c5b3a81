// The routes of conflicts: the same dedupe key with other content.
import { z } from '@hono/zod-openapi'
import { eventId } from '../store/record.ts'
import { idExample, listForm } from './event-form.ts'
import { pageParameters } from './parameters.ts'
import { conflictPath } from './path.ts'
import type { BesideRoutesParts } from './quarantine.ts'
import { describeRequest, paging, requestExample, requestShape } from './request-form.ts'
import { raw, rawAnswer } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { seenBy } from './source-limits.ts'

const tag = 'What did not get in'
const conflictForm = z
  .object({
    ...requestShape,
    number: z.number().int(),
    event: z.string().meta({ description: 'the id of the event that came first, and stays' }),
    source: z.string(),
  })
  .openapi('Conflict')
const conflictExample: z.infer<typeof conflictForm> = {
  ...requestExample,
  number: 17,
  event: idExample,
  source: 'loan-portal',
}

export function conflictRoutes({ store, cursor }: Pick<BesideRoutesParts, 'store' | 'cursor'>): ApiRoute[] {
  return [
    defineRoute(
      {
        method: 'get',
        path: '/conflicts',
        name: 'listConflicts',
        tag,
        summary: 'The same dedupe key with other content, newest first',
        scope: 'read',
        inTurn: true,
        bySource: true,
        query: pageParameters,
        answers: {
          200: {
            description: 'A page of requests, without their bodies',
            schema: listForm(conflictForm).openapi('ConflictList'),
            example: { items: [conflictExample], next: null },
          },
        },
        problems: ['bad_cursor'],
      },
      async ({ principal, query }) => {
        const { page, nextOf } = paging(query, 'conflicts', cursor, principal)
        const { items, next } = await store.listConflicts(page)
        return {
          items: items.map(conflict => ({
            ...describeRequest(conflict, principal),
            number: conflict.number,
            event: eventId(conflict.event),
            source: conflict.source,
          })),
          next: nextOf(next),
        }
      },
    ),
    defineRoute(
      {
        method: 'get',
        path: '/conflicts/{number}/raw',
        name: 'getConflictRaw',
        tag,
        summary: 'The body of one, byte for byte',
        scope: 'raw',
        etag: true,
        bySource: true,
        audit: 'conflict.raw',
        params: conflictPath,
        answers: { 200: rawAnswer },
      },
      async ({ principal, params: { number } }) => raw(seenBy(principal, await store.conflict(number))),
    ),
  ]
}
