// The route of figures: what somebody on duty asks first. Each of them is kept, or counted by an index.
import { z } from '@hono/zod-openapi'
import { type Clock, isoTime } from '../clock.ts'
import type { Source } from '../ingest/source.ts'
import { sequenceText } from '../store/record.ts'
import type { SourceStats, Store, StoreHealth } from '../store/store.ts'
import { sequenceForm, timeForm } from './event-form.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { maySee } from './source-limits.ts'
import { countsForm, countsOf, timeOf } from './subscription-form.ts'

export interface StatsRoutesParts {
  store: Store
  clock: Clock
  /** By name, old names included. */
  sources: ReadonlyMap<string, Source>
  health(): Promise<StoreHealth>
}

const count = z.number().int()
const waiting = count.meta({ description: 'counted up to 10,000' })
const statsForm = z
  .object({
    at: timeForm,
    log: z.object({
      head: sequenceForm.meta({ description: 'the newest event' }),
      oldest: sequenceForm.nullable().meta({ description: 'the oldest event kept; null: there is none' }),
      epoch: z.string().meta({ description: 'another one after a restore: positions of before are of another log' }),
    }),
    store: z.object({
      ok: z.boolean().meta({ description: 'whether it can commit' }),
      problem: z.string().nullable().meta({ description: '`full`, `locked`, `readonly`, `unreachable` …' }),
      degraded: z.enum(['spooling']).nullable(),
      spool: z
        .object({ entries: count, bytes: count, bytesMax: count, oldestSeconds: z.number(), refused: count })
        .nullable()
        .meta({ description: 'what waits on this node while the database is away' }),
    }),
    search: z
      .object({
        indexedThrough: sequenceForm,
        behind: count.meta({ description: 'places of the log that it has not come to yet' }),
      })
      .nullable()
      .meta({ description: 'how far the search index has come; null: nothing is searched' }),
    sources: z.array(
      z.object({
        name: z.string(),
        configured: z.boolean().meta({ description: 'false: of the past, or our own events' }),
        lastReceivedAt: timeForm.nullable(),
        events: z.object({ lastHour: count, lastDay: count }).meta({ description: 'that came into the log since' }),
        quarantine: waiting,
        rejections: waiting,
        conflicts: waiting,
      }),
    ),
    subscriptions: z.array(
      z.object({
        name: z.string(),
        paused: z.enum(['person', 'gone']).nullable(),
        breaker: z.enum(['closed', 'open', 'half_open']),
        lag: count.meta({ description: "events behind the log's head" }),
        oldestUnsettledAt: timeForm.nullable(),
        lanesHeld: count,
        deliveries: countsForm,
      }),
    ),
  })
  .openapi('Stats')

const noDeliveries = countsOf()
const example: z.input<typeof statsForm> = {
  at: '2026-03-01T03:12:00.000Z',
  log: { head: '0000000000000042', oldest: '0000000000000001', epoch: '5f0c7a1e9b3d2468' },
  store: { ok: true, problem: null, degraded: null, spool: null },
  search: { indexedThrough: '0000000000000042', behind: 0 },
  sources: [
    {
      name: 'loan-portal',
      configured: true,
      lastReceivedAt: '2026-03-01T03:11:58.120Z',
      events: { lastHour: 12, lastDay: 42 },
      quarantine: 1,
      rejections: 3,
      conflicts: 0,
    },
  ],
  subscriptions: [
    {
      name: 'loan-book',
      paused: null,
      breaker: 'open',
      lag: 0,
      oldestUnsettledAt: '2026-03-01T02:40:11.000Z',
      lanesHeld: 0,
      deliveries: { ...noDeliveries, succeeded: 38, retrying: 4 },
    },
  ],
}

export function statsRoutes({ store, clock, sources, health }: StatsRoutesParts): ApiRoute[] {
  return [
    defineRoute(
      {
        method: 'get',
        path: '/stats',
        name: 'getStats',
        tag: 'Stats',
        summary: 'How the inbox is: what came lately, what did not get in, and what is not delivered yet',
        description: 'A token that is limited to some sources sees the figures of these alone, and no subscriptions.',
        scope: 'read',
        inTurn: true,
        bySource: true,
        answers: { 200: { description: 'The figures', schema: statsForm, example } },
      },
      async ({ principal }) => {
        const at = clock.now()
        const [figures, { ok, problem = null, degraded = null, spool = null }, search, subscriptions] =
          await Promise.all([
            store.stats(at),
            health(),
            store.search.progress(),
            principal.sources === null ? subscriptionsOf(store) : [],
          ])
        // After the cursors and the counts, so that none of them is ahead of it.
        const { head, oldest, epoch } = await store.extent()
        const log = { head: sequenceText(head), oldest: oldest === 0 ? null : sequenceText(oldest), epoch }
        return {
          at: isoTime(at),
          log,
          store: { ok, problem, degraded, spool },
          search: search && { ...search, indexedThrough: sequenceText(search.indexedThrough) },
          sources: shownSources(figures, sources).filter(({ name }) => maySee(principal, name)),
          subscriptions: subscriptions.map(({ cursor, ...each }) => ({ ...each, lag: Math.max(0, head - cursor) })),
        }
      },
    ),
  ]
}

/** Those of the configuration first, in its order, then those of the past. */
function shownSources(figures: readonly SourceStats[], sources: ReadonlyMap<string, Source>) {
  const configured = [...new Set(sources.values())].map(({ name }) => name)
  const byName = new Map(figures.map(each => [each.source, each]))
  const all = new Set([...configured, ...byName.keys()])
  return [...all].map(name => {
    const known = byName.get(name)
    return {
      name,
      configured: configured.includes(name),
      lastReceivedAt: timeOf(known?.lastReceived ?? null),
      events: { lastHour: known?.lastHour ?? 0, lastDay: known?.lastDay ?? 0 },
      quarantine: known?.quarantine ?? 0,
      rejections: known?.rejections ?? 0,
      conflicts: known?.conflicts ?? 0,
    }
  })
}

/** Those that deliver. */
async function subscriptionsOf({ deliveries }: Store) {
  const [rows, counts] = await Promise.all([deliveries.subscriptions(), deliveries.counts()])
  const present = rows.filter(({ removedAt }) => removedAt === null)
  return Promise.all(
    present.map(async ({ number, name, paused, breaker, cursor }) => ({
      name,
      paused,
      breaker: breaker.state,
      cursor,
      oldestUnsettledAt: timeOf(await deliveries.oldestUnsettled(number)),
      lanesHeld: counts.get(number)?.held ?? 0,
      deliveries: countsOf(counts.get(number)),
    })),
  )
}
