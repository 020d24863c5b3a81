// How far a subscription has been fed, where the store is another than before: one that has lost the last of it.
import { expect, test } from 'vitest'
import { Feeder, type FeederParts } from '../../src/delivery/feeder.ts'
import { matcher } from '../../src/delivery/match.ts'
import type { Feed, Scanned } from '../../src/store/deliveries.ts'
import { spec } from '../support/running-engine.ts'

const event = (sequence: number): Scanned => ({
  sequence,
  source: 'a',
  vendor: 'a',
  type: 'loan.created',
  vendortype: 'a',
  kind: 1,
  namespace: 'a',
  subject: null,
  hasSame: false,
})

test('what a failover took of the feed is fed again, though nothing comes after it', async () => {
  const log = { head: 5, cursor: 0 }
  const written: Feed[] = []
  const store = {
    leaseMs: 1_000,
    owns: () => true,
    scan: async (after: number) => ({
      events: Array.from({ length: log.head }, (_, index) => event(index + 1)).filter(
        ({ sequence }) => sequence > after,
      ),
      head: log.head,
      oldest: 1,
    }),
    feed: async (feed: Feed) => {
      if (feed.from !== log.cursor) return false
      log.cursor = feed.to
      written.push(feed)
      return true
    },
    subscriptions: async () => [{ number: 1, cursor: log.cursor }],
  } as unknown as FeederParts['store']
  const own = spec('one')
  const watcher = { missed: () => {}, unfiltered: () => {} } as unknown as FeederParts['watcher']
  const feeder = new Feeder({ store, spec: own, matcher: matcher(own), subscription: 1, watcher }, 0)
  const feedAll = async () => {
    while (feeder.hasMore) {
      const feed = await feeder.next(0)
      if (feed !== undefined) await feeder.write(feed)
    }
  }
  await feedAll()
  expect(log.cursor).toBe(5)
  // As the primary had it, and the standby not yet.
  log.cursor = 3
  feeder.seen(3, [])
  await feedAll()
  expect(log.cursor).toBe(5)
  expect(written.map(({ from, to }) => [from, to])).toEqual([
    [0, 5],
    [3, 5],
  ])
})
