// The store's end for the delivery on PostgreSQL: each change is a call of one of the server's functions, see
// functions/work*.ts, and whoever else it concerns is told after it.
import type { Deliveries, Feed, LeaseAnswer, LeaseKey, Replay, Settlement } from '../deliveries.ts'
import { deliveryStates, laneOf } from '../deliveries.ts'
import { DeliveryQueries, deliveryReads, isNumbered } from '../delivery-queries.ts'
import type { Queries } from '../queries.ts'
import { isForgotten, SubscriptionChanges } from '../subscription-changes.ts'
import type { Database } from './database.ts'
import { escapeText } from './text.ts'

/** Rows that a step of a long change touches at the most. */
const stepSize = 500
/** Expired deliveries are shown for so long. */
const expiredShownMs = 30 * 86_400_000

export interface DeliveryParts {
  database: Pick<Database, 'call' | 'kysely'>
  queries: Pick<Queries, 'scan' | 'bySequence' | 'list' | 'requestOf'>
  leaseMs: number
  pollMs: number
  owns: Deliveries['owns']
  onAppended: Deliveries['onAppended']
  onChanged: Deliveries['onChanged']
  /** People made deliveries due; subscriptions, pauses, breakers or replays changed: all nodes hear of it. */
  tell(news: 'due' | 'changed'): void
  tellDue: Deliveries['tellDue']
  leave: Deliveries['leave']
  clockSkewMs: Deliveries['clockSkewMs']
}

export function postgresDeliveries(parts: DeliveryParts): Deliveries {
  const { database, queries, leaseMs, tell } = parts
  const read = new DeliveryQueries(database.kysely)
  const changes = new SubscriptionChanges(database.kysely)

  /** The answer of one of the server's functions. */
  async function ask<Answer>(call: string, parameters: readonly unknown[]): Promise<Answer> {
    const [row] = await database.call<{ answer: Answer }>(`select ${call} as answer`, parameters)
    return row!.answer
  }

  /** Steps until one finds less than it may; how many were changed in all. */
  async function steps(step: () => Promise<{ found: number; changed: number }>): Promise<number> {
    for (let total = 0; ; ) {
      const { found, changed } = await step()
      total += changed
      if (found < stepSize) return total
    }
  }

  const cancelSteps = (subscription: number, replay: number | null, now: number, whileRemoved: boolean, dead = false) =>
    steps(async () => {
      const parameters = [subscription, replay, now, whileRemoved, dead, stepSize]
      const [found, changed] = await ask<[number, number]>('postern_cancel($1, $2, $3, $4, $5, $6)', parameters)
      return { found, changed }
    })

  async function endReplay(number: number, state: 'done' | 'cancelled', now: number): Promise<void> {
    await changes.endReplay(number, state, now)
    tell('changed')
    const replay = state === 'cancelled' ? await read.replay(number) : undefined
    if (replay !== undefined) await cancelSteps(replay.subscription, number, now, false)
  }

  /**
   * What a subscription of the past left undone is nothing for a new one of its name, whose destination is another. Only
   * while it is removed: several nodes may put it at once, and one of them be done.
   */
  async function forget(subscription: number, now: number): Promise<void> {
    await database.call(
      `with gone as (select number from subscriptions where number = $1 and removedat is not null for share)
       update replays set state = 'cancelled', endedat = $2 from gone
       where replays.subscription = gone.number and replays.state = 'running'`,
      [subscription, now],
    )
    // Dead ones too: else trying all dead ones again would send the new one's destination what the old one was for.
    await cancelSteps(subscription, null, now, true, true)
  }

  return {
    ...deliveryReads(read, queries),
    onAppended: parts.onAppended,

    leaseMs,
    pollMs: parts.pollMs,
    owns: parts.owns,
    onChanged: parts.onChanged,
    tellDue: parts.tellDue,
    leave: parts.leave,
    clockSkewMs: parts.clockSkewMs,

    async releaseLost(now) {
      const released = await steps(async () => {
        const count = await ask<number>('postern_release_lost($1, $2)', [now, stepSize])
        return { found: count, changed: count }
      })
      if (released > 0) tell('due')
      return released
    },
    renew: leases => ask<boolean[]>('postern_renew($1::json, $2)', [leasesText(leases), leaseMs]),
    async feed(feed) {
      const { subscription, replay, from, to, now } = feed
      const { text, inLanes } = matchesOf(feed)
      const parameters = [subscription, replay, from, to, text, inLanes, now]
      return ask<boolean>('postern_feed($1, $2, $3, $4, $5::json, $6, $7)', parameters)
    },
    async lease(subscription, limit, now, rate = null): Promise<LeaseAnswer> {
      const { leased, next, limited } = await ask<{
        leased: [sequence: number, replay: number, attempt: number, spent: number][]
        next: number | null
        limited: number | null
      }>('postern_lease($1, $2, $3, $4, $5, $6)', [
        subscription, limit, now, leaseMs, rate?.limit ?? null, rate?.intervalMs ?? null,
      ]) // biome-ignore format: one line
      return {
        leased: leased.map(([sequence, replay, attempt, spent]) => ({
          sequence, subscription, replay, attempt, spent,
        })), // biome-ignore format: one line
        nextDue: next,
        ...(limited === null ? {} : { limitedUntil: limited }),
      }
    },
    async settle(settlements, now) {
      if (settlements.length === 0) return []
      const held = await ask<boolean[]>('postern_settle($1::json, $2)', [settlementsText(settlements), now])
      // Given back, by one that ends or may take nothing now: it leases no more itself.
      const isBack = ({ state, due }: Settlement) => (state === 'pending' || state === 'retrying') && due <= now
      for (const number of new Set(settlements.filter(isBack).map(each => each.subscription))) parts.tellDue(number)
      return held
    },
    async expire(sequences, now) {
      await ask<number>(
        `postern_expire_deliveries($1, $2, array(
           select given from unnest($3::bigint[]) as given
           where not exists (select from events where events.sequence = given)), $4)`,
        [Math.min(...sequences), Math.max(...sequences), [...sequences], now],
      )
      tell('due')
    },
    async bringForward(subscription, { byMs, waitsMs, now }) {
      let total = 0
      for (const failed of [false, true]) {
        for (let after: Place | null = [now, 0, 0]; after !== null; ) {
          const step: { moved: number; next: Place | null } = await ask(
            'postern_bring_forward($1, $2, $3, $4::bigint[], $5, $6, $7, $8, $9)',
            [subscription, failed, byMs, waitsMs, now, ...after, stepSize],
          )
          total += step.moved
          after = step.next
        }
      }
      if (total > 0) tell('due')
      return total
    },

    async putSubscription(subscription) {
      const { name, origin, now } = subscription
      const before = (await read.subscriptions()).find(row => row.name === name)
      if (before !== undefined && isForgotten(before, origin, now)) await forget(before.number, now)
      const number = await changes.put(subscription)
      tell('changed')
      return number
    },
    setRevision: revision => changes.setRevision(revision),
    async pause(subscription, by, now) {
      await changes.pause(subscription, by, now)
      tell('changed')
    },
    async remove(subscription, now) {
      await changes.remove(subscription, now)
      tell('changed')
    },
    async swapBreaker(subscription, known, breaker) {
      const swapped = await changes.swapBreaker(subscription, known, breaker)
      if (swapped) tell('changed')
      return swapped
    },
    cancel: (subscription, now, whileRemoved = false) => cancelSteps(subscription, null, now, whileRemoved),
    async cancelRemoved(before, now) {
      let total = 0
      for (const { number, removedAt } of await read.subscriptions()) {
        if (removedAt !== null && removedAt < before) total += await cancelSteps(number, null, now, true)
      }
      await steps(async () => {
        const count = await ask<number>('postern_sweep_expired($1, $2)', [now - expiredShownMs, stepSize])
        return { found: count, changed: count }
      })
      return total
    },

    async retry(key, now) {
      if (!isNumbered(key)) return false
      const { sequence, subscription, replay } = key
      const tried = await ask<boolean>('postern_retry($1, $2, $3, $4)', [sequence, subscription, replay, now])
      if (tried) tell('due')
      return tried
    },
    async retryDead(subscription, now) {
      let after = [0, 0]
      const total = await steps(async () => {
        const parameters = [subscription, ...after, now, stepSize]
        const { tried, last } = await ask<{ tried: number; last: number[] | null }>(
          'postern_retry_dead($1, $2, $3, $4, $5)',
          parameters,
        )
        after = last ?? after
        return { found: tried, changed: tried }
      })
      if (total > 0) tell('due')
      return total
    },
    async skipLane(subscription, namespace, subject, now) {
      const parameters = [subscription, laneOf(namespace, subject), now]
      const skipped = await ask<{ sequence: number; freed: number } | null>('postern_skip_lane($1, $2, $3)', parameters)
      if (skipped === null) return undefined
      if (skipped.freed > 0) tell('due')
      return { sequence: skipped.sequence, subscription, replay: 0 }
    },

    async addReplay(replay): Promise<{ replay: Replay; repeated: boolean }> {
      const added = await changes.addReplay(replay)
      if (!added.repeated) tell('changed')
      return added
    },
    endReplay,
  }
}

type Place = [due: number, sequence: number, replay: number]

/** As the functions read them. Within JSON a text is escaped here, and half a pair of surrogates is none. */
function inJson(text: string): string
function inJson(text: string | null): string | null
function inJson(text: string | null): string | null {
  return text === null ? null : escapeText(text).toWellFormed()
}

function leasesText(leases: readonly LeaseKey[]): string {
  return JSON.stringify(
    leases.map(({ sequence, subscription, replay, attempt }) => ({ sequence, subscription, replay, attempt })),
  )
}

function matchesOf({ matches }: Feed): { text: string; inLanes: boolean } {
  const text = JSON.stringify(matches.map(([s, lane]) => (lane === null ? { s } : { s, l: inJson(lane) })))
  return { text, inLanes: matches.some(([, lane]) => lane !== null) }
}

function settlementsText(settlements: readonly Settlement[]): string {
  return JSON.stringify(
    settlements.map(({ state, startedAt, elapsedMs, result, reason, answer, ...rest }) => ({
      ...rest,
      state: deliveryStates.indexOf(state),
      startedat: startedAt,
      elapsedms: elapsedMs,
      result: inJson(result),
      reason: inJson(reason),
      answer: inJson(answer),
    })),
  )
}
