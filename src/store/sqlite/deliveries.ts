// The store's end for the delivery on SQLite: changes go to the writer's thread, reads to whatever reads beside it.
import type { Kysely } from 'kysely'
import type { Deliveries, DeliveryKey, LeaseAnswer } from '../deliveries.ts'
import { laneOf } from '../deliveries.ts'
import { DeliveryQueries, deliveryReads } from '../delivery-queries.ts'
import type { Queries } from '../queries.ts'
import { isForgotten, SubscriptionChanges } from '../subscription-changes.ts'
import type { Tables } from '../tables.ts'
import type { DuePlace, WorkCommand } from './commands.ts'
import type { Writer } from './threads.ts'

/** Rows that a step of a long change touches at the most: see work.ts. */
const stepSize = 250
/** Expired deliveries are shown for so long. */
const expiredShownMs = 30 * 86_400_000

export interface DeliveryParts {
  writer: Writer
  queries: Queries
  /** For reading, and for writing single statements. */
  reading: Kysely<Tables>
  writing: Kysely<Tables>
}

export function sqliteDeliveries({ writer, queries, reading, writing }: DeliveryParts): Deliveries {
  const read = new DeliveryQueries(reading)
  const run = <Value>(command: WorkCommand) => writer.run<Value>(command)
  /** Steps until one finds less than it may; how many in all. */
  const steps = async (step: () => Promise<number>) => {
    let total = 0
    for (let count = stepSize; count >= stepSize; total += count) count = await step()
    return total
  }
  const written = new DeliveryQueries(writing)
  const changes = new SubscriptionChanges(writing)

  async function endReplay(number: number, state: 'done' | 'cancelled', now: number): Promise<void> {
    await changes.endReplay(number, state, now)
    const replay = state === 'cancelled' ? await written.replay(number) : undefined
    if (replay === undefined) return
    await steps(() => run<number>({ op: 'cancel', subscription: replay.subscription, replay: number, now }))
  }

  /** What a subscription of the past left undone is nothing for a new one of its name, whose destination is another. */
  async function forget(subscription: number, now: number): Promise<void> {
    for (const replay of await read.runningReplays()) {
      if (replay.subscription === subscription) await endReplay(replay.number, 'cancelled', now)
    }
    // Dead ones too: else trying all dead ones again would send the new one's destination what the old one was for.
    await steps(() => run<number>({ op: 'cancel', subscription, replay: null, now, dead: true }))
  }

  return {
    ...deliveryReads(read, queries),
    onAppended: listener => writer.onAppended(listener),

    // One process holds the file.
    leaseMs: null,
    pollMs: 15_000,
    owns: () => true,
    onChanged: () => () => {},
    tellDue: () => {},
    leave: async () => {},
    clockSkewMs: () => 0,

    releaseLost: now => run<number>({ op: 'releaseLost', now }),
    renew: leases => Promise.resolve(leases.map(() => true)),
    feed: feed => run<boolean>({ op: 'feed', feed }),
    lease: (subscription, limit, now) => run<LeaseAnswer>({ op: 'lease', subscription, limit, now }),
    settle: (settlements, now) => run<boolean[]>({ op: 'settle', settlements, now }),
    expire: async () => {},
    async bringForward(subscription, forward) {
      let total = 0
      for (const state of ['pending', 'retrying'] as const) {
        let after: DuePlace | null = { state, due: forward.now, sequence: 0, replay: 0 }
        while (after !== null) {
          const step: { moved: number; next: DuePlace | null } = await run({
            op: 'bringForward',
            subscription,
            forward,
            after,
          })
          total += step.moved
          after = step.next
        }
      }
      return total
    },

    async putSubscription(subscription) {
      const { name, origin, now } = subscription
      const before = (await read.subscriptions()).find(row => row.name === name)
      if (before !== undefined && isForgotten(before, origin, now)) await forget(before.number, now)
      return changes.put(subscription)
    },
    setRevision: revision => changes.setRevision(revision),
    pause: (subscription, by, now) => changes.pause(subscription, by, now),
    remove: (subscription, now) => changes.remove(subscription, now),
    swapBreaker: (subscription, known, breaker) => changes.swapBreaker(subscription, known, breaker),
    cancel: (subscription, now, whileRemoved = false) =>
      steps(() => run<number>({ op: 'cancel', subscription, replay: null, now, whileRemoved })),
    async cancelRemoved(before, now) {
      let total = 0
      for (const { number, removedAt } of await read.subscriptions()) {
        if (removedAt === null || removedAt >= before) continue
        total += await steps(() =>
          run<number>({ op: 'cancel', subscription: number, replay: null, now, whileRemoved: true }),
        )
      }
      await steps(() => run<number>({ op: 'sweepExpired', before: now - expiredShownMs }))
      return total
    },

    retry: (key, now) => run<boolean>({ op: 'retry', key, now }),
    async retryDead(subscription, now) {
      let after = { sequence: 0, replay: 0 }
      return steps(async () => {
        const again = await run<DeliveryKey[]>({ op: 'retryDead', subscription, after, now })
        after = again.at(-1) ?? after
        return again.length
      })
    },
    async skipLane(subscription, namespace, subject, now) {
      const lane = laneOf(namespace, subject)
      return (await run<DeliveryKey | null>({ op: 'skipLane', subscription, lane, now })) ?? undefined
    },

    addReplay: replay => changes.addReplay(replay),
    endReplay,
  }
}
