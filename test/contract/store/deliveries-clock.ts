// A clock that was ahead for a while has set times that are too late: they are brought forward, and no others.
import { describe, expect, test } from 'vitest'
import { at, settlement, subscribe } from './desk.ts'
import { inboxFor, type OpenStore } from './inbox.ts'

const hour = 3_600_000

export function testDeliveryClock(open: OpenStore): void {
  describe('a clock that was ahead', () => {
    const inbox = inboxFor(open)
    const forward = { byMs: hour, waitsMs: [0, 5_000, 60_000], now: at }

    test('has what it set brought forward by as much, and what the schedule explains left alone', async () => {
      const desk = await subscribe(inbox.store)
      await desk.feed([1, 2, 3, 4])
      const leased = await desk.lease()
      const ends = [
        { due: at + hour + 2_000, spent: 1 },
        { due: at + 5_000, spent: 1 },
        { due: at + 60_000, spent: 2 },
        // As it was asked to wait, beyond the schedule.
        { due: at + 2 * hour, spent: 1 },
      ]
      const settlements = leased.map((each, index) => settlement(each, 'retrying', ends[index]!))
      await desk.deliveries.settle(settlements, at)
      await desk.feed([5], { now: at + hour })
      expect(await desk.deliveries.bringForward(desk.number, forward)).toBe(3)
      const due = async (sequence: number) => (await desk.deliveries.delivery(desk.key(sequence)))!.due! - at
      expect(await Promise.all([1, 2, 3, 4, 5].map(due))).toEqual([5_000, 5_000, 60_000, hour, 0])
      await desk.expectCounted()
    })

    test('in steps, each once, and of nobody else', async () => {
      const desk = await subscribe(inbox.store)
      const other = await subscribe(inbox.store)
      const sequences = Array.from({ length: 600 }, (_, index) => index + 1)
      await desk.feed(sequences, { now: at + 10 * hour })
      await other.feed([1], { now: at + 10 * hour })
      expect(await desk.deliveries.bringForward(desk.number, forward)).toBe(600)
      expect((await desk.leaseAnswer(10)).nextDue).toBe(at + 9 * hour)
      expect((await other.leaseAnswer(10)).nextDue).toBe(at + 10 * hour)
      expect(await desk.lease(1_000, at + 9 * hour)).toHaveLength(600)
    })
  })
}
