// What retention does to deliveries: what is settled goes with its event, what is not can never be delivered.
import { describe, expect, test } from 'vitest'
import type { Store } from '../../../src/store/store.ts'
import { at, subscribe } from './desk.ts'
import { type OpenStore, withInbox } from './inbox.ts'
import { appendAll, day, minute, record, start } from './record.ts'

const received = (sequence: number) => start + sequence * minute
/** Events up to and with this one are too old. */
const expire = (store: Store, sequence: number, now = at + day) =>
  store.expire(new Map(), received(sequence + 1), now, new AbortController().signal)
const fill = (store: Store, count: number) =>
  appendAll(
    store,
    Array.from({ length: count }, (_, index) => record(`e${index + 1}`, { received: received(index + 1) })),
  )

export function testDeliveryRetention(open: OpenStore): void {
  describe('retention of deliveries', () => {
    test('what is settled goes with its event and its attempts; what is not has expired', async () => {
      await withInbox(open, async ({ store }) => {
        await fill(store, 9)
        const desk = await subscribe(store)
        const { deliveries } = desk
        await desk.feed([1, 2, 3, 4, 5, 6, [7, 'loan/A'], [8, 'loan/A'], 9])
        const leased = await desk.lease(7)
        await desk.settle(leased[0]!)
        await desk.settle(leased[1]!, 'retrying', { due: at + 1e6 })
        await desk.settle(leased[2]!, 'dead')
        await desk.settle(leased[3]!, 'pending', { due: at + 1e6 })
        await desk.settle(leased[6]!, 'dead', { holds: true })
        expect(await expire(store, 8)).toBe(8)
        expect(await desk.states()).toEqual({
          2: 'expired', 4: 'expired', 5: 'expired', 6: 'expired', 7: 'expired', 8: 'expired', 9: 'pending',
        }) // biome-ignore format: one line
        expect(await deliveries.delivery(desk.key(2))).toMatchObject({
          state: 'expired',
          settledAt: at + day,
          due: null,
        })
        expect(await deliveries.attempts(desk.key(1))).toEqual([])
        expect(await deliveries.attempts(desk.key(3))).toEqual([])
        expect(await deliveries.attempts(desk.key(2)), 'people may still look').toHaveLength(1)
        expect(await desk.settle(leased[4]!), 'under way when it expired').toBe(false)
        expect(await deliveries.retry(desk.key(2), at), 'its event is gone').toBe(false)
        expect(await desk.lease(9, at + 1e9)).toHaveLength(1)
        await desk.expectCounted()
      })
    })

    test('a lane behind one that expired goes on', async () => {
      await withInbox(open, async ({ store }) => {
        await fill(store, 4)
        const held = await subscribe(store)
        const failing = await subscribe(store)
        for (const desk of [held, failing])
          await desk.feed([
            [1, 'loan/A'],
            [2, 'loan/A'],
            [3, 'loan/A'],
            [4, 'loan/A'],
          ])
        await held.settle((await held.lease())[0]!, 'dead', { holds: true })
        await failing.settle((await failing.lease())[0]!, 'retrying', { due: at + 1e6 })
        await expire(store, 2)
        for (const desk of [held, failing]) {
          expect(await desk.states()).toEqual({ 1: 'expired', 2: 'expired', 3: 'pending', 4: 'waiting' })
          expect((await desk.lease(9, at + day)).map(({ sequence }) => sequence)).toEqual([3])
          await desk.expectCounted()
        }
      })
    })

    test('an expired one is shown for a month, and then forgotten', async () => {
      await withInbox(open, async ({ store }) => {
        await fill(store, 2)
        const desk = await subscribe(store)
        await desk.feed([1])
        await desk.settle((await desk.lease())[0]!, 'retrying')
        await expire(store, 1, at)
        await store.deliveries.cancelRemoved(0, at + 30 * day)
        expect(await desk.counts()).toEqual({ expired: 1 })
        await store.deliveries.cancelRemoved(0, at + 30 * day + 1)
        expect(await desk.counts()).toEqual({})
        expect(await desk.all()).toEqual([])
        expect(await desk.deliveries.attempts(desk.key(1))).toEqual([])
      })
    })
  })
}
