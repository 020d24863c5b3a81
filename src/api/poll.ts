// A page of the log that waits for news: answered as soon as there is something that matches, else when the time is
// over, with how far was looked. It ends early when whoever asked goes away or the gateway stops.
import type { ServerResponse } from 'node:http'
import type { EventPage, EventQuery } from '../store/store.ts'
import type { Principal } from './access.ts'
import { Bell } from './bell.ts'
import { eventMatcher } from './event-filter.ts'
import type { Readers } from './readers.ts'

/** `query.from` is the position. Throws AppError where too many wait already. */
export async function waitForPage(
  outgoing: ServerResponse,
  readers: Readers,
  principal: Principal,
  query: EventQuery & { from: number },
  waitSeconds: number,
): Promise<EventPage> {
  const { store, tail, timers } = readers
  const matches = eventMatcher(query.filter)
  const bell = new Bell()
  let isOver = false
  const end = () => {
    isOver = true
    bell.ring()
  }
  const leave = readers.enter({ beat() {}, end }, principal)
  const callOff = timers.after(waitSeconds * 1_000, end)
  outgoing.once('close', end)
  let leaveTail = () => {}
  try {
    leaveTail = await tail.join(bell.ring)
    let position = query.from
    for (;;) {
      const page = await store.list({ ...query, from: position })
      if (page.events.length > 0 || isOver) return page
      position = page.position
      // It has not looked at everything yet: where little matches of much, that takes several reads.
      if (page.next !== null) continue
      position = await newsBehind(position)
      if (isOver) return { events: [], next: null, position }
    }
  } finally {
    leave()
    leaveTail()
    callOff()
    outgoing.off('close', end)
  }

  /** Where to read on from: there is something that matches, or more than the tail holds, or the time is over. */
  async function newsBehind(from: number): Promise<number> {
    let position = from
    while (!isOver && !tail.isBehind(position)) {
      const event = tail.next(position)
      if (event === undefined) {
        position = Math.max(position, tail.position)
        await bell.rung()
      } else if (matches(event)) return position
      else position = event.event.sequence
    }
    return position
  }
}
