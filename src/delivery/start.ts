// Where a new subscription's cursor is set: `start` says nothing else, and is not looked at again.
import type { Store } from '../store/store.ts'
import type { Start } from './subscription.ts'

/** The sequence behind which its feed begins. */
export async function firstCursor(store: Pick<Store, 'extent' | 'list'>, start: Start): Promise<number> {
  const { head, oldest } = await store.extent()
  const beginning = oldest === 0 ? head : oldest - 1
  if (start === 'now') return head
  if (start === 'beginning') return beginning
  if ('sequence' in start) return Math.min(head, Math.max(beginning, start.sequence - 1))
  const filter = { receivedAfter: Date.parse(start.time) }
  // A list may look for so long only, and says where to go on.
  for (let from = beginning; ; ) {
    const { events, next } = await store.list({ filter, order: 'oldest', limit: 1, from })
    if (events[0] !== undefined) return events[0].sequence - 1
    if (next === null) return head
    from = next
  }
}
