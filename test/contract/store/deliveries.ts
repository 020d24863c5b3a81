// The delivery's part of the store: what is fed is written once, leased by one, and settled under its own lease.
import { describe, expect, test } from 'vitest'
import { deliveryId, deliveryKey, replayId, replayNumber } from '../../../src/store/deliveries.ts'
import { testDeliveryClock } from './deliveries-clock.ts'
import { testLanes } from './deliveries-lanes.ts'
import { testDeliveryLists } from './deliveries-lists.ts'
import { testDeliveryModel } from './deliveries-model.ts'
import { testReplays } from './deliveries-replays.ts'
import { testDeliveryRetention } from './deliveries-retention.ts'
import { testSubscriptions } from './deliveries-subscriptions.ts'
import { at, settlement, subscribe } from './desk.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { appendAll, record, start } from './record.ts'

export function testDeliveries(open: OpenStore): void {
  describe('the feed', () => {
    const inbox = inboxFor(open)

    test('writes deliveries and moves the cursor', async () => {
      const desk = await subscribe(inbox.store)
      expect(await desk.feed([2, 5], { to: 9 })).toBe(true)
      expect((await desk.row()).cursor).toBe(9)
      expect(await desk.states()).toEqual({ 2: 'pending', 5: 'pending' })
      expect(await desk.feed([], { to: 12 })).toBe(true)
      expect((await desk.row()).cursor).toBe(12)
      await desk.expectCounted()
    })

    test('writes nothing where the cursor stands elsewhere', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1], { to: 3 })
      for (const from of [0, 2, 4]) expect(await desk.feed([4], { from, to: 8 })).toBe(false)
      expect((await desk.row()).cursor).toBe(3)
      expect(await desk.states()).toEqual({ 1: 'pending' })
    })

    test('of two that read on from one place, one writes', async () => {
      const desk = await subscribe(inbox.store)
      const both = await Promise.all([desk.feed([1, 2], { from: 0 }), desk.feed([1, 2], { from: 0 })])
      expect(both.toSorted()).toEqual([false, true])
      expect(await desk.counts()).toEqual({ pending: 2 })
    })

    test('makes one delivery of an event to a subscription, and one more in each replay', async () => {
      const desk = await subscribe(inbox.store)
      const other = await subscribe(inbox.store)
      await desk.feed([3])
      await desk.feed([3, 4], { to: 4 })
      await other.feed([3])
      const more = { subscription: desk.number, filter: '{}', first: 1, last: 5, key: null, now: at }
      const { replay } = await inbox.store.deliveries.addReplay(more)
      await desk.feed([3], { replay: replay.number })
      expect(await desk.counts()).toEqual({ pending: 3 })
      const places = (await inbox.store.deliveries.ofEvent(3)).map(({ subscription, replay }) => [subscription, replay])
      for (const place of [
        [desk.number, 0],
        [desk.number, replay.number],
        [other.number, 0],
      ]) {
        expect(places).toContainEqual(place)
      }
      await desk.expectCounted()
    })

    test('what is fed is due when the feed says', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1], { now: at + 5_000 })
      expect(await desk.leaseAnswer(10, at + 4_999)).toEqual({ leased: [], nextDue: at + 5_000 })
      expect(await desk.lease(10, at + 5_000)).toHaveLength(1)
    })
  })

  describe('a lease', () => {
    const inbox = inboxFor(open)

    test('counts the attempt when it is taken', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      const [first] = await desk.lease()
      expect(first).toEqual({ ...desk.key(1), attempt: 1, spent: 0 })
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({ state: 'delivering', attempts: 1, due: at })
      await desk.settle(first!, 'retrying', { due: at + 10 })
      const [second] = await desk.lease(1, at + 10)
      expect(second).toEqual({ ...desk.key(1), attempt: 2, spent: 1 })
    })

    test('is of no more than was asked for, oldest first, and of nobody else’s', async () => {
      const desk = await subscribe(inbox.store)
      const other = await subscribe(inbox.store)
      await desk.feed([1, 2, 3, 4, 5])
      await other.feed([1, 2])
      expect((await desk.lease(3)).map(({ sequence }) => sequence)).toEqual([1, 2, 3])
      expect((await desk.lease(3)).map(({ sequence }) => sequence)).toEqual([4, 5])
      expect(await desk.leaseAnswer(3)).toEqual({ leased: [], nextDue: null })
      expect(await other.counts()).toEqual({ pending: 2 })
    })

    test('asked for twice at once hands out each delivery once', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(Array.from({ length: 20 }, (_, index) => index + 1))
      const both = (await Promise.all([desk.lease(15), desk.lease(15)])).flat()
      expect(new Set(both.map(({ sequence }) => sequence)).size).toBe(20)
      expect(both).toHaveLength(20)
    })

    test('takes what is due, and tells when the next will be', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1, 2, 3])
      const [one, two, three] = await desk.lease()
      await desk.settle(one!, 'retrying', { due: at + 300 })
      await desk.settle(two!, 'retrying', { due: at + 200 })
      await desk.settle(three!, 'pending', { due: at + 100 })
      expect(await desk.leaseAnswer(9, at + 99)).toEqual({ leased: [], nextDue: at + 100 })
      const { leased, nextDue } = await desk.leaseAnswer(9, at + 200)
      expect(leased.map(({ sequence }) => sequence).toSorted()).toEqual([2, 3])
      expect(nextDue).toBe(at + 300)
    })

    test.each([1, 2, 3, 8])('of %i is shared by those that failed before and those that are new', async limit => {
      const desk = await subscribe(inbox.store)
      const sequences = Array.from({ length: 100 }, (_, index) => index + 1)
      await desk.feed(sequences.slice(0, 40))
      for (const leased of await desk.lease(40)) await desk.settle(leased, 'retrying', { due: at + 1 })
      await desk.feed(sequences.slice(40), { now: at + 2 })
      let again = 0
      let fresh = 0
      // As a flow that is always busy would ask: neither of them may have to wait for the other's end.
      for (let round = 0; again + fresh < 60; round++) {
        for (const { spent } of await desk.lease(limit, at + 3 + round)) spent > 0 ? again++ : fresh++
      }
      expect(again).toBeGreaterThanOrEqual(20)
      expect(fresh).toBeGreaterThanOrEqual(20)
    })

    test('gives all of its room to either where there is nothing of the other', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1, 2, 3, 4])
      const fresh = await desk.lease(4)
      expect(fresh).toHaveLength(4)
      for (const leased of fresh) await desk.settle(leased, 'retrying')
      expect(await desk.lease(4)).toHaveLength(4)
    })
  })

  describe('a settlement', () => {
    const inbox = inboxFor(open)

    test('counts, with what the attempt told', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      const [leased] = await desk.lease()
      const told = { startedAt: at + 1, elapsedMs: 17, result: 'failed', status: 503, reason: 'busy', answer: 'later' }
      expect(await desk.settle(leased!, 'retrying', { ...told, due: at + 50 })).toBe(true)
      expect(await desk.deliveries.delivery(desk.key(1))).toEqual({
        ...desk.key(1), state: 'retrying', attempts: 1, spent: 1, due: at + 50, settledAt: null, holds: false,
      }) // biome-ignore format: one line
      const [again] = await desk.lease(1, at + 50)
      expect(await desk.settle(again!, 'succeeded', { now: at + 60 })).toBe(true)
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({
        state: 'succeeded', spent: 1, due: null, settledAt: at + 60,
      }) // biome-ignore format: one line
      expect(await desk.deliveries.attempts(desk.key(1))).toEqual([
        { number: 1, ...told },
        expect.objectContaining({ number: 2, result: 'succeeded', status: 204, reason: null }),
      ])
      await desk.expectCounted()
    })

    test('counts once, and only under the lease of its own attempt', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      const [first] = await desk.lease()
      expect(await desk.settle({ ...first!, attempt: 2 }), 'an attempt that has not been').toBe(false)
      expect(await desk.settle(first!, 'retrying')).toBe(true)
      expect(await desk.settle(first!), 'settled already').toBe(false)
      const [second] = await desk.lease()
      expect(await desk.settle(first!), 'leased again since').toBe(false)
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({ state: 'delivering', attempts: 2 })
      expect(await desk.settle(second!)).toBe(true)
      await desk.expectCounted()
    })

    test('of what nobody leased, or nobody has, is none', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      expect(await desk.settle({ ...desk.key(1), attempt: 0, spent: 0 })).toBe(false)
      expect(await desk.settle({ ...desk.key(99), attempt: 1, spent: 0 })).toBe(false)
      expect(await desk.deliveries.attempts(desk.key(99)), 'nothing is kept of what is not there').toEqual([])
      expect(await desk.states()).toEqual({ 1: 'pending' })
    })

    test('comes to nothing where the delivery was cancelled meanwhile', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      const [leased] = await desk.lease()
      await desk.deliveries.cancel(desk.number, at)
      expect(await desk.settle(leased!)).toBe(false)
      expect(await desk.states()).toEqual({ 1: 'cancelled' })
      await desk.expectCounted()
    })

    test('among many answers each for itself', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1, 2, 3])
      const [one, two, three] = await desk.lease()
      const stale = { ...two!, attempt: 7 }
      const answers = await desk.deliveries.settle(
        [one!, stale, three!].map(each => settlement(each)),
        at,
      )
      expect(answers).toEqual([true, false, true])
      expect(await desk.states()).toEqual({ 1: 'succeeded', 2: 'delivering', 3: 'succeeded' })
    })

    test('of nothing is nothing', async () => {
      expect(await inbox.store.deliveries.settle([], at)).toEqual([])
    })
  })

  test('a lease of somebody who is no more is void, and charges nobody', async () => {
    await withInbox(open, async opened => {
      await appendAll(
        opened.store,
        Array.from({ length: 4 }, (_, index) => record(`e${index}`, { received: start })),
      )
      const desk = await subscribe(opened.store)
      await desk.feed([1, 2, [3, 'loan/A'], [4, 'loan/A']])
      const failing = await desk.lease(1)
      await desk.settle(failing[0]!, 'retrying')
      const leased = await desk.lease()
      expect(leased.map(({ sequence }) => sequence).toSorted()).toEqual([1, 2, 3])
      const store = await opened.reopen()
      await opened.lapse()
      const after = new (desk.constructor as typeof import('./desk.ts').Desk)(store, desk.number, desk.name)
      await store.deliveries.releaseLost(at + 500)
      expect(await after.states()).toEqual({ 1: 'retrying', 2: 'pending', 3: 'pending', 4: 'waiting' })
      for (const each of leased) expect(await after.settle(each), 'of an earlier process').toBe(false)
      const again = await after.lease(9, at + 500)
      const told = again.map(({ sequence, attempt, spent }) => [sequence, attempt, spent]).toSorted()
      expect(told).toEqual([
        [1, 3, 1],
        [2, 2, 0],
        [3, 2, 0],
      ])
      await after.expectCounted()
    })
  })

  testDeliveryClock(open)
  testLanes(open)
  testSubscriptions(open)
  testDeliveryLists(open)
  testDeliveryRetention(open)
  testReplays(open)
  testDeliveryModel(open)

  describe('ids', () => {
    test('of deliveries say the key, and nothing else is one', () => {
      for (const key of [
        { sequence: 1, subscription: 1, replay: 0 },
        { sequence: Number.MAX_SAFE_INTEGER, subscription: 2 ** 32 - 1, replay: 2 ** 32 - 1 },
        { sequence: 4_711, subscription: 3, replay: 12 },
      ]) {
        expect(deliveryKey(deliveryId(key))).toEqual(key)
      }
      expect(deliveryId({ sequence: 1, subscription: 1, replay: 0 })).toMatch(/^dlv_[0-9a-hjkmnp-tv-z]{26}$/)
      const beyond = `dlv_${'7'.padEnd(26, 'z')}`
      for (const none of [
        '',
        'dlv_',
        'dlv_1',
        beyond,
        replayId(1),
        deliveryId({ sequence: 1, subscription: 1, replay: 0 }).toUpperCase(),
      ]) {
        expect([none, deliveryKey(none)]).toEqual([none, undefined])
      }
    })

    test('of replays say their number, and nothing else is one', () => {
      for (const number of [1, 17, 2 ** 32 - 1]) expect(replayNumber(replayId(number))).toBe(number)
      for (const none of ['', 'rpl_', `rpl_${'7'.padEnd(26, 'z')}`, replayId(1).replace('rpl_', 'dlv_')]) {
        expect([none, replayNumber(none)]).toEqual([none, undefined])
      }
    })
  })
}
