// What of events and deliveries is shown in a list.
import type { Delivery, Event } from '../client/api-types.ts'
import { shownTime } from './listing.ts'
import type { Column } from './table.ts'

export const eventColumns: readonly Column<Event>[] = [
  { title: 'received', of: ({ receivedtime }) => shownTime(receivedtime), time: true },
  { title: 'id', of: ({ id }) => id },
  { title: 'source', of: sourceName, shrinks: true, drops: 1 },
  { title: 'type', of: ({ type }) => type, shrinks: true },
  { title: 'subject', of: ({ subject }) => subject },
]

export function sourceName({ source }: Event): string {
  return source.replace('/sources/', '')
}

const stateColours: Readonly<Record<string, 'green' | 'yellow' | 'red'>> = {
  succeeded: 'green',
  retrying: 'yellow',
  delivering: 'yellow',
  dead: 'red',
  expired: 'red',
}

export const deliveryColumns: readonly Column<Delivery>[] = [
  { title: 'id', of: ({ id }) => id },
  { title: 'subscription', of: ({ subscription }) => subscription, shrinks: true },
  { title: 'state', of: ({ state }) => state, colour: state => stateColours[state] },
  { title: 'tries', of: ({ attemptsMade }) => attemptsMade, right: true, drops: 2 },
  { title: 'settled or due', of: ({ settledAt, dueAt }) => shownTime(settledAt ?? dueAt), time: true, drops: 4 },
  { title: 'type', of: ({ type }) => type, shrinks: true, drops: 1 },
  { title: 'subject', of: ({ subject }) => subject },
  // `deliveries show` says it.
  { title: 'event', of: ({ event }) => event, drops: 3 },
]
