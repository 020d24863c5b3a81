// Reading subscriptions, deliveries and replays. Each query, and the index that it goes by:
//   one delivery, one event's deliveries, attempts   their keys
//   by subscription and state                        deliveries_by_state, of each subscription; merged
//   all, and those that succeeded                    the key, walked in windows from the newest
//   counts                                           delivery_counts, which is never more than a few rows each
import { type Kysely, type Selectable, sql } from 'kysely'
import {
  type AttemptRecord,
  type BreakerState,
  type Counts,
  type Deliveries,
  type Delivery,
  type DeliveryFilter,
  type DeliveryKey,
  type DeliveryState,
  deliveryStates,
  type Replay,
  type SubscriptionRow,
} from './deliveries.ts'
import type { Queries } from './queries.ts'
import type { Page } from './store.ts'
import type { DeliveriesTable, ReplaysTable, SubscriptionsTable, Tables } from './tables.ts'

/** Sequences that one read transaction of a walk looks at. */
const windowSize = 5_000
const budgetMs = 1_000
/** Numbers of subscriptions and replays go up to here. */
const numberMax = 2 ** 31 - 1

const succeededCode = deliveryStates.indexOf('succeeded')
const deadCode = deliveryStates.indexOf('dead')

type DeliveryRow = Selectable<DeliveriesTable>

export class DeliveryQueries {
  readonly #db: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#db = db
  }

  async subscriptions(): Promise<SubscriptionRow[]> {
    const rows = await this.#db.selectFrom('subscriptions').selectAll().orderBy('number').execute()
    return rows.map(subscriptionOf)
  }

  async revision(): Promise<number | null> {
    const row = await this.#db.selectFrom('revision').select('revision').executeTakeFirst()
    return row?.revision ?? null
  }

  async delivery(key: DeliveryKey): Promise<Delivery | undefined> {
    if (!isNumbered(key)) return undefined
    const row = await this.#keyed(key).executeTakeFirst()
    return row && deliveryOf(row)
  }

  async attempts(key: DeliveryKey): Promise<AttemptRecord[]> {
    if (!isNumbered(key)) return []
    const { sequence, subscription, replay } = key
    const rows = await this.#db
      .selectFrom('attempts')
      .selectAll()
      .where('sequence', '=', sequence)
      .where('subscription', '=', subscription)
      .where('replay', '=', replay)
      .orderBy('number')
      .execute()
    return rows.map(({ number, startedat, elapsedms, result, status, reason, answer }) => ({
      number,
      startedAt: startedat,
      elapsedMs: elapsedms,
      result,
      status,
      reason,
      answer,
    }))
  }

  async ofEvent(sequence: number): Promise<Delivery[]> {
    const rows = await this.#db
      .selectFrom('deliveries')
      .selectAll()
      .where('sequence', '=', sequence)
      .orderBy('subscription')
      .orderBy('replay')
      .execute()
    return rows.map(deliveryOf)
  }

  /** Newest first: by sequence, then subscription, then replay. */
  async list(filter: DeliveryFilter, { limit, cursor }: { limit: number; cursor?: string }): Promise<Page<Delivery>> {
    const from = cursor === undefined ? undefined : position(cursor)
    const byIndex = filter.state !== undefined && filter.state !== 'succeeded'
    const { rows, more } = byIndex ? await this.#byState(filter, limit, from) : await this.#walked(filter, limit, from)
    const last = rows.at(-1)
    return { items: rows.map(deliveryOf), next: more === undefined ? null : written(more === 'last' ? last! : more) }
  }

  async counts(): Promise<Map<number, Counts>> {
    const rows = await this.#db.selectFrom('delivery_counts').selectAll().where('replay', '=', 0).execute()
    const counts = new Map<number, Counts>()
    for (const { subscription, state, count } of rows) {
      const own = counts.get(subscription) ?? noCounts()
      own[deliveryStates[state] ?? 'held'] = count
      counts.set(subscription, own)
    }
    return counts
  }

  /** What is in delivery, and what the feed has not reached. */
  async oldestUnsettled(subscription: number): Promise<number | null> {
    const { rows } = await sql<{ received: number | null }>`
      select min(received) as received from events where sequence in (
        ${sql.join(
          [0, 1, 2, 3].map(
            state => sql`select * from (select sequence from deliveries
              where subscription = ${subscription} and state = ${sql.raw(String(state))} order by sequence limit 1) as oldest`,
          ),
          sql` union all `,
        )}
        union all
        select * from (select sequence from events
          where sequence > (select cursor from subscriptions where number = ${subscription})
          order by sequence limit 1) as next)`.execute(this.#db)
    return rows[0]?.received ?? null
  }

  async replay(number: number): Promise<Replay | undefined> {
    if (number > numberMax) return undefined
    const row = await this.#db.selectFrom('replays').selectAll().where('number', '=', number).executeTakeFirst()
    return row && replayOf(row)
  }

  async replayByKey(key: string): Promise<Replay | undefined> {
    const row = await this.#db.selectFrom('replays').selectAll().where('key', '=', key).executeTakeFirst()
    return row && replayOf(row)
  }

  async runningReplays(): Promise<Replay[]> {
    const rows = await this.#db
      .selectFrom('replays')
      .selectAll()
      .where('state', '=', sql<'running'>`'running'`)
      .orderBy('number')
      .execute()
    return rows.map(replayOf)
  }

  async replayCounts(number: number): Promise<Partial<Record<DeliveryState, number>>> {
    const rows = await this.#db
      .selectFrom('delivery_counts')
      .innerJoin('replays', 'replays.subscription', 'delivery_counts.subscription')
      .select(['delivery_counts.state', 'delivery_counts.count'])
      .where('replays.number', '=', number)
      .where('delivery_counts.replay', '=', number)
      .execute()
    return Object.fromEntries(
      rows.flatMap(({ state, count }) => (deliveryStates[state] === undefined ? [] : [[deliveryStates[state], count]])),
    )
  }

  #keyed({ sequence, subscription, replay }: DeliveryKey) {
    return this.#db
      .selectFrom('deliveries')
      .selectAll()
      .where('sequence', '=', sequence)
      .where('subscription', '=', subscription)
      .where('replay', '=', replay)
  }

  /** The newest of each subscription by its index; what is furthest along of all of them is the page. */
  async #byState(
    { subscription, state }: DeliveryFilter,
    limit: number,
    from: DeliveryKey | undefined,
  ): Promise<Found> {
    // A literal: SQLite takes a partial index only for a term that it can read.
    const code = sql<number>`${sql.raw(String(deliveryStates.indexOf(state!)))}`
    const numbers =
      subscription === undefined
        ? (await this.#db.selectFrom('subscriptions').select('number').execute()).map(({ number }) => number)
        : [subscription]
    const found: DeliveryRow[] = []
    for (const number of numbers) {
      let query = this.#db
        .selectFrom('deliveries')
        .selectAll()
        .where('subscription', '=', number)
        .where('state', '=', code)
        .orderBy('sequence', 'desc')
        .orderBy('replay', 'desc')
        .limit(limit + 1)
      if (from !== undefined) query = query.where(behindWithin(number, from))
      found.push(...(await query.execute()))
    }
    found.sort((a, b) => b.sequence - a.sequence || b.subscription - a.subscription || b.replay - a.replay)
    return { rows: found.slice(0, limit), more: found.length > limit ? 'last' : undefined }
  }

  async #walked({ subscription, state }: DeliveryFilter, limit: number, from: DeliveryKey | undefined): Promise<Found> {
    const { newest } = await this.#db
      .selectFrom('deliveries')
      .select(({ fn }) => fn.max('sequence').as('newest'))
      .executeTakeFirstOrThrow()
    const deadline = performance.now() + budgetMs
    const rows: DeliveryRow[] = []
    for (let high = Math.min(from?.sequence ?? Number.POSITIVE_INFINITY, newest ?? 0); high > 0; high -= windowSize) {
      let query = this.#db
        .selectFrom('deliveries')
        .selectAll()
        .where('sequence', '<=', high)
        .where('sequence', '>', high - windowSize)
        .orderBy('sequence', 'desc')
        .orderBy('subscription', 'desc')
        .orderBy('replay', 'desc')
        .limit(limit + 1 - rows.length)
      if (from !== undefined) query = query.where(behind(from))
      if (subscription !== undefined) query = query.where('subscription', '=', subscription)
      if (state !== undefined) query = query.where('state', '=', succeededCode)
      rows.push(...(await query.execute()))
      if (rows.length > limit) return { rows: rows.slice(0, limit), more: 'last' }
      if (performance.now() > deadline && high > windowSize) {
        // Everything from here on is still to be looked at.
        return { rows, more: { sequence: high - windowSize, subscription: numberMax, replay: numberMax } }
      }
    }
    return { rows, more: undefined }
  }
}

/** What a store's deliveries answer by reading alone, on either engine. */
export function deliveryReads(
  read: DeliveryQueries,
  queries: Pick<Queries, 'scan' | 'bySequence' | 'list' | 'requestOf'>,
) {
  return {
    scan: (after, limit) => queries.scan(after, limit),
    events: sequences => queries.bySequence(sequences),
    filtered: (filter, after, limit) => queries.list({ filter, order: 'oldest', from: after, limit }),
    requestOf: event => queries.requestOf(event),
    subscriptions: () => read.subscriptions(),
    revision: () => read.revision(),
    delivery: key => read.delivery(key),
    attempts: key => read.attempts(key),
    ofEvent: sequence => read.ofEvent(sequence),
    list: (filter, page) => read.list(filter, page),
    counts: () => read.counts(),
    oldestUnsettled: subscription => read.oldestUnsettled(subscription),
    replay: number => read.replay(number),
    runningReplays: () => read.runningReplays(),
    replayCounts: number => read.replayCounts(number),
  } satisfies Partial<Deliveries>
}

interface Found {
  rows: DeliveryRow[]
  /** Where the next page begins: behind the last row, behind a place that was looked at, or nowhere. */
  more: 'last' | DeliveryKey | undefined
}

function behind({ sequence, subscription, replay }: DeliveryKey) {
  return sql<boolean>`(sequence, subscription, replay) < (${sequence}, ${subscription}, ${replay})`
}

/** The same within one subscription, in the words of its index. */
function behindWithin(number: number, { sequence, subscription, replay }: DeliveryKey) {
  if (number < subscription) return sql<boolean>`sequence <= ${sequence}`
  if (number > subscription) return sql<boolean>`sequence < ${sequence}`
  return sql<boolean>`(sequence, replay) < (${sequence}, ${replay})`
}

function written({ sequence, subscription, replay }: DeliveryKey): string {
  return `${sequence}.${subscription}.${replay}`
}

function position(cursor: string): DeliveryKey {
  const [sequence = 0, subscription = 0, replay = 0] = cursor
    .split('.')
    .map(part => (/^\d+$/.test(part) ? Number(part) : 0))
  return {
    sequence: Math.min(sequence, Number.MAX_SAFE_INTEGER),
    subscription: Math.min(subscription, numberMax),
    replay: Math.min(replay, numberMax),
  }
}

/** An id may say more than there can be. */
export function isNumbered({ subscription, replay }: DeliveryKey): boolean {
  return subscription <= numberMax && replay <= numberMax
}

function deliveryOf(row: DeliveryRow): Delivery {
  const { sequence, subscription, replay, state, attempt, spent, due, settledat, lane } = row
  return {
    sequence,
    subscription,
    replay,
    state: deliveryStates[state]!,
    attempts: attempt,
    spent,
    due: state > 0 && state < succeededCode ? due : null,
    settledAt: settledat,
    holds: state === deadCode && lane !== null,
  }
}

function subscriptionOf(row: Selectable<SubscriptionsTable>): SubscriptionRow {
  const { pausedat, removedat, createdat, breaker, ...rest } = row
  return {
    ...rest,
    pausedAt: pausedat,
    removedAt: removedat,
    createdAt: createdat,
    breaker: JSON.parse(breaker) as BreakerState,
  }
}

function replayOf({ createdat, endedat, key: _, ...rest }: Selectable<ReplaysTable>): Replay {
  return { ...rest, createdAt: createdat, endedAt: endedat }
}

function noCounts(): Counts {
  return Object.fromEntries([...deliveryStates, 'held'].map(state => [state, 0])) as Counts
}
