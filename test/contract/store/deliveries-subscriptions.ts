// Subscriptions as they are stored, and what people do to their deliveries: retry, cancel, remove, pause.
import { describe, expect, test } from 'vitest'
import type { BreakerState } from '../../../src/store/deliveries.ts'
import { at, Desk, settlement, subscribe } from './desk.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { day } from './record.ts'

const closed: BreakerState = { state: 'closed', failures: 0, opened: 0, until: null }

export function testSubscriptions(open: OpenStore): void {
  describe('subscriptions', () => {
    const inbox = inboxFor(open)
    const put = (name: string, fields: { origin?: 'config' | 'api'; spec?: string; cursor?: number; now?: number } = {}) =>
      inbox.store.deliveries.putSubscription({
        name, origin: 'config', spec: '{}', sealed: null, cursor: 0, now: at, ...fields,
      }) // biome-ignore format: one line
    const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

    test('are made, and brought up to date where they stand', async () => {
      const sealed = Buffer.from('sealed')
      const number = await put('made', { origin: 'api', spec: '{"a":1}', cursor: 7 })
      const desk = new Desk(inbox.store, number, 'made')
      expect(await desk.row()).toEqual({
        number, name: 'made', origin: 'api', spec: '{"a":1}', sealed: null, cursor: 7,
        paused: null, pausedAt: null, removedAt: null, breaker: closed, createdAt: at,
      }) // biome-ignore format: one line
      const again = { name: 'made', origin: 'config', spec: '{"a":2}', sealed, cursor: 0, now: at + 1 } as const
      expect(await inbox.store.deliveries.putSubscription(again)).toBe(number)
      expect(await desk.row()).toMatchObject({ origin: 'config', spec: '{"a":2}', cursor: 7, createdAt: at })
      expect(Buffer.from((await desk.row()).sealed!)).toEqual(sealed)
    })

    test('keep a pause, and what stopped them, over an update and a restart', async () => {
      await withInbox(open, async opened => {
        const desk = await subscribe(opened.store)
        const breaker: BreakerState = { state: 'open', failures: 5, opened: 2, until: at + 60_000 }
        await desk.deliveries.pause(desk.number, 'gone', at + 3)
        expect(await desk.deliveries.swapBreaker(desk.number, (await desk.row()).breaker, breaker)).toBe(true)
        await desk.deliveries.putSubscription({
          name: desk.name, origin: 'config', spec: '{"new":true}', sealed: null, cursor: 0, now: at,
        }) // biome-ignore format: one line
        const after = new Desk(await opened.reopen(), desk.number, desk.name)
        expect(await after.row()).toMatchObject({ paused: 'gone', pausedAt: at + 3, breaker, spec: '{"new":true}' })
        await after.deliveries.pause(desk.number, 'person', at + 4)
        expect(await after.row()).toMatchObject({ paused: 'person', pausedAt: at + 4 })
        await after.deliveries.pause(desk.number, null, at + 5)
        expect(await after.row()).toMatchObject({ paused: null, pausedAt: null })
      })
    })

    test('a pause is of the subscription, not of its deliveries', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      await desk.deliveries.pause(desk.number, 'person', at)
      expect(await desk.states()).toEqual({ 1: 'pending' })
    })

    test('one that was removed feeds nothing more, and goes on where it stood when it is there again', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1, 2])
      await desk.deliveries.pause(desk.number, 'person', at)
      await desk.deliveries.remove(desk.number, at)
      await desk.deliveries.remove(desk.number, at + 99)
      expect(await desk.row()).toMatchObject({ removedAt: at })
      expect(await desk.feed([3])).toBe(false)
      expect(await put(desk.name, { cursor: 50, now: at + 7 * day })).toBe(desk.number)
      expect(await desk.row()).toMatchObject({ removedAt: null, cursor: 2, paused: 'person' })
      expect(await desk.counts()).toEqual({ pending: 2 })
      expect(await desk.feed([3])).toBe(true)
    })

    test('one that was removed for more than seven days begins anew, with nothing left of before', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1, [2, 'loan/A'], [3, 'loan/A']])
      await desk.deliveries.pause(desk.number, 'person', at)
      await desk.deliveries.remove(desk.number, at)
      const { replay } = await desk.deliveries.addReplay({
        subscription: desk.number, filter: '{}', first: 1, last: 9, key: null, now: at,
      }) // biome-ignore format: one line
      await put(desk.name, { cursor: 50, now: at + 7 * day + 1 })
      expect(await desk.row()).toMatchObject({ removedAt: null, cursor: 50, paused: null })
      expect(await desk.counts()).toEqual({ cancelled: 3 })
      expect(await desk.deliveries.replay(replay.number)).toMatchObject({ state: 'cancelled' })
      await desk.expectCounted()
    })

    test('one of the API that was deleted begins anew, whoever makes it: nothing goes to a stranger', async () => {
      const number = await put('deleted', { origin: 'api', cursor: 4 })
      const desk = new Desk(inbox.store, number, 'deleted')
      await desk.feed([5])
      await desk.deliveries.remove(number, at)
      await put('deleted', { origin: 'api', cursor: 9, now: at + 1 })
      expect(await desk.row()).toMatchObject({ removedAt: null, cursor: 9 })
      expect(await desk.states()).toEqual({ 5: 'cancelled' })
    })

    test('what is dead of one that was deleted is not tried again for a new one of its name', async () => {
      const number = await put('dead before', { origin: 'api', cursor: 4 })
      const desk = new Desk(inbox.store, number, 'dead before')
      await desk.feed([5, [6, 'loan/A'], [7, 'loan/A']])
      for (const leased of await desk.lease()) await desk.settle(leased, 'dead', { holds: true })
      await desk.deliveries.remove(number, at)
      await put('dead before', { origin: 'api', cursor: 9, now: at + 1 })
      expect(await desk.states()).toEqual({ 5: 'cancelled', 6: 'cancelled', 7: 'cancelled' })
      expect(await desk.deliveries.retryDead(number, at + 2)).toBe(0)
      await desk.expectCounted()
    })

    test('one that left the configuration and is made over the API is a new one: nothing goes to a stranger', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([5])
      await desk.deliveries.pause(desk.number, 'person', at)
      await desk.deliveries.remove(desk.number, at)
      await put(desk.name, { origin: 'api', cursor: 9, now: at + 1 })
      expect(await desk.row()).toMatchObject({ origin: 'api', removedAt: null, cursor: 9, paused: null })
      expect(await desk.states()).toEqual({ 5: 'cancelled' })
    })

    test('the unsettled deliveries of a removed one are cancelled in their time, and nobody else’s', async () => {
      const [gone, late, there] = await Promise.all(range(3).map(() => subscribe(inbox.store)))
      for (const desk of [gone!, late!, there!]) await desk.feed([1, 2, [3, 'loan/A'], [4, 'loan/A'], 5, 6])
      for (const leased of (await gone!.lease(3)).toSorted((a, b) => a.sequence - b.sequence)) {
        if (leased.sequence === 1) await gone!.settle(leased)
        if (leased.sequence === 2) await gone!.settle(leased, 'retrying')
        if (leased.sequence === 3) await gone!.settle(leased, 'dead', { holds: true })
      }
      await gone!.lease(1)
      await gone!.deliveries.remove(gone!.number, at - 7 * day - 1)
      await late!.deliveries.remove(late!.number, at - 7 * day)
      expect(await inbox.store.deliveries.cancelRemoved(at - 7 * day, at)).toBe(5)
      expect(await gone!.states()).toEqual({
        1: 'succeeded', 2: 'cancelled', 3: 'cancelled', 4: 'cancelled', 5: 'cancelled', 6: 'cancelled',
      }) // biome-ignore format: one line
      expect(await late!.counts()).toEqual({ pending: 5, waiting: 1 })
      expect(await there!.counts()).toEqual({ pending: 5, waiting: 1 })
      expect(await inbox.store.deliveries.cancelRemoved(at - 7 * day, at), 'nothing is left').toBe(0)
      await gone!.expectCounted()
    })

    test('a cancel takes all that is not settled, however much it is, and no lane goes on', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(range(1_250).map(sequence => [sequence, `loan/${sequence % 3}`]))
      const [first] = await desk.lease(1)
      await desk.settle(first!)
      const under = await desk.lease(1)
      expect(await desk.deliveries.cancel(desk.number, at + 4)).toBe(1_249)
      expect(await desk.counts()).toEqual({ succeeded: 1, cancelled: 1_249 })
      expect(await desk.settle(under[0]!)).toBe(false)
      expect(await desk.lease(9, at + 1e9)).toEqual([])
      await desk.feed([[1_251, 'loan/0']])
      expect(await desk.lease(), 'nobody is in front of it').toHaveLength(1)
      await desk.expectCounted()
    })

    test('a cancel that is meant for a removed one leaves one that is there alone', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1])
      expect(await desk.deliveries.cancel(desk.number, at, true)).toBe(0)
      await desk.deliveries.remove(desk.number, at)
      expect(await desk.deliveries.cancel(desk.number, at, true)).toBe(1)
      expect(await desk.states()).toEqual({ 1: 'cancelled' })
    })

    test('a retry has a fresh budget; only what ended without success can be tried again', async () => {
      const desk = await subscribe(inbox.store)
      const { deliveries } = desk
      await desk.feed([1, 2, 3, 4, 5])
      const [dead, well, failing, under] = await desk.lease(4)
      await desk.settle(dead!, 'dead', { spent: 11 })
      await desk.settle(well!)
      await desk.settle(failing!, 'retrying', { due: at + 1_000 })
      for (const each of [well!, failing!, under!, desk.key(5), desk.key(77)]) {
        expect([each.sequence, await deliveries.retry(desk.key(each.sequence), at)]).toEqual([each.sequence, false])
      }
      expect(await deliveries.retry(desk.key(1), at + 8)).toBe(true)
      expect(await deliveries.delivery(desk.key(1))).toMatchObject({
        state: 'pending', attempts: 1, spent: 0, due: at + 8, settledAt: null,
      }) // biome-ignore format: one line
      await deliveries.cancel(desk.number, at)
      expect(await deliveries.retry(desk.key(5), at)).toBe(true)
      expect(await desk.lease()).toEqual([{ ...desk.key(5), attempt: 1, spent: 0 }])
      await desk.expectCounted()
    })

    test('all dead ones are tried again at once, held lanes by their first', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([...range(600), [601, 'loan/A'], [602, 'loan/A']])
      for (let left = 601; left > 0; left -= 100) {
        for (const leased of await desk.lease(100)) await desk.settle(leased, 'dead', { holds: true, spent: 3 })
      }
      expect(await desk.counts()).toEqual({ dead: 601, held: 1, waiting: 1 })
      expect(await desk.deliveries.retryDead(desk.number, at + 1)).toBe(601)
      expect(await desk.counts()).toEqual({ pending: 601, waiting: 1 })
      const leased = await desk.lease(700, at + 1)
      expect(leased).toHaveLength(601)
      expect(leased.every(({ spent, attempt }) => spent === 0 && attempt === 2)).toBe(true)
      expect(await desk.deliveries.retryDead(desk.number, at + 1)).toBe(0)
      await desk.expectCounted()
    })

    test('those that die again while the others are still being tried again are not taken once more', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed(range(600))
      const kill = async () => {
        const leased = await desk.lease(600, at + 1)
        await desk.deliveries.settle(
          leased.map(each => settlement(each, 'dead')),
          at,
        )
        return leased.length
      }
      expect(await kill()).toBe(600)
      let isOver = false
      const retried = desk.deliveries.retryDead(desk.number, at).finally(() => {
        isOver = true
      })
      let killed = 0
      while (!isOver && killed <= 1_200) killed += await kill()
      killed += await kill()
      expect(killed).toBe(600)
      expect(await retried).toBe(600)
      await desk.expectCounted()
    })

    test('the configuration’s revision is kept', async () => {
      await withInbox(open, async opened => {
        expect(await opened.store.deliveries.revision()).toBeNull()
        await opened.store.deliveries.setRevision(3)
        await opened.store.deliveries.setRevision(5)
        expect(await (await opened.reopen()).deliveries.revision()).toBe(5)
      })
    })
  })
}
