// Changes of subscriptions and replays, each a single statement that both engines take.
import type { Kysely } from 'kysely'
import { type BreakerState, closedBreaker, type Replay, type SubscriptionRow } from './deliveries.ts'
import { DeliveryQueries } from './delivery-queries.ts'
import type { Tables } from './tables.ts'

/** A subscription that was out of the configuration for longer starts anew. */
const forgottenAfterMs = 7 * 86_400_000

export interface PutSubscription {
  name: string
  origin: SubscriptionRow['origin']
  spec: string
  sealed: Buffer | null
  cursor: number
  now: number
}

export interface NewReplay {
  subscription: number
  filter: string
  first: number
  last: number
  key: string | null
  now: number
}

export class SubscriptionChanges {
  readonly #db: Kysely<Tables>
  readonly #read: DeliveryQueries

  constructor(db: Kysely<Tables>) {
    this.#db = db
    this.#read = new DeliveryQueries(db)
  }

  /** Its number. What was left of one that is forgotten is to be cancelled before. */
  async put({ name, origin, spec, sealed, cursor, now }: PutSubscription): Promise<number> {
    const { number } = await this.#db
      .insertInto('subscriptions')
      .values({ name, origin, spec, sealed, cursor, createdat: now, breaker: breakerText(closedBreaker) })
      .onConflict(conflict =>
        conflict.column('name').doUpdateSet(({ eb, ref, or, and }) => {
          // As `isForgotten` says: a new one of the same name.
          const anew = or([
            eb('subscriptions.removedat', '<', now - forgottenAfterMs),
            and([
              eb('subscriptions.removedat', 'is not', null),
              or([eb('subscriptions.origin', '=', 'api'), eb('subscriptions.origin', '!=', origin)]),
            ]),
          ])
          const own = <Name extends 'cursor' | 'paused' | 'pausedat' | 'breaker'>(column: Name) =>
            eb
              .case()
              .when(anew)
              .then(ref(`excluded.${column}`))
              .else(ref(`subscriptions.${column}`))
              .end()
          return {
            origin,
            spec,
            sealed,
            cursor: own('cursor'),
            paused: own('paused'),
            pausedat: own('pausedat'),
            breaker: own('breaker'),
            removedat: null,
          }
        }),
      )
      .returning('number')
      .executeTakeFirstOrThrow()
    return number
  }

  async setRevision(revision: number): Promise<void> {
    await this.#db
      .insertInto('revision')
      .values({ one: 1, revision })
      .onConflict(conflict => conflict.column('one').doUpdateSet({ revision }))
      .execute()
  }

  async pause(subscription: number, by: SubscriptionRow['paused'], now: number): Promise<void> {
    await this.#db
      .updateTable('subscriptions')
      .set({ paused: by, pausedat: by === null ? null : now })
      .where('number', '=', subscription)
      .execute()
  }

  async remove(subscription: number, now: number): Promise<void> {
    await this.#db
      .updateTable('subscriptions')
      .set({ removedat: now })
      .where('number', '=', subscription)
      .where('removedat', 'is', null)
      .execute()
  }

  /** Whether it was as it was known. */
  async swapBreaker(subscription: number, known: BreakerState, breaker: BreakerState): Promise<boolean> {
    // Of how many rows it changed SQLite's writer says nothing.
    const swapped = await this.#db
      .updateTable('subscriptions')
      .set({ breaker: breakerText(breaker) })
      .where('number', '=', subscription)
      .where('breaker', '=', breakerText(known))
      .returning('number')
      .executeTakeFirst()
    return swapped !== undefined
  }

  async addReplay({ key, now, first, ...fields }: NewReplay): Promise<{ replay: Replay; repeated: boolean }> {
    const row = await this.#db
      .insertInto('replays')
      .values({ ...fields, first, cursor: first - 1, state: 'running', key, createdat: now })
      .onConflict(conflict => conflict.column('key').doNothing())
      .returning('number')
      .executeTakeFirst()
    if (row !== undefined) return { replay: (await this.#read.replay(row.number))!, repeated: false }
    return { replay: (await this.#read.replayByKey(key!))!, repeated: true }
  }

  async endReplay(replay: number, state: 'done' | 'cancelled', now: number): Promise<void> {
    await this.#db
      .updateTable('replays')
      .set({ state, endedat: now })
      .where('number', '=', replay)
      .where('state', '=', 'running')
      .execute()
  }
}

/** Whether one that was removed is a new one when it is there again. */
export function isForgotten({ origin, removedAt }: SubscriptionRow, next: SubscriptionRow['origin'], now: number) {
  return removedAt !== null && (origin === 'api' || origin !== next || removedAt < now - forgottenAfterMs)
}

/** As it is compared: the same state is always the same text. */
function breakerText({ state, failures, opened, until }: BreakerState): string {
  return JSON.stringify({ state, failures, opened, until })
}
