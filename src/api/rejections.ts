// The routes of rejections: requests that failed their check, and checking them again.
import { z } from '@hono/zod-openapi'
import { AppError } from '../errors.ts'
import { recheck } from '../ingest/second-look.ts'
import { requestId } from '../ingest/understand.ts'
import { type BesideRoutesParts, besideBody, besideList, besideTag } from './beside.ts'
import { requestPath } from './path.ts'
import { describeRequest, requestExample, requestShape } from './request-form.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { maySee } from './source-limits.ts'

const rejectionForm = z
  .object({
    ...requestShape,
    id: z.string(),
    source: z.string(),
    status: z.number().int().meta({ description: 'that was answered' }),
    reason: z.string(),
    truncated: z.boolean().meta({ description: 'the body was too large to be kept whole: it cannot be checked again' }),
  })
  .openapi('Rejection')
const recheckedForm = z
  .object({ admitted: z.number().int(), quarantined: z.number().int(), refused: z.number().int() })
  .openapi('Rechecked')

const rejectionExample: z.infer<typeof rejectionForm> = {
  ...requestExample,
  id: requestPath.shape.id.meta()?.example as string,
  source: 'loan-portal',
  status: 401,
  reason: 'the signature does not match',
  truncated: false,
}

export function rejectionRoutes({ store, secondLook, cursor }: BesideRoutesParts): ApiRoute[] {
  return [
    besideList(cursor, {
      path: '/rejections',
      name: 'listRejections',
      summary: 'Requests that failed their check, newest first',
      form: rejectionForm,
      formName: 'RejectionList',
      example: rejectionExample,
      read: page => store.listRejections(page),
      describe: (entry, principal) => ({
        ...describeRequest(entry, principal),
        id: requestId(entry.id),
        source: entry.source,
        status: entry.status,
        reason: entry.reason,
        truncated: entry.truncated,
      }),
    }),
    besideBody({
      path: '/rejections/{id}/raw',
      name: 'getRejectionRaw',
      summary: 'The body of one, byte for byte',
      audit: 'rejection.raw',
      params: requestPath,
      read: ({ id }) => store.rejection(id),
    }),
    defineRoute(
      {
        method: 'post',
        path: '/rejections/recheck',
        name: 'recheckRejections',
        tag: besideTag,
        summary: "Checks a source's rejections again, at the clock of their receipt, and admits what passes",
        scope: 'operate',
        bySource: true,
        audit: 'rejection.recheck',
        body: z.strictObject({ source: z.string().max(63) }),
        bodyExample: { source: 'loan-portal' },
        answers: {
          200: {
            description: 'What came of it',
            schema: recheckedForm,
            example: { admitted: 12, quarantined: 0, refused: 1 },
          },
        },
      },
      async ({ principal, body: { source } }) => {
        if (!secondLook.sources.has(source) || !maySee(principal, source)) {
          throw new AppError('bad_request', `there is no source ${source}`, {
            errors: [{ pointer: '/source', detail: 'expected a configured source' }],
          })
        }
        return recheck(secondLook, source)
      },
    ),
  ]
}
