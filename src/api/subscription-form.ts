// A subscription as the API shows it: its options without secrets, and where it stands.
import { z } from '@hono/zod-openapi'
import { isoTime } from '../clock.ts'
import type { PublicForm } from '../delivery/public-form.ts'
import { openSpec } from '../delivery/sealed-spec.ts'
import type { SealedBox } from '../ingest/sealed-box.ts'
import { type Counts, type DeliveryState, deliveryStates, type SubscriptionRow } from '../store/deliveries.ts'
import { sequenceText } from '../store/record.ts'
import type { Store } from '../store/store.ts'
import { sequenceForm, timeForm } from './event-form.ts'

export const countsForm = z
  .object(
    Object.fromEntries(deliveryStates.map(state => [state, z.number().int()])) as Record<DeliveryState, z.ZodNumber>,
  )
  .meta({ description: 'how many deliveries are in each state' })

const httpForm = z
  .object({
    kind: z.literal('http'),
    url: z.string().meta({ description: 'its query reads `?…`, since keys travel there' }),
    format: z.enum(['cloudevent', 'original', 'slack', 'teams']),
    signatures: z.number().int().meta({ description: 'by how many secrets each attempt is signed' }),
    headers: z.array(z.string()).meta({ description: 'their names' }),
    auth: z
      .union([
        z.object({ kind: z.literal('basic'), username: z.string() }),
        z.object({ kind: z.literal('bearer') }),
        z.object({
          kind: z.literal('oauth'),
          tokenUrl: z.string(),
          clientId: z.string(),
          scopes: z.array(z.string()),
          audience: z.string().nullable(),
        }),
      ])
      .nullable(),
    tls: z.object({ cert: z.boolean(), ca: z.boolean() }).nullable(),
    proxy: z.string().nullable(),
    deadOn: z.array(z.number().int()),
    connectTimeoutMs: z.number().int(),
    headersTimeoutMs: z.number().int(),
    bodyTimeoutMs: z.number().int(),
  })
  .openapi('HttpDestination')
const handlerForm = z.object({ kind: z.literal('handler'), memoryMiB: z.number() }).openapi('HandlerDestination')

/** Where a subscription begins to read. */
export const startForm = z.union([
  z.enum(['now', 'beginning']),
  z.object({ sequence: z.number().int() }),
  z.object({ time: z.string() }),
])

/** The options of a subscription as they are kept: see `PublicForm`. */
const optionsShape = {
  types: z.array(z.string()),
  vendorTypes: z.array(z.string()),
  sources: z.array(z.string()),
  filter: z.string().nullable().meta({ description: 'JMESPath over the event' }),
  concurrency: z.number().int(),
  rate: z.object({ limit: z.number().int(), intervalMs: z.number().int() }).nullable(),
  order: z.enum(['none', 'subject']),
  onDead: z.enum(['hold', 'skip']),
  retry: z.object({ scheduleMs: z.array(z.number().int()), jitter: z.number() }),
  timeoutMs: z.number().int(),
  include: z.array(z.literal('original')),
  skipSame: z.boolean(),
  start: startForm,
  to: z.union([httpForm, handlerForm]),
}

const shape = {
  name: z.string(),
  origin: z.enum(['config', 'api']).meta({ description: 'of the configuration file, or made here' }),
  createdAt: timeForm,
  removedAt: timeForm.nullable(),
  problem: z.string().nullable().meta({ description: 'why it cannot be delivered to' }),
  paused: z.object({ by: z.enum(['person', 'gone']), at: timeForm.nullable() }).nullable(),
  cursor: sequenceForm.meta({ description: 'how far it has read' }),
  lag: z.number().int().meta({ description: "events behind the log's head" }),
  oldestUnsettledAt: timeForm.nullable(),
  deliveries: countsForm,
  lanesHeld: z.number().int(),
  ...optionsShape,
  breaker: z.object({
    failures: z.number().int(),
    coolDownMs: z.number().int(),
    state: z.enum(['closed', 'open', 'half_open']),
    consecutiveFailures: z.number().int(),
    opened: z.number().int(),
    until: timeForm.nullable(),
  }),
}
export const subscriptionForm = z.object(shape).openapi('Subscription')
export const putSubscriptionForm = z
  .object({
    ...shape,
    secret: z.string().optional().meta({ description: 'the signing secret that was made: it is shown this once' }),
  })
  .openapi('PutSubscription')
export type ShownSubscription = z.infer<typeof subscriptionForm>
/** `PublicForm` as it was written. */
type Options = z.infer<z.ZodObject<typeof optionsShape>> & Pick<PublicForm, 'breaker'>

export type Describe = (row: SubscriptionRow) => Promise<ShownSubscription>

/** With the log's head and the counts read once for all that are described. */
export async function describer(store: Store, box: SealedBox): Promise<Describe> {
  const [{ head }, counts] = await Promise.all([store.extent(), store.deliveries.counts()])
  return async row => {
    const oldest = await store.deliveries.oldestUnsettled(row.number)
    return described(row, head, counts.get(row.number), oldest, problemOf(row, box))
  }
}

function described(
  row: SubscriptionRow,
  head: number,
  counts: Counts | undefined,
  oldestUnsettled: number | null,
  problem: string | null,
): ShownSubscription {
  const { breaker, ...options } = JSON.parse(row.spec) as Options
  const { state, failures, opened, until } = row.breaker
  return {
    name: row.name,
    origin: row.origin,
    createdAt: isoTime(row.createdAt),
    removedAt: timeOf(row.removedAt),
    problem,
    paused: row.paused === null ? null : { by: row.paused, at: timeOf(row.pausedAt) },
    cursor: sequenceText(row.cursor),
    // A removed one waits for nothing, however long the log grows.
    lag: row.removedAt === null ? Math.max(0, head - row.cursor) : 0,
    oldestUnsettledAt: row.removedAt === null ? timeOf(oldestUnsettled) : null,
    deliveries: countsOf(counts),
    lanesHeld: counts?.held ?? 0,
    ...options,
    breaker: { ...breaker, state, consecutiveFailures: failures, opened, until: timeOf(until) },
  }
}

/** Every state, those that none is in too. */
export function countsOf(counts: Partial<Record<DeliveryState, number>> = {}): Record<DeliveryState, number> {
  const entries = deliveryStates.map(state => [state, counts[state] ?? 0])
  return Object.fromEntries(entries) as Record<DeliveryState, number>
}

/** Sealed under a key that is gone, it cannot be delivered to. */
function problemOf(row: SubscriptionRow, box: SealedBox): string | null {
  if (row.origin === 'config' || row.removedAt !== null || openSpec(row, box) !== undefined) return null
  return 'its secrets were sealed under another key: put it anew'
}

export function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : isoTime(milliseconds)
}
