// Replays as they are stored: a range, how far it is, and what becomes of what it made.
import { describe, expect, test } from 'vitest'
import { at, type Desk, subscribe } from './desk.ts'
import { inboxFor, type OpenStore } from './inbox.ts'
import { appendAll, record } from './record.ts'

export function testReplays(open: OpenStore): void {
  describe('replays', () => {
    const inbox = inboxFor(open)
    const add = (desk: Desk, fields: { first?: number; last?: number; key?: string | null; filter?: string } = {}) =>
      desk.deliveries.addReplay({
        subscription: desk.number, filter: '{}', first: 3, last: 9, key: null, now: at, ...fields,
      }) // biome-ignore format: one line

    test('are of a range, and running until they are ended', async () => {
      const desk = await subscribe(inbox.store)
      const { replay, repeated } = await add(desk, { filter: '{"type":["loan.*"]}' })
      expect(repeated).toBe(false)
      expect(replay).toEqual({
        number: replay.number, subscription: desk.number, filter: '{"type":["loan.*"]}', first: 3, last: 9, cursor: 2,
        state: 'running', matched: 0, createdAt: at, endedAt: null,
      }) // biome-ignore format: one line
      expect(await desk.deliveries.replay(replay.number)).toEqual(replay)
      expect(await desk.deliveries.runningReplays()).toContainEqual(replay)
      await desk.deliveries.endReplay(replay.number, 'done', at + 5)
      expect(await desk.deliveries.replay(replay.number)).toMatchObject({ state: 'done', endedAt: at + 5 })
      expect((await desk.deliveries.runningReplays()).map(({ number }) => number)).not.toContain(replay.number)
      expect(await desk.deliveries.replay(9_999)).toBeUndefined()
    })

    test('of one key are one, whatever comes with it the second time', async () => {
      const desk = await subscribe(inbox.store)
      const first = await add(desk, { key: 'once' })
      const both = await Promise.all([add(desk, { key: 'once', last: 5 }), add(desk, { key: 'once' })])
      for (const again of both) expect(again).toEqual({ replay: first.replay, repeated: true })
      const other = await add(desk, { key: 'twice' })
      expect(other.replay.number).not.toBe(first.replay.number)
      const keyless = [await add(desk), await add(desk)]
      expect(keyless.map(({ repeated }) => repeated)).toEqual([false, false])
    })

    test('show how far they are, and count what they made apart from the rest', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([3, 4])
      const { replay } = await add(desk)
      expect(await desk.feed([3, 4, 5], { replay: replay.number, to: 6 })).toBe(true)
      expect(await desk.feed([7], { replay: replay.number, from: 2 }), 'its cursor stands elsewhere').toBe(false)
      expect(await desk.deliveries.replay(replay.number)).toMatchObject({ cursor: 6, matched: 3, state: 'running' })
      const own = (await desk.lease()).filter(each => each.replay === replay.number)
      await desk.settle(own[0]!)
      await desk.settle(own[1]!, 'dead')
      expect(await desk.deliveries.replayCounts(replay.number)).toMatchObject({ succeeded: 1, dead: 1, delivering: 1 })
      expect(await desk.row(), 'the live cursor stands still').toMatchObject({ cursor: 4 })
      await desk.expectCounted()
      expect(await desk.deliveries.replayCounts(9_999)).toEqual({})
    })

    test('one that is cancelled feeds nothing more, and what it made is cancelled, and nothing else', async () => {
      const desk = await subscribe(inbox.store)
      const [one, two] = [(await add(desk, { last: 900 })).replay, (await add(desk, { last: 900 })).replay]
      const many = Array.from({ length: 300 }, (_, index): [number, string] => [index + 3, `loan/${index % 2}`])
      await desk.feed(many.slice(0, 20))
      for (const { number } of [one, two]) await desk.feed(many, { replay: number })
      const under = (await desk.lease()).find(({ replay }) => replay === one.number)!
      await desk.deliveries.endReplay(one.number, 'cancelled', at + 6)
      expect(await desk.deliveries.replay(one.number)).toMatchObject({
        state: 'cancelled',
        endedAt: at + 6,
        matched: 300,
      })
      expect(await desk.deliveries.replayCounts(one.number)).toMatchObject({ cancelled: 300 })
      expect(await desk.settle(under)).toBe(false)
      expect(await desk.feed([400], { replay: one.number })).toBe(false)
      expect(Object.values(await desk.states()).filter(state => state !== 'waiting')).toEqual([
        'delivering',
        'delivering',
      ])
      expect(Object.values(await desk.states(two.number)).filter(state => state !== 'waiting')).toHaveLength(2)
      await desk.deliveries.endReplay(one.number, 'done', at + 7)
      expect(await desk.deliveries.replay(one.number), 'it stays so').toMatchObject({
        state: 'cancelled',
        endedAt: at + 6,
      })
      await desk.expectCounted()
    })

    test('one that nobody knows can be ended by anyone', async () => {
      await inbox.store.deliveries.endReplay(9_999, 'cancelled', at)
      await inbox.store.deliveries.endReplay(9_999, 'done', at)
    })

    test('go by the filter of a list, on from where they stand', async () => {
      const types = ['loan.created', 'loan.closed', 'claim.created']
      const records = Array.from({ length: 9 }, (_, index) => record(`f${index}`, { type: types[index % 3]! }))
      for (const each of records) await appendAll(inbox.store, [each])
      const { filtered } = inbox.store.deliveries
      const page = await filtered({ type: ['loan.*'] }, 2, 3)
      expect(page.events.map(({ sequence }) => sequence)).toEqual([4, 5, 7])
      expect(page.position).toBe(7)
      const rest = await filtered({ type: ['loan.*'] }, page.position, 3)
      expect(rest.events.map(({ sequence }) => sequence)).toEqual([8])
      expect(rest.position).toBe(9)
    })
  })
}
