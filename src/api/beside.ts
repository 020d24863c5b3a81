// What the routes of the quarantine, of rejections and of conflicts have alike: each is a list of kept requests, newest first
// and without their bodies, and each request's body.
import type { z } from '@hono/zod-openapi'
import type { SecondLookParts } from '../ingest/second-look.ts'
import type { KeptRequest, Page, PageOptions, Store } from '../store/store.ts'
import type { Principal } from './access.ts'
import type { AuditAction } from './audit-actions.ts'
import { type Cursors, paging } from './cursor.ts'
import { listForm } from './event-form.ts'
import { pageParameters } from './parameters.ts'
import { json, raw, rawAnswer } from './resource.ts'
import { type ApiRoute, defineRoute, type RouteDefinition } from './route.ts'
import { seenBy, sourcesFor } from './source-limits.ts'

export interface BesideRoutesParts {
  store: Store
  secondLook: SecondLookParts
  cursor: Cursors
}

type Operation = Pick<RouteDefinition, 'path' | 'name' | 'summary'>

interface BesideList<Entry, Form extends z.ZodType> extends Operation {
  form: Form
  /** What the document calls the list's form. */
  formName: string
  example: z.input<Form>
  read(page: PageOptions): Promise<Page<Entry>>
  describe(entry: Entry, principal: Principal): z.input<Form>
}

interface BesideBody<Params extends z.ZodObject> extends Operation {
  audit: AuditAction
  params: Params
  read(params: z.output<Params>): Promise<(KeptRequest & { source: string }) | undefined>
}

export const besideTag = 'What did not get in'

export function besideList<Entry, Form extends z.ZodType>(
  cursor: Cursors,
  { form, formName, example, read, describe, ...operation }: BesideList<Entry, Form>,
): ApiRoute {
  return defineRoute(
    {
      ...operation,
      method: 'get',
      tag: besideTag,
      scope: 'read',
      inTurn: true,
      bySource: true,
      query: pageParameters,
      answers: {
        200: {
          description: 'A page of requests, without their bodies',
          schema: listForm(form).openapi(formName),
          example: { items: [example], next: null },
        },
      },
      problems: ['bad_cursor'],
    },
    async ({ principal, query }) => {
      const sources = sourcesFor(principal, query.source)
      const { page, nextOf } = paging(cursor, query, { list: operation.path.slice(1), sources })
      const { items, next } = await read({ ...page, ...(sources === undefined ? {} : { sources }) })
      const shown = items.map(entry => describe(entry, principal))
      return json(JSON.stringify({ items: shown, next: nextOf(next) }))
    },
  )
}

export function besideBody<Params extends z.ZodObject>({ read, ...operation }: BesideBody<Params>): ApiRoute {
  return defineRoute(
    {
      ...operation,
      method: 'get',
      tag: besideTag,
      scope: 'raw',
      etag: true,
      bySource: true,
      answers: { 200: rawAnswer },
    },
    async ({ principal, params }) => raw(seenBy(principal, await read(params))),
  )
}
