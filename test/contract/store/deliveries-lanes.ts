// Lanes: one subject's deliveries, one at a time, by sequence; and what people do to one that stands still.
import { describe, expect, test } from 'vitest'
import { at, lane, subscribe } from './desk.ts'
import { inboxFor, type OpenStore } from './inbox.ts'

export function testLanes(open: OpenStore): void {
  describe('lanes', () => {
    const inbox = inboxFor(open)
    const loan = (count: number, subject = 'loan/A'): [number, string][] =>
      Array.from({ length: count }, (_, index) => [index + 1, subject])

    test('only the first of a lane can be leased; the others wait, in this page and the next', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([[1, 'loan/A'], [2, 'loan/B'], [3, 'loan/A'], 4])
      await desk.feed([
        [5, 'loan/B'],
        [6, 'loan/C'],
      ])
      expect(await desk.states()).toEqual({
        1: 'pending',
        2: 'pending',
        3: 'waiting',
        4: 'pending',
        5: 'waiting',
        6: 'pending',
      })
      expect((await desk.lease()).map(({ sequence }) => sequence).toSorted()).toEqual([1, 2, 4, 6])
      expect(await desk.leaseAnswer(100, at + 1e9), 'those that wait are never due').toEqual({
        leased: [],
        nextDue: null,
      })
      await desk.expectCounted()
    })

    test('a success lets the next go, by sequence, due at once', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(4))
      for (const sequence of [1, 2, 3, 4]) {
        const leased = await desk.lease(100, at + sequence)
        expect(leased.map(each => each.sequence)).toEqual([sequence])
        await desk.settle(leased[0]!, 'succeeded', { now: at + sequence + 1 })
        await desk.expectCounted()
      }
      await desk.feed([[9, 'loan/A']])
      expect(await desk.lease(), 'an empty lane holds nobody up').toHaveLength(1)
    })

    test('one that fails holds its own lane and no other', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([...loan(2), [3, 'loan/B'], [4, 'loan/B']])
      const [a, b] = await desk.lease()
      await desk.settle(a!, 'retrying', { due: at + 1_000 })
      await desk.settle(b!)
      expect(await desk.states()).toEqual({ 1: 'retrying', 2: 'waiting', 3: 'succeeded', 4: 'pending' })
      expect((await desk.lease(9, at + 999)).map(({ sequence }) => sequence)).toEqual([4])
      expect((await desk.lease(9, at + 1_000)).map(({ sequence }) => sequence)).toEqual([1])
    })

    test('one of a subject in another namespace is another lane', async () => {
      const desk = await subscribe(inbox.store)
      const matches: [number, string][] = [
        [1, lane('loan/A')],
        [2, 'other\nloan/A'],
      ]
      await desk.deliveries.feed({ subscription: desk.number, replay: 0, from: 0, to: 2, matches, now: at })
      expect(await desk.lease()).toHaveLength(2)
    })

    test('a dead one that holds keeps the rest waiting; what comes later waits too', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(2))
      const [first] = await desk.lease()
      await desk.settle(first!, 'dead', { holds: true, now: at + 7 })
      await desk.feed([[3, 'loan/A']])
      expect(await desk.states()).toEqual({ 1: 'dead', 2: 'waiting', 3: 'waiting' })
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({ holds: true, settledAt: at + 7, due: null })
      expect(await desk.counts()).toEqual({ dead: 1, held: 1, waiting: 2 })
      expect(await desk.lease(9, at + 1e9)).toEqual([])
      await desk.expectCounted()
    })

    test('a dead one that does not hold lets the next go', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(3))
      const [first] = await desk.lease()
      await desk.settle(first!, 'dead', { holds: false })
      expect(await desk.states()).toEqual({ 1: 'dead', 2: 'pending', 3: 'waiting' })
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({ holds: false })
      expect(await desk.counts()).toEqual({ dead: 1, pending: 1, waiting: 1 })
    })

    test('a dead one without a lane holds nothing, whatever is asked', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      await desk.settle((await desk.lease())[0]!, 'dead', { holds: true })
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({ state: 'dead', holds: false })
      expect(await desk.counts()).toEqual({ dead: 1 })
    })

    test('one that held its lane and is tried again is still its first', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(3))
      await desk.settle((await desk.lease())[0]!, 'dead', { holds: true })
      expect(await desk.deliveries.retry(desk.key(1), at + 5)).toBe(true)
      expect(await desk.states()).toEqual({ 1: 'pending', 2: 'waiting', 3: 'waiting' })
      expect(await desk.counts()).toEqual({ pending: 1, waiting: 2 })
      const leased = await desk.lease(9, at + 5)
      expect(leased).toEqual([{ ...desk.key(1), attempt: 2, spent: 0 }])
      await desk.settle(leased[0]!)
      expect(await desk.states()).toEqual({ 1: 'succeeded', 2: 'pending', 3: 'waiting' })
      await desk.expectCounted()
    })

    test('one that has left its lane and is tried again goes alone', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(3))
      await desk.settle((await desk.lease())[0]!, 'dead', { holds: false })
      await desk.deliveries.retry(desk.key(1), at)
      const leased = await desk.lease()
      expect(leased.map(({ sequence }) => sequence).toSorted()).toEqual([1, 2])
      await desk.settle(leased.find(({ sequence }) => sequence === 1)!)
      expect(await desk.states()).toEqual({ 1: 'succeeded', 2: 'delivering', 3: 'waiting' })
    })

    test('skipping a lane leaves out what holds it, dead or failing, and nothing else', async () => {
      const desk = await subscribe(inbox.store)
      const skip = (subject = 'loan/A') => desk.deliveries.skipLane(desk.number, 'plain', subject, at + 9)
      expect(await skip(), 'an empty lane').toBeUndefined()
      await desk.feed([...loan(4), [5, 'loan/B']])
      expect(await skip(), 'one that has not been tried').toBeUndefined()
      const [first, other] = await desk.lease()
      expect(await skip(), 'one under way').toBeUndefined()
      await desk.settle(other!, 'retrying', { due: at + 1_000 })
      await desk.settle(first!, 'dead', { holds: true })
      expect(await skip()).toEqual(desk.key(1))
      expect(await desk.states()).toEqual({ 1: 'skipped', 2: 'pending', 3: 'waiting', 4: 'waiting', 5: 'retrying' })
      expect(await desk.deliveries.delivery(desk.key(1))).toMatchObject({ settledAt: at + 9, holds: false })
      const [second] = await desk.lease(9, at + 9)
      await desk.settle(second!, 'retrying', { due: at + 1_000 })
      expect(await skip()).toEqual(desk.key(2))
      expect(await desk.counts()).toEqual({ skipped: 2, pending: 1, waiting: 1, retrying: 1 })
      expect(await desk.deliveries.skipLane(desk.number, 'other', 'loan/B', at), 'another namespace').toBeUndefined()
      await desk.expectCounted()
    })

    test('one that was skipped can be tried again, on its own', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(2))
      await desk.settle((await desk.lease())[0]!, 'dead', { holds: true })
      await desk.deliveries.skipLane(desk.number, 'plain', 'loan/A', at)
      expect(await desk.deliveries.retry(desk.key(1), at)).toBe(true)
      expect(await desk.lease()).toHaveLength(2)
    })

    test('a replay’s lanes are apart from the live ones', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(loan(3))
      const [live] = await desk.lease()
      await desk.settle(live!, 'dead', { holds: true })
      const { replay } = await desk.deliveries.addReplay({
        subscription: desk.number,
        filter: '{}',
        first: 1,
        last: 3,
        key: null,
        now: at,
      })
      await desk.feed(loan(3), { replay: replay.number })
      expect(await desk.states(replay.number)).toEqual({ 1: 'pending', 2: 'waiting', 3: 'waiting' })
      for (const sequence of [1, 2, 3]) {
        const leased = await desk.lease()
        expect(leased).toEqual([{ ...desk.key(sequence, replay.number), attempt: 1, spent: 0 }])
        await desk.settle(leased[0]!)
      }
      expect(await desk.states()).toEqual({ 1: 'dead', 2: 'waiting', 3: 'waiting' })
      await desk.expectCounted()
    })
  })
}
