// The routes of conflicts: the same dedupe key with other content.
import { z } from '@hono/zod-openapi'
import { eventId } from '../store/record.ts'
import { type BesideRoutesParts, besideBody, besideList } from './beside.ts'
import { idExample } from './event-form.ts'
import { conflictPath } from './path.ts'
import { describeRequest, requestExample, requestShape } from './request-form.ts'
import type { ApiRoute } from './route.ts'

const conflictForm = z
  .object({
    ...requestShape,
    number: z.number().int(),
    event: z.string().meta({ description: 'the id of the event that came first, and stays' }),
    source: z.string(),
  })
  .openapi('Conflict')

export function conflictRoutes({ store, cursor }: Pick<BesideRoutesParts, 'store' | 'cursor'>): ApiRoute[] {
  return [
    besideList(cursor, {
      path: '/conflicts',
      name: 'listConflicts',
      summary: 'The same dedupe key with other content, newest first',
      form: conflictForm,
      formName: 'ConflictList',
      example: { ...requestExample, number: 17, event: idExample, source: 'loan-portal' },
      read: page => store.listConflicts(page),
      describe: (conflict, principal) => ({
        ...describeRequest(conflict, principal),
        number: conflict.number,
        event: eventId(conflict.event),
        source: conflict.source,
      }),
    }),
    besideBody({
      path: '/conflicts/{number}/raw',
      name: 'getConflictRaw',
      summary: 'The body of one, byte for byte',
      audit: 'conflict.raw',
      params: conflictPath,
      read: ({ number }) => store.conflict(number),
    }),
  ]
}
