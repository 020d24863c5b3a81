// A page of the feed: what of the log becomes deliveries, and where the cursor goes. No store: a log made by hand.
import { expect, test } from 'vitest'
import { type FeedParts, nextPage, nextReplayPage } from '../../src/delivery/feed.ts'
import { matcher, type Wanted } from '../../src/delivery/match.ts'
import type { Replay, Scanned } from '../../src/store/deliveries.ts'
import type { StoredEvent } from '../../src/store/record.ts'
import type { EventFilter } from '../../src/store/store.ts'
import { record, start, storedAs } from '../contract/store/record.ts'

const everything: Wanted = { types: [], vendorTypes: [], sources: [], filter: null, skipSame: false }

interface MadeLog {
  events: StoredEvent[]
  head: number
  /** Sequences whose content was asked for. */
  read: number[]
}

function log(count: number, fields: (sequence: number) => Parameters<typeof record>[1] = () => ({})): MadeLog {
  const events = Array.from({ length: count }, (_, index) =>
    storedAs(record(`e${index + 1}`, fields(index + 1)), index + 1),
  )
  return { events, head: count, read: [] }
}

function parts(made: MadeLog, wanted: Partial<Wanted> = {}, spec: Partial<FeedParts['spec']> = {}): FeedParts {
  const scanned = ({ sequence, source, vendor, type, vendortype, namespace, subject, sameas }: StoredEvent): Scanned => ({
    sequence, source, vendor, type, vendortype, namespace, subject, kind: type.charCodeAt(0), hasSame: sameas !== null,
  }) // biome-ignore format: one line
  return {
    subscription: 7,
    matcher: matcher({ ...everything, ...wanted }),
    spec: { order: 'none', retry: { scheduleMs: [0], jitter: 0 }, ...spec },
    store: {
      leaseMs: null,
      scan: async (after, limit) => ({
        events: made.events
          .filter(({ sequence }) => sequence > after)
          .slice(0, limit)
          .map(scanned),
        head: made.head,
        oldest: made.events[0]?.sequence ?? 0,
      }),
      events: async sequences => {
        made.read.push(...sequences)
        return made.events.filter(({ sequence }) => sequences.includes(sequence))
      },
      filtered: async ({ type }: EventFilter, after, limit) => {
        const events = made.events
          .filter(event => event.sequence > after && (type === undefined || type.includes(event.type)))
          .slice(0, limit)
        return { events, position: events.length < limit ? made.head : events.at(-1)!.sequence }
      },
    },
  }
}

const ref = (sequence: number, every: number) => ({
  data: JSON.stringify({ refs: { loan: sequence % every === 0 ? 'K1' : 'K2' } }),
})
const sequences = (page: { feed: { matches: readonly (readonly [number, string | null])[] } | undefined }) =>
  page.feed?.matches.map(([sequence]) => sequence)

test('takes what matches, up to the log’s end', async () => {
  const made = log(10, sequence => ({ type: sequence % 3 === 0 ? 'loan.created' : 'claim.created', vendortype: 'x' }))
  const page = await nextPage(parts(made, { types: ['loan.*'] }), 3, start)
  expect(page).toEqual({
    feed: {
      subscription: 7,
      replay: 0,
      from: 3,
      to: 10,
      matches: [
        [6, null],
        [9, null],
      ],
      now: start,
    },
    caughtUp: true,
    missed: 0,
    unfiltered: 0,
  })
})

test('is nothing where nothing is behind the cursor, or the cursor is ahead of the log', async () => {
  for (const cursor of [10, 12]) {
    expect(await nextPage(parts(log(10)), cursor, start)).toMatchObject({ feed: undefined, caughtUp: true, missed: 0 })
  }
  expect(await nextPage(parts(log(0)), 0, start)).toMatchObject({ feed: undefined, caughtUp: true })
})

test('moves the cursor though nothing matches', async () => {
  const page = await nextPage(parts(log(10), { types: ['loan.*'] }), 0, start)
  expect(page).toMatchObject({ feed: { from: 0, to: 10, matches: [] }, caughtUp: true })
})

test('is of few matches, and of not too many events', async () => {
  const made = log(6_000)
  const page = await nextPage(parts(made), 0, start)
  expect(page).toMatchObject({ feed: { to: 250 }, caughtUp: false })
  expect(sequences(page)).toHaveLength(250)
  expect(await nextPage(parts(made, { types: ['loan.*'] }), 0, start)).toMatchObject({
    feed: { to: 2_000 },
    caughtUp: false,
  })
})

test('page by page, no event is left out and none is taken twice', async () => {
  const made = log(5_300, sequence => ref(sequence, 3))
  const given = parts(made, { filter: 'data.refs.loan == `"K1"`' })
  const all: number[] = []
  for (let cursor = 0, pages = 0; ; pages++) {
    const page = await nextPage(given, cursor, start)
    all.push(...sequences(page)!)
    cursor = page.feed!.to
    expect(pages).toBeLessThan(40)
    if (page.caughtUp) break
  }
  expect(all).toEqual(Array.from({ length: 1_766 }, (_, index) => (index + 1) * 3))
})

test('asks for an event’s content only where a filter reads it', async () => {
  const made = log(40, sequence => ({ ...ref(sequence, 2), type: sequence > 20 ? 'loan.created' : 'claim.create' }))
  await nextPage(parts(made), 0, start)
  expect(made.read).toEqual([])
  await nextPage(parts(made, { types: ['loan.*'], filter: 'data.refs.loan == `"K1"`' }), 0, start)
  expect(made.read).toEqual(Array.from({ length: 20 }, (_, index) => index + 21))
})

test('counts what its filter cannot be evaluated on, and does not deliver it', async () => {
  const made = log(4, sequence => ({ data: JSON.stringify({ refs: {}, amount: sequence === 2 ? 'text' : 5 }) }))
  const page = await nextPage(parts(made, { filter: 'abs(data.amount) > `1`' }), 0, start)
  expect(page.unfiltered).toBe(1)
  expect(sequences(page)).toEqual([1, 3, 4])
})

test('counts what retention took before it came there', async () => {
  const made = log(10)
  made.events.splice(0, 6)
  const page = await nextPage(parts(made), 2, start)
  expect(page).toMatchObject({ missed: 4, feed: { from: 2, to: 10 } })
  expect(sequences(page)).toEqual([7, 8, 9, 10])
  expect((await nextPage(parts(made), 6, start)).missed).toBe(0)
  made.events.length = 0
  expect(await nextPage(parts(made), 2, start)).toMatchObject({
    missed: 8,
    feed: { to: 10, matches: [] },
    caughtUp: true,
  })
})

test('gives a lane where order is asked for and there is a subject, and a first wait', async () => {
  const made = log(2, sequence => ({ subject: sequence === 1 ? 'loan/K1' : null, namespace: 'eu' }))
  const page = await nextPage(parts(made, {}, { order: 'subject', retry: { scheduleMs: [700], jitter: 0 } }), 0, start)
  expect(page.feed).toMatchObject({
    matches: [
      [1, 'eu\nloan/K1'],
      [2, null],
    ],
    now: start + 700,
  })
})

test('of a replay: its own filter and the subscription’s, within its range', async () => {
  const made = log(900, sequence => ({ type: sequence % 2 === 0 ? 'loan.created' : 'claim.create', subject: 'loan/A' }))
  const given = parts(made, { types: ['loan.*'] }, { order: 'subject' })
  const replay: Replay = {
    number: 4, subscription: 7, filter: '{}', first: 11, last: 450, cursor: 10, state: 'running', matched: 0,
    createdAt: start, endedAt: null,
  } // biome-ignore format: one line
  const first = await nextReplayPage(given, replay, start)
  expect(first).toMatchObject({ subscription: 7, replay: 4, from: 10, to: 210 })
  expect(first!.matches).toHaveLength(100)
  expect(first!.matches[0]).toEqual([12, 'plain\nloan/A'])
  const last = await nextReplayPage(given, { ...replay, cursor: 410 }, start)
  expect(last).toMatchObject({ from: 410, to: 450 })
  expect(last!.matches.at(-1)![0]).toBe(450)
  expect(await nextReplayPage(given, { ...replay, cursor: 450 }, start)).toBeUndefined()
  const none = await nextReplayPage(given, { ...replay, filter: '{"type":["x.y"]}' }, start)
  expect(none).toMatchObject({ to: 450, matches: [] })
})
