// The routes of replays: an event once more, or all that a filter takes, to whom they are sent and how far they are.
import { z } from '@hono/zod-openapi'
import { isoTime } from '../clock.ts'
import { matcher } from '../delivery/match.ts'
import type { PublicForm } from '../delivery/public-form.ts'
import { AppError } from '../errors.ts'
import { deliveryId, type Replay, replayId, type SubscriptionRow } from '../store/deliveries.ts'
import { eventId, type StoredEvent, sequenceText } from '../store/record.ts'
import type { EventFilter } from '../store/store.ts'
import { inTurns } from '../turns.ts'
import { nothing } from './body.ts'
import { deliveryExample } from './delivery-form.ts'
import { type DeliveryRoutesParts, namedSubscription, subscriptionMember } from './delivery-parts.ts'
import { inTurn } from './in-turn.ts'
import { PageReads } from './page-reads.ts'
import { badParameter } from './parameters.ts'
import { eventPath, replayPath } from './path.ts'
import {
  type BegunReplay,
  begunExample,
  begunForm,
  dryRunExample,
  dryRunForm,
  eventReplaysForm,
  replayBody,
  replayExample,
  type replayFilter,
  replayForm,
} from './replay-form.ts'
import { found } from './resource.ts'
import { type ApiRoute, defineRoute } from './route.ts'
import { seenBy } from './source-limits.ts'
import { countsOf, timeOf } from './subscription-form.ts'

const dryRunMsDefault = 5_000
const sampleSize = 10
const eventsAtOnce = 200

const tag = 'Replays'

export function replayRoutes(parts: DeliveryRoutesParts): ApiRoute[] {
  const { store, control, clock, dryRunMs = dryRunMsDefault } = parts
  const { deliveries } = store
  /** Each of them compares events in this thread for seconds, which what vendors send would else wait for. */
  const dryRuns = new PageReads({ what: 'dry runs', atWork: 1, waiting: 4, waitingOfToken: 2 })

  const begin = defineRoute(
    {
      method: 'post',
      path: '/replays',
      name: 'createReplay',
      tag,
      summary: 'Sends events once more, to one subscription',
      description:
        'Those that the subscription asks for and the filter takes, up to the log’s end of now, in the background. The ' +
        'same `Idempotency-Key` with the same body is the same replay.',
      scope: 'operate',
      audit: 'replay.create',
      headers: z.object({
        'Idempotency-Key': z
          .string()
          .regex(/^[\x21-\x7e]{1,255}$/)
          .optional()
          .meta({ description: '1 to 255 visible characters of your making, for a request that may be sent again' }),
      }),
      body: replayBody,
      bodyExample: {
        filter: { type: ['loan.*'], receivedAfter: '2026-03-01T00:00:00Z' },
        subscription: 'loan-book',
        dryRun: true,
      },
      answers: {
        200: { description: 'What a dry run found', schema: dryRunForm, example: dryRunExample },
        202: { description: 'It has begun', schema: begunForm, example: begunExample },
      },
      problems: ['subscription_removed', 'idempotency_key_reused'],
    },
    async ({ context, body }) => {
      const key = idempotencyKey(context.req.header('idempotency-key'))
      const row = await namedSubscription(store, body.subscription)
      const filter = storedFilter(body.filter)
      if (body.dryRun === true) return inTurn(context, dryRuns, gone => dryRun(row, filter, gone))
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
    },
  )

  const one = defineRoute(
    {
      method: 'get',
      path: '/replays/{id}',
      name: 'getReplay',
      tag,
      summary: 'How far a replay is',
      scope: 'read',
      etag: true,
      params: replayPath,
      answers: { 200: { description: 'The replay', schema: replayForm, example: replayExample } },
    },
    async ({ params: { id } }) => progress(found(await deliveries.replay(id))),
  )

  const cancel = defineRoute(
    {
      method: 'post',
      path: '/replays/{id}/cancel',
      name: 'cancelReplay',
      tag,
      summary: 'Ends a replay, and cancels those of its deliveries that are not settled',
      scope: 'operate',
      audit: 'replay.cancel',
      params: replayPath,
      body: nothing,
      answers: {
        200: {
          description: 'The replay as it is now',
          schema: replayForm,
          example: { ...replayExample, state: 'cancelled', endedAt: '2026-03-02T09:01:00.000Z' },
        },
      },
    },
    async ({ params: { id } }) => {
      const { number } = found(await deliveries.replay(id))
      await deliveries.endReplay(number, 'cancelled', clock.now())
      control.changed()
      return progress(found(await deliveries.replay(number)))
    },
  )

  const ofEvent = defineRoute(
    {
      method: 'post',
      path: '/events/{id}/replay',
      name: 'replayEvent',
      tag,
      summary: 'Sends one event once more, to whoever asks for it or to one subscription',
      scope: 'operate',
      bySource: true,
      audit: 'event.replay',
      params: eventPath,
      body: z.strictObject({ subscription: subscriptionMember.optional() }),
      bodyExample: { subscription: 'loan-book' },
      answers: {
        202: {
          description: 'The replays that have begun',
          schema: eventReplaysForm,
          example: {
            replays: [{ id: begunExample.id, subscription: 'loan-book', delivery: deliveryExample.id }],
          },
        },
      },
      problems: ['not_matching', 'subscription_removed'],
    },
    async ({ context, principal, params, body: { subscription: name } }) => {
      const event = seenBy(principal, await store.event(params.id))
      const rows = name === undefined ? await wanting(event) : [await namedSubscription(store, name)]
      if (name !== undefined) assertMatches(rows[0]!, event)
      const now = clock.now()
      const replays: z.infer<typeof eventReplaysForm>['replays'] = []
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
    },
  )

  return [begin, one, cancel, ofEvent]

  async function wanting(event: StoredEvent): Promise<SubscriptionRow[]> {
    const rows = await deliveries.subscriptions()
    return rows.filter(row => row.removedAt === null && wantedBy(row).matches(event) === 'yes')
  }

  async function progress(replay: Replay): Promise<z.infer<typeof replayForm>> {
    const { number, cursor, matched, state, endedAt } = replay
    const [rows, counts] = await Promise.all([deliveries.subscriptions(), deliveries.replayCounts(number)])
    const row = rows.find(each => each.number === replay.subscription)
    return {
      ...begun(replay, row?.name ?? null),
      state,
      position: sequenceText(Math.max(0, cursor)),
      lookedAt: Math.max(0, cursor - replay.first + 1),
      matched,
      deliveries: countsOf(counts),
      endedAt: timeOf(endedAt),
    }
  }

  /** What a replay would bring, as far as it can be counted in time. Throws the reason of `gone` as soon as it is aborted. */
  async function dryRun(
    row: SubscriptionRow,
    filter: EventFilter,
    gone: AbortSignal,
  ): Promise<z.infer<typeof dryRunForm>> {
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
        if (performance.now() < deadline && !gone.aborted) return true
        reached = Math.min(event.sequence, head)
        return false
      })
      gone.throwIfAborted()
      position = reached
      if (performance.now() >= deadline) break
    }
    return {
      subscription: row.name,
      dryRun: true,
      matched,
      failed,
      complete: position >= head,
      position: sequenceText(position),
      sample: sample.map(described),
    }
  }
}

/** What is the same each time: a repeated request is answered as the first was. */
function begun(replay: Replay, subscriptionName: string | null): BegunReplay {
  return {
    id: replayId(replay.number),
    subscription: subscriptionName,
    filter: shownFilter(JSON.parse(replay.filter) as EventFilter),
    first: sequenceText(replay.first),
    last: sequenceText(replay.last),
    createdAt: isoTime(replay.createdAt),
  }
}

function described({
  id,
  sequence,
  source,
  type,
  subject,
  received,
}: StoredEvent): z.infer<typeof dryRunForm>['sample'][number] {
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

function shownFilter({ refs, receivedAfter, receivedBefore, ...filter }: EventFilter): Record<string, unknown> {
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
