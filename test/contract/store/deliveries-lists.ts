// Looking at deliveries: lists in every filter and page by page, and the age of what is not settled.
import { beforeAll, describe, expect, test } from 'vitest'
import { type Delivery, type DeliveryFilter, deliveryStates } from '../../../src/store/deliveries.ts'
import { at, type Desk, subscribe } from './desk.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { appendAll, minute, record, start } from './record.ts'

export function testDeliveryLists(open: OpenStore): void {
  describe('lists of deliveries', () => {
    const inbox = inboxFor(open)
    let desks: Desk[]
    let everything: Delivery[]

    beforeAll(async () => {
      desks = await Promise.all([1, 2, 3].map(() => subscribe(inbox.store)))
      for (const [index, desk] of desks.entries()) {
        const matches = Array.from({ length: 24 }, (_, at): [number, string] => [at * 3 + 1 + index, `loan/${at % 8}`])
        await desk.feed(matches)
        const { replay } = await desk.deliveries.addReplay({
          subscription: desk.number, filter: '{}', first: 1, last: 80, key: null, now: at,
        }) // biome-ignore format: one line
        await desk.feed(
          matches.slice(0, 10).map(([sequence]) => sequence),
          { replay: replay.number },
        )
        const leased = await desk.lease(14)
        for (const [place, each] of leased.entries()) {
          if (place < 3) await desk.settle(each)
          else if (place < 5) await desk.settle(each, 'retrying', { due: at + 1e6 })
          else if (place < 8) await desk.settle(each, 'dead', { holds: place > 5 })
        }
        for (const each of (await desk.all('dead')).filter(({ holds }) => holds).slice(0, 1)) {
          await desk.deliveries.skipLane(desk.number, 'plain', `loan/${((each.sequence - 1 - index) / 3) % 8}`, at)
        }
      }
      await desks[2]!.deliveries.cancel(desks[2]!.number, at)
      everything = await all({}, 500)
    })

    async function all(filter: DeliveryFilter, limit: number): Promise<Delivery[]> {
      const items: Delivery[] = []
      let cursor: string | undefined
      let pages = 0
      do {
        const page = await inbox.store.deliveries.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) })
        expect(page.items.length).toBeLessThanOrEqual(limit)
        items.push(...page.items)
        cursor = page.next ?? undefined
        expect(++pages, 'a list that ends').toBeLessThan(300)
      } while (cursor !== undefined)
      return items
    }

    test('are newest first, each delivery once, however large the pages are', async () => {
      expect(everything).toHaveLength(3 * 34)
      const places = everything.map(({ sequence, subscription, replay }) => [sequence, subscription, replay])
      const sorted = places.toSorted((a, b) => b[0]! - a[0]! || b[1]! - a[1]! || b[2]! - a[2]!)
      expect(places).toEqual(sorted)
      expect(new Set(places.map(String)).size).toBe(places.length)
      for (const limit of [1, 7, 102]) expect(await all({}, limit)).toEqual(everything)
    })

    test('pass what the filter says, and nothing else', async () => {
      const seen = new Set(everything.map(({ state }) => state))
      expect([...seen].toSorted()).toEqual(deliveryStates.filter(state => state !== 'expired').toSorted())
      for (const state of [undefined, ...deliveryStates]) {
        for (const subscription of [undefined, ...desks.map(({ number }) => number), 999]) {
          const filter = {
            ...(state === undefined ? {} : { state }),
            ...(subscription === undefined ? {} : { subscription }),
          }
          const expected = everything.filter(
            each =>
              (state === undefined || each.state === state) &&
              (subscription === undefined || each.subscription === subscription),
          )
          for (const limit of [1, 4, 200]) {
            expect({ filter, limit, items: await all(filter, limit) }).toEqual({ filter, limit, items: expected })
          }
        }
      }
    })

    test('take no harm from a cursor that is none', async () => {
      for (const cursor of ['', 'x', '1', '1.2', '1.2.3.4', '-1.0.0', '9'.repeat(40)]) {
        const { items } = await inbox.store.deliveries.list({}, { limit: 3, cursor })
        expect(Array.isArray(items)).toBe(true)
      }
    })

    test('an event’s deliveries are found by it', async () => {
      const { sequence } = everything[40]!
      const expected = everything.filter(each => each.sequence === sequence)
      const found = await inbox.store.deliveries.ofEvent(sequence)
      expect(found.toSorted((a, b) => b.subscription - a.subscription || b.replay - a.replay)).toEqual(expected)
      expect(await inbox.store.deliveries.ofEvent(9_999)).toEqual([])
      expect(await inbox.store.deliveries.delivery({ sequence: 9_999, subscription: 1, replay: 0 })).toBeUndefined()
    })

    test('what is counted is what there is', async () => {
      for (const desk of desks) await desk.expectCounted()
      expect((await inbox.store.deliveries.counts()).get(999)).toBeUndefined()
    })
  })

  test('the oldest event that is not settled, fed or not', async () => {
    await withInbox(open, async ({ store }) => {
      const received = (sequence: number) => start + sequence * minute
      const desk = await subscribe(store)
      const oldest = () => store.deliveries.oldestUnsettled(desk.number)
      expect(await oldest()).toBeNull()
      await appendAll(
        store,
        [1, 2, 3, 4].map(sequence => record(`e${sequence}`, { received: received(sequence) })),
      )
      expect(await oldest(), 'the feed has not come to it').toBe(received(1))
      await desk.feed(
        [
          [2, 'loan/A'],
          [3, 'loan/A'],
        ],
        { to: 3 },
      )
      expect(await oldest()).toBe(received(2))
      const [first] = await desk.lease()
      expect(await oldest(), 'under way').toBe(received(2))
      await desk.settle(first!, 'retrying', { due: at + 1e6 })
      expect(await oldest(), 'failing').toBe(received(2))
      await desk.settle((await desk.lease(1, at + 1e6))[0]!, 'dead', { holds: true })
      expect(await oldest(), 'waiting behind a dead one').toBe(received(3))
      await desk.deliveries.skipLane(desk.number, 'plain', 'loan/A', at)
      await desk.settle((await desk.lease())[0]!)
      expect(await oldest(), 'behind the cursor').toBe(received(4))
      await desk.feed([], { to: 4 })
      expect(await oldest()).toBeNull()
      expect(await store.deliveries.oldestUnsettled(999)).toBeNull()
    })
  })
}
