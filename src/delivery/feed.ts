// Reading on in the log from a cursor, and what of it becomes deliveries. Nothing is written here: the store writes the
// deliveries and moves the cursor in one transaction.
import { type Deliveries, type Feed, laneOf, type Replay, type Scanned } from '../store/deliveries.ts'
import type { EventFilter } from '../store/store.ts'
import { inTurns } from '../turns.ts'
import type { Matcher } from './match.ts'
import type { SubscriptionSpec } from './subscription.ts'

/** Events looked at in one page. */
const eventsPerPage = 2_000
/**
 * Deliveries that one transaction writes at the most: where one process holds the store no append waits longer. Where
 * several work on it nobody waits, and between two pages of one feeder there is to be enough for all of them.
 */
const matchesPerPage = { alone: 250, shared: 2_000 }
/** Events whose content a filter reads at once. */
const contentsAtOnce = 100

export interface FeedParts {
  store: Pick<Deliveries, 'scan' | 'events' | 'filtered' | 'leaseMs'>
  spec: Pick<SubscriptionSpec, 'order' | 'retry'>
  matcher: Matcher
  subscription: number
}

export interface Page {
  /** What to write; none where there is nothing behind the cursor. */
  feed: Feed | undefined
  /** Whether the end of the log was reached. */
  caughtUp: boolean
  /** Events that retention took before the feed came to them. */
  missed: number
  /** Events that the filter could not be evaluated on. */
  unfiltered: number
}

/** The next page behind `cursor`. */
export async function nextPage(
  { store, spec, matcher, subscription }: FeedParts,
  cursor: number,
  now: number,
): Promise<Page> {
  const { events, head, oldest } = await store.scan(cursor, eventsPerPage)
  const first = oldest === 0 ? head + 1 : oldest
  const missed = Math.max(0, Math.min(first - 1, head) - cursor)
  const matches: [number, string | null][] = []
  const matchesMax = store.leaseMs === null ? matchesPerPage.alone : matchesPerPage.shared
  let to = events.length < eventsPerPage ? Math.max(head, cursor) : events.at(-1)!.sequence
  let unfiltered = 0
  for (let at = 0; at < events.length && matches.length < matchesMax; at += contentsAtOnce) {
    const some = events.slice(at, at + contentsAtOnce)
    const { wanted, failed } = await matching(store, matcher, some)
    unfiltered += failed
    for (const event of wanted) {
      matches.push([event.sequence, lane(spec.order, event)])
      if (matches.length < matchesMax) continue
      to = event.sequence
      break
    }
  }
  const due = now + (spec.retry.scheduleMs[0] ?? 0)
  const feed = to > cursor ? { subscription, replay: 0, from: cursor, to, matches, now: due } : undefined
  return { feed, caughtUp: to >= head, missed, unfiltered }
}

const replayedPerPage = 200

/** The next page of a replay; undefined where it is at its end. */
export async function nextReplayPage(
  { store, spec, matcher }: FeedParts,
  { number, subscription, filter, cursor, last }: Replay,
  now: number,
): Promise<Feed | undefined> {
  if (cursor >= last) return undefined
  const { events, position } = await store.filtered(JSON.parse(filter) as EventFilter, cursor, replayedPerPage)
  const matches: [number, string | null][] = []
  await inTurns(events, event => {
    if (event.sequence > last) return false
    if (matcher.matches(event) === 'yes') matches.push([event.sequence, lane(spec.order, event)])
    return true
  })
  return { subscription, replay: number, from: cursor, to: Math.min(position, last), matches, now }
}

async function matching(
  store: FeedParts['store'],
  matcher: Matcher,
  events: readonly Scanned[],
): Promise<{ wanted: Scanned[]; failed: number }> {
  const verdicts = events.map(event => matcher.scanned(event))
  const asked = events.filter((_, index) => verdicts[index] === 'filter').map(({ sequence }) => sequence)
  const passed = new Set<number>()
  let failed = 0
  await inTurns(asked.length === 0 ? [] : await store.events(asked), event => {
    const verdict = matcher.filtered(event)
    if (verdict === 'yes') passed.add(event.sequence)
    if (verdict === 'failed') failed++
  })
  const wanted = events.filter(({ sequence }, index) => verdicts[index] === 'yes' || passed.has(sequence))
  return { wanted, failed }
}

/** An event without a subject has no lane. */
function lane(
  order: SubscriptionSpec['order'],
  { namespace, subject }: { namespace: string; subject: string | null },
): string | null {
  return order === 'subject' && subject !== null ? laneOf(namespace, subject) : null
}
