// The routes of replays: an event once more, or all that a filter takes, to whom they are sent and how far they are.
import { z } from 'zod'
import { isoTime } from '../clock.ts'
import { matcher } from '../delivery/match.ts'
import type { PublicForm } from '../delivery/public-form.ts'
import { AppError } from '../errors.ts'
import { decodeId } from '../ids.ts'
import {
  deliveryId,
  deliveryStates,
  type Replay,
  replayId,
  replayNumber,
  type SubscriptionRow,
} from '../store/deliveries.ts'
import { eventId, type StoredEvent, sequenceText } from '../store/record.ts'
import type { EventFilter } from '../store/store.ts'
import { inTurns } from '../turns.ts'
import { readBody } from './body.ts'
import { type DeliveryRoutesParts, namedSubscription } from './delivery-parts.ts'
import type { Api } from './events.ts'
import { badParameter, eventListParameters, noParameters, readParameters } from './parameters.ts'
import { found } from './resource.ts'
import { timeOf } from './subscription-form.ts'

const dryRunMsDefault = 5_000
const sampleSize = 10
const eventsAtOnce = 200

const { shape } = eventListParameters
const several = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess(given => (typeof given === 'string' ? [given] : given), schema)

/** What `GET /events` takes as parameters; a list, or a single text in its place, where a parameter may come again. */
export const replayFilter = z.strictObject({
  source: several(shape.source).optional(),
  vendor: several(shape.vendor).optional(),
  type: several(shape.type).optional(),
  vendorType: several(shape.vendorType).optional(),
  subject: shape.subject,
  ref: several(shape.ref).optional(),
  receivedAfter: shape.receivedAfter,
  receivedBefore: shape.receivedBefore,
})

const subscription = z.string({ error: 'expected the name of a subscription' }).max(63)
const replayBody = z.strictObject({
  filter: replayFilter,
  subscription,
  dryRun: z.boolean({ error: 'expected true or false' }).optional(),
})

export function replayRoutes(api: Api, parts: DeliveryRoutesParts): void {
  const { store, control, clock, dryRunMs = dryRunMsDefault } = parts
  const { deliveries } = store

  api.post('/replays', async context => {
    readParameters(noParameters, context.req.url)
    const key = idempotencyKey(context.req.header('idempotency-key'))
    const body = await readBody(context, replayBody)
    const row = await namedSubscription(store, body.subscription)
    const filter = storedFilter(body.filter)
    if (body.dryRun === true) return context.json(await dryRun(row, filter))
    const { head, oldest } = await store.extent()
    const asked = { subscription: row.number, filter: JSON.stringify(filter) }
    const first = oldest === 0 ? head + 1 : oldest
    const { replay, repeated } = await deliveries.addReplay({ ...asked, first, last: head, key, now: clock.now() })
    if (repeated && (replay.subscription !== asked.subscription || replay.filter !== asked.filter)) {
      const detail = 'this key was given before, for another replay'
      throw new AppError('idempotency_key_reused', detail, { errors: [{ parameter: 'Idempotency-Key', detail }] })
    }
    control.changed()
    return context.json(begun(replay, row.name), 202)
  })

  api.get('/replays/:id', async context => {
    readParameters(noParameters, context.req.url)
    return context.json(await progress(await replayOf(context.req.param('id'))))
  })

  api.post('/replays/:id/cancel', async context => {
    readParameters(noParameters, context.req.url)
    const { number } = await replayOf(context.req.param('id'))
    await readBody(context, z.strictObject({}))
    await deliveries.endReplay(number, 'cancelled', clock.now())
    control.changed()
    return context.json(await progress(found(await deliveries.replay(number))))
  })

  api.post('/events/:id/replay', async context => {
    readParameters(noParameters, context.req.url)
    const event = found(await store.event(found(decodeId('evt_', context.req.param('id')))))
    const { subscription: name } = await readBody(context, z.strictObject({ subscription: subscription.optional() }))
    const rows = name === undefined ? await wanting(event) : [await namedSubscription(store, name)]
    if (name !== undefined) assertMatches(rows[0]!, event)
    const now = clock.now()
    const replays: object[] = []
    for (const row of rows) {
      const range = { first: event.sequence, last: event.sequence }
      const { replay } = await deliveries.addReplay({
        subscription: row.number,
        filter: '{}',
        ...range,
        key: null,
        now,
      })
      const key = { sequence: event.sequence, subscription: row.number, replay: replay.number }
      replays.push({ id: replayId(replay.number), subscription: row.name, delivery: deliveryId(key) })
    }
    if (replays.length > 0) control.changed()
    return context.json({ replays }, 202)
  })

  async function replayOf(id: string): Promise<Replay> {
    return found(await deliveries.replay(found(replayNumber(id))))
  }

  async function wanting(event: StoredEvent): Promise<SubscriptionRow[]> {
    const rows = await deliveries.subscriptions()
    return rows.filter(row => row.removedAt === null && wantedBy(row).matches(event) === 'yes')
  }

  async function progress(replay: Replay): Promise<object> {
    const { number, cursor, matched, state, endedAt } = replay
    const [rows, counts] = await Promise.all([deliveries.subscriptions(), deliveries.replayCounts(number)])
    const row = rows.find(each => each.number === replay.subscription)
    return {
      ...begun(replay, row?.name ?? null),
      state,
      position: sequenceText(Math.max(0, cursor)),
      lookedAt: Math.max(0, cursor - replay.first + 1),
      matched,
      deliveries: Object.fromEntries(deliveryStates.map(each => [each, counts[each] ?? 0])),
      endedAt: timeOf(endedAt),
    }
  }

  /** What a replay would bring, as far as it can be counted in time. */
  async function dryRun(row: SubscriptionRow, filter: EventFilter): Promise<object> {
    const wanted = wantedBy(row)
    const { head, oldest } = await store.extent()
    const deadline = performance.now() + dryRunMs
    const sample: StoredEvent[] = []
    let matched = 0
    let failed = 0
    let position = oldest === 0 ? head : oldest - 1
    while (position < head) {
      const page = await deliveries.filtered(filter, position, eventsAtOnce)
      let reached = Math.min(page.position, head)
      await inTurns(page.events, event => {
        if (event.sequence > head) return false
        const verdict = wanted.matches(event)
        if (verdict === 'failed') failed++
        if (verdict === 'yes') {
          matched++
          if (sample.length < sampleSize) sample.push(event)
        }
        if (performance.now() < deadline) return true
        reached = Math.min(event.sequence, head)
        return false
      })
      position = reached
      if (performance.now() >= deadline) break
    }
    return {
      subscription: row.name,
      dryRun: true,
      matched,
      /** Events that the subscription's filter cannot be evaluated on. */
      failed,
      complete: position >= head,
      position: sequenceText(position),
      sample: sample.map(described),
    }
  }
}

/** What is the same each time: a repeated request is answered as the first was. */
function begun(replay: Replay, subscriptionName: string | null): object {
  return {
    id: replayId(replay.number),
    subscription: subscriptionName,
    filter: shownFilter(JSON.parse(replay.filter) as EventFilter),
    first: sequenceText(replay.first),
    last: sequenceText(replay.last),
    createdAt: isoTime(replay.createdAt),
  }
}

function described({ id, sequence, source, type, subject, received }: StoredEvent): object {
  return { id: eventId(id), sequence: sequenceText(sequence), source, type, subject, receivedAt: isoTime(received) }
}

function wantedBy(row: SubscriptionRow) {
  return matcher(JSON.parse(row.spec) as PublicForm)
}

function assertMatches(row: SubscriptionRow, event: StoredEvent): void {
  const verdict = wantedBy(row).matches(event)
  if (verdict === 'yes') return
  const why = verdict === 'failed' ? 'its filter cannot be evaluated on it' : 'it does not ask for it'
  throw new AppError('not_matching', `${row.name} does not get this event: ${why}`)
}

/** In one order, whatever the order of what was given: it is compared as text. */
function storedFilter({ ref, ...filter }: z.output<typeof replayFilter>): EventFilter {
  const given = Object.entries({ ...filter, refs: ref }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as EventFilter
}

function shownFilter({ refs, receivedAfter, receivedBefore, ...filter }: EventFilter): object {
  return {
    ...filter,
    ...(refs === undefined ? {} : { ref: refs }),
    ...(receivedAfter === undefined ? {} : { receivedAfter: isoTime(receivedAfter) }),
    ...(receivedBefore === undefined ? {} : { receivedBefore: isoTime(receivedBefore) }),
  }
}

function idempotencyKey(given: string | undefined): string | null {
  if (given === undefined) return null
  if (/^[\x21-\x7e]{1,255}$/.test(given)) return given
  throw badParameter('Idempotency-Key', 'expected 1 to 255 visible characters')
}
