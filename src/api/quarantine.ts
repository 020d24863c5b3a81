// The routes of the quarantine: genuine requests that no adapter understood, and what people do about them.
import { z } from '@hono/zod-openapi'
import { decodeId } from '../ids.ts'
import { release } from '../ingest/second-look.ts'
import { requestId } from '../ingest/understand.ts'
import type { Listed, QuarantineEntry, Stored } from '../store/store.ts'
import type { Principal } from './access.ts'
import { type BesideRoutesParts, besideBody, besideList, besideTag } from './beside.ts'
import { nothing } from './body.ts'
import { requestPath } from './path.ts'
import { describeRequest, requestExample, requestShape } from './request-form.ts'
import { found, notFound } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { seenBy, sourcesFor } from './source-limits.ts'

const entryForm = z
  .object({ ...requestShape, id: z.string(), source: z.string(), reason: z.string() })
  .openapi('QuarantinedRequest')
const releasedForm = z
  .object({
    released: z.number().int().meta({ description: 'events that are in the log now' }),
    waiting: z.number().int().meta({ description: 'requests that are still not understood' }),
  })
  .openapi('Released')
const discardedForm = z.object({ discarded: z.literal(true) }).openapi('Discarded')

const entryExample: z.infer<typeof entryForm> = {
  ...requestExample,
  id: requestPath.shape.id.meta()?.example as string,
  source: 'loan-portal',
  reason: 'there is no member `type`',
}

export function quarantineRoutes({ store, secondLook, cursor }: BesideRoutesParts): ApiRoute[] {
  return [
    besideList(cursor, {
      path: '/quarantine',
      name: 'listQuarantine',
      summary: 'Genuine requests that no adapter understood, newest first',
      form: entryForm,
      formName: 'QuarantineList',
      example: entryExample,
      read: page => store.listQuarantine(page),
      describe: described,
    }),
    defineRoute(
      {
        method: 'get',
        path: '/quarantine/{id}',
        name: 'getQuarantined',
        tag: besideTag,
        summary: 'One of them',
        scope: 'read',
        etag: true,
        bySource: true,
        params: requestPath,
        answers: { 200: { description: 'The request', schema: entryForm, example: entryExample } },
      },
      async ({ principal, params: { id } }) => described(seenBy(principal, await store.quarantined(id)), principal),
    ),
    besideBody({
      path: '/quarantine/{id}/raw',
      name: 'getQuarantinedRaw',
      summary: 'Its body, byte for byte',
      audit: 'quarantine.raw',
      params: requestPath,
      read: ({ id }) => store.quarantined(id),
    }),
    defineRoute(
      {
        method: 'post',
        path: '/quarantine/release',
        name: 'releaseQuarantine',
        tag: besideTag,
        summary: 'Tries them again, and releases what is understood now',
        scope: 'operate',
        bySource: true,
        audit: 'quarantine.release',
        body: z.strictObject({
          filter: z
            .strictObject({ source: z.string().max(63), id: z.string().max(63) })
            .partial()
            .optional(),
        }),
        bodyExample: { filter: { source: 'loan-portal' } },
        answers: {
          200: { description: 'What came of it', schema: releasedForm, example: { released: 2, waiting: 1 } },
        },
        problems: ['not_found'],
      },
      async ({ principal, body: { filter } }) => {
        const id = filter?.id === undefined ? {} : { id: found(decodeId('req_', filter.id)) }
        const sources = sourcesFor(principal, filter?.source)
        if (sources === undefined) return release(secondLook, id)
        const result = { released: 0, waiting: 0 }
        for (const source of sources) {
          const { released, waiting } = await release(secondLook, { source, ...id })
          result.released += released
          result.waiting += waiting
        }
        return result
      },
    ),
    defineRoute(
      {
        method: 'post',
        path: '/quarantine/{id}/discard',
        name: 'discardQuarantined',
        tag: besideTag,
        summary: 'Removes one for good',
        scope: 'operate',
        bySource: true,
        audit: 'quarantine.discard',
        params: requestPath,
        body: nothing,
        answers: { 200: { description: 'It is gone', schema: discardedForm, example: { discarded: true } } },
      },
      async ({ principal, params: { id } }) => {
        seenBy(principal, await store.quarantined(id))
        if (!(await store.discard(id))) throw notFound()
        return { discarded: true } as const
      },
    ),
  ]
}

function described(
  entry: Listed<QuarantineEntry> | Stored<QuarantineEntry>,
  principal: Principal,
): z.infer<typeof entryForm> {
  return { ...describeRequest(entry, principal), id: requestId(entry.id), source: entry.source, reason: entry.reason }
}
