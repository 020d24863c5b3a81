// Events whose data is large: a page ends before it holds too many of them, and what follows goes on behind it.
import { beforeAll, describe, expect, test } from 'vitest'
import type { EventFilter } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore } from './inbox.ts'
import { appendAll, record } from './record.ts'

const padding = 3_000_000
const pageMax = 8 * 1024 * 1024
const refs = { loan: 'K1', client: '7' }
const all = Array.from({ length: 8 }, (_, index) => index + 1)

export function testLargeData(open: OpenStore): void {
  describe('of events with large data', () => {
    const inbox = inboxFor(open)
    beforeAll(async () => {
      const data = JSON.stringify({ refs, pad: 'x'.repeat(padding) })
      for (const index of all) {
        // A small one among them, and one that is more than a page by itself.
        const some = index === 4 ? JSON.stringify({ refs }) : index === 6 ? data.replace('x', 'é'.repeat(5e6)) : data
        await appendAll(inbox.store, [record(String(index), { subject: 'loan/K1', refs, data: some })])
      }
    })

    const filters: [name: string, filter: EventFilter][] = [
      ['everything', {}],
      ['by source', { source: ['plain'] }],
      ['by time', { receivedAfter: 0 }],
      ['by subject', { subject: 'loan/K1' }],
      ['by refs and source', { refs: ['loan:K1', 'client:7'], source: ['pl*'] }],
    ]
    test.each(filters)('a list of %s has them all, page by page', async (_name, filter) => {
      for (const order of ['oldest', 'newest'] as const) {
        const seen: number[] = []
        let pages = 0
        for (let from: number | null | undefined; from !== null; pages++) {
          const { events, next } = await inbox.store.list({
            filter,
            order,
            limit: 100,
            ...(from === undefined ? {} : { from }),
          })
          expectBounded(events)
          seen.push(...events.map(({ sequence }) => sequence))
          from = next
        }
        expect(seen).toEqual(order === 'oldest' ? all : all.toReversed())
        expect(pages).toBeGreaterThan(2)
      }
    })

    test('a timeline has them all, page by page', async () => {
      const seen: number[] = []
      for (let from: number | null | undefined; from !== null; ) {
        const query = { subject: 'loan/K1', limit: 100, ...(from === undefined ? {} : { from }) }
        const { events, next } = await inbox.store.timeline(query)
        expectBounded(events)
        seen.push(...events.map(({ sequence }) => sequence))
        from = next
      }
      expect(seen).toEqual(all)
    })
  })
}

/** The last one may be more than is left. */
function expectBounded(events: readonly { data: string }[]): void {
  const before = events.slice(0, -1).reduce((sum, { data }) => sum + data.length, 0)
  expect(before).toBeLessThan(pageMax)
}
