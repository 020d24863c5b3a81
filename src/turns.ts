// Long work in a thread that others wait for: so much of it at once, and then whatever has come meanwhile.
import { setImmediate as turn } from 'node:timers/promises'

const sliceMs = 5

/** Calls `each` for every item, in their order, until it says false; the event loop turns every few milliseconds. */
export async function inTurns<Item>(
  items: Iterable<Item>,
  each: (item: Item) => unknown,
  now: () => number = () => performance.now(),
): Promise<void> {
  let until = now() + sliceMs
  for (const item of items) {
    if (each(item) === false) return
    if (now() < until) continue
    await turn()
    until = now() + sliceMs
  }
}
