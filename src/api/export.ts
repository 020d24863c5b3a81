// The route of exports: all events that match, as lines of JSON.
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Principal } from './access.ts'
import { filterOf } from './event-filter.ts'
import { eventExample } from './event-form.ts'
import { exportHeaders, openExport } from './export-stream.ts'
import { originalsFor } from './originals.ts'
import { badParameter, eventListParameters } from './parameters.ts'
import { assertPosition } from './position.ts'
import type { Readers } from './readers.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { limitedTo } from './source-limits.ts'

export interface ExportRoutesParts {
  readers: Readers
  isLive(principal: Principal): Promise<boolean>
}

const exportParameters = eventListParameters
  .omit({ limit: true, cursor: true, wait: true })
  .extend({ order: eventListParameters.shape.order.meta({ description: 'which come first; default oldest' }) })

export function exportRoutes({ readers, isLive }: ExportRoutesParts): ApiRoute[] {
  return [
    defineRoute(
      {
        method: 'get',
        path: '/events/export',
        name: 'exportEvents',
        tag: 'Events',
        summary: 'All events that match, one line of JSON each',
        description:
          'Up to the newest event at its beginning, with `q` up to the newest that can be searched. Where it cannot be finished the connection is cut: an export that ' +
          'ended well is whole.',
        scope: 'read',
        bySource: true,
        audit: 'event.export',
        before({ context, principal, query: { include } }) {
          originalsFor(principal, include)
          readers.reserveExport(context.env.outgoing, principal)
        },
        query: exportParameters,
        answers: {
          200: {
            description: 'The events',
            contentType: 'application/x-ndjson',
            example: `${JSON.stringify(eventExample)}\n`,
          },
        },
        problems: ['position_gone', 'unavailable'],
      },
      async ({ context, principal, query: { after, order = 'oldest', include, ...filters } }) => {
        const originals = originalsFor(principal, include)
        if (after !== undefined) {
          if (order === 'newest') throw badParameter('order', "expected 'oldest' beside `after`, which is ascending")
          await assertPosition(readers.store, after)
        }
        const { incoming, outgoing } = context.env
        if (incoming.method === 'HEAD') return new Response(null, { headers: exportHeaders })
        await openExport(outgoing, readers, {
          principal,
          filter: limitedTo(principal, filterOf(filters)),
          originals,
          order,
          after,
          isLive: () => isLive(principal),
        })
        return new Response(null, RESPONSE_ALREADY_SENT)
      },
    ),
  ]
}
