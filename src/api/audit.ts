// The route of the audit log: who changed what, and who read what vendors sent.
import { z } from '@hono/zod-openapi'
import { isoTime } from '../clock.ts'
import { encodeId } from '../ids.ts'
import type { AuditEntry } from '../store/audit.ts'
import type { Store } from '../store/store.ts'
import { auditActions } from './audit-actions.ts'
import { type Cursors, paging } from './cursor.ts'
import { listForm, timeForm } from './event-form.ts'
import { pageParameters } from './parameters.ts'
import { type ApiRoute, defineRoute } from './route.ts'

export interface AuditRoutesParts {
  store: Pick<Store, 'audit'>
  cursor: Cursors
}

const listParameters = pageParameters.pick({ limit: true, cursor: true }).extend({
  actor: z.string().min(1, 'expected a name').max(63).meta({ description: "a token's name, or `admin`" }).optional(),
  action: z
    .enum(auditActions, { error: `expected one of ${auditActions.join(', ')}` })
    .meta({ description: 'what was done' })
    .optional(),
})

const auditForm = z
  .object({
    id: z.string().regex(/^aud_[0-9a-z]{26}$/),
    at: timeForm,
    actor: z.string().meta({ description: "the token's name; `admin` is the token of the environment" }),
    tokenId: z.string().nullable(),
    action: z.string(),
    target: z.string().meta({ description: 'what it was done to; empty where it is not one thing' }),
    detail: z.looseObject({}).meta({ description: 'what was asked for, without secrets' }),
    address: z.string().meta({ description: "the client's" }),
    status: z
      .number()
      .int()
      .nullable()
      .meta({ description: 'that was answered; null: it is under way, or the gateway ended before it was' }),
  })
  .openapi('AuditEntry')

const example: z.input<typeof auditForm> = {
  id: 'aud_1c5v9z3q7t0w4y8b2d6f1h5k9n',
  at: '2026-03-02T08:15:00.123Z',
  actor: 'ops',
  tokenId: 'tok_3n8v1q5z7c9t2w4y6b0d8f1h3k',
  action: 'delivery.retry',
  target: 'dlv_00000080000000000000000041',
  detail: {},
  address: '10.0.0.7',
  status: 200,
}

export function auditRoutes({ store: { audit }, cursor }: AuditRoutesParts): ApiRoute[] {
  const list = defineRoute(
    {
      method: 'get',
      path: '/audit',
      name: 'listAudit',
      tag: 'Tokens',
      summary: 'Who changed or read what, newest first; kept for 400 days',
      scope: 'admin',
      inTurn: true,
      query: listParameters,
      answers: {
        200: {
          description: 'A page of the audit log',
          schema: listForm(auditForm).openapi('AuditList'),
          example: { items: [example], next: null },
        },
      },
      problems: ['bad_cursor'],
    },
    async ({ query: { actor, action, ...query } }) => {
      const { page, nextOf } = paging(cursor, query, { list: 'audit', actor, action })
      const filter = { ...(actor === undefined ? {} : { actor }), ...(action === undefined ? {} : { action }) }
      const { items, next } = await audit.list(filter, page)
      return { items: items.map(described), next: nextOf(next) }
    },
  )
  return [list]
}

function described({ id, at, detail, ...entry }: AuditEntry): z.input<typeof auditForm> {
  return { id: `aud_${encodeId(id)}`, at: isoTime(at), ...entry, detail: JSON.parse(detail) as object as never }
}
