// How far one subscription and its replays have been fed, and whether it is for this node to go on. Only one node feeds;
// should two for a moment, each page is written once, since the cursor moves with it.
import type { Deliveries, Feed, Replay } from '../store/deliveries.ts'
import { nextPage, nextReplayPage } from './feed.ts'
import type { FlowWatcher } from './flow-parts.ts'
import type { Matcher } from './match.ts'
import type { SubscriptionSpec } from './subscription.ts'

/** Where news is fed by nobody for so long, its feeder may be a node that does not know this subscription. */
const standInAfterMs = 20_000

export function feedDuty(subscription: number): string {
  return `feed/${subscription}`
}

export interface FeederParts {
  store: Deliveries
  spec: SubscriptionSpec
  matcher: Matcher
  subscription: number
  watcher: FlowWatcher
}

export class Feeder {
  readonly #parts: FeederParts
  readonly #shared: boolean
  #cursor: number
  /** False after a feed of which it is not known, or not so, that it was written. */
  #knowsCursor = true
  #replays: Replay[] = []
  /** The log's end has been reached, until something is appended. */
  #caughtUp = false
  /** Since when nobody has fed what there is, by a clock that nobody sets. */
  #restingSince = performance.now()
  /** For a feeder that does not feed, until somebody else does. */
  #standsIn = false

  constructor(parts: FeederParts, cursor: number) {
    this.#parts = parts
    this.#shared = parts.store.leaseMs !== null
    this.#cursor = cursor
  }

  /** Whether the log has more for this node to feed. */
  get hasMore(): boolean {
    return !this.#caughtUp && this.#isOurs
  }

  get hasReplays(): boolean {
    return this.#replays.length > 0 && this.#isOurs
  }

  /** The log may have grown. */
  lookAgain(): void {
    this.#caughtUp = false
  }

  /** What the store says; it may have been read before what was fed since. */
  seen(cursor: number, replays: readonly Replay[]): void {
    const { subscription } = this.#parts
    const known = new Map(this.#replays.map(replay => [replay.number, replay.cursor]))
    const own = replays.filter(replay => replay.subscription === subscription)
    // Read before what was fed since; or a failover has taken the last of the feed, which then has to be done again.
    if (this.#shared && cursor < this.#cursor) {
      this.#knowsCursor = false
      this.#caughtUp = false
    }
    const moved = cursor > this.#cursor || own.some(({ number, cursor }) => cursor > (known.get(number) ?? -1))
    this.#cursor = Math.max(cursor, this.#cursor)
    this.#replays = own.map(replay => ({ ...replay, cursor: Math.max(replay.cursor, known.get(replay.number) ?? 0) }))
    if (moved) this.#standsIn = false
    if (moved || (this.#caughtUp && own.length === 0)) this.#rests()
  }

  /** What to write next; none where there is nothing behind the cursor. */
  async next(now: number): Promise<Feed | undefined> {
    const { store, spec, watcher, subscription } = this.#parts
    if (!this.#knowsCursor) {
      const row = (await store.subscriptions()).find(({ number }) => number === subscription)
      this.#cursor = row?.cursor ?? this.#cursor
    }
    // Before it is read: what is appended meanwhile may not be in it.
    this.#caughtUp = true
    const page = await nextPage(this.#parts, this.#cursor, now)
    if (page.missed > 0) watcher.missed(spec.name, page.missed)
    if (page.unfiltered > 0) watcher.unfiltered(spec.name, page.unfiltered)
    if (!page.caughtUp) this.#caughtUp = false
    if (page.feed === undefined) this.#rests()
    return page.feed
  }

  /** Throws where the cursor stood elsewhere, unless other nodes may have fed: then it is read again. */
  async write(feed: Feed): Promise<void> {
    this.#knowsCursor = false
    this.#knowsCursor = await this.#parts.store.feed(feed)
    if (this.#knowsCursor) {
      this.#cursor = feed.to
      this.#standsIn = !this.#isOwn
    } else if (!this.#shared) throw new Error('its cursor stood elsewhere: it is fed by another')
    else {
      this.#caughtUp = false
      this.#standsIn = false
      this.#rests()
    }
  }

  /** A page of the first replay. */
  async replay(now: number): Promise<void> {
    const { store } = this.#parts
    const [replay] = this.#replays
    const feed = await nextReplayPage(this.#parts, replay!, now)
    const fed = feed !== undefined && (await store.feed(feed))
    if (feed === undefined || (fed && feed.to >= replay!.last)) await store.endReplay(replay!.number, 'done', now)
    const after =
      feed === undefined ? undefined : fed ? { ...replay!, cursor: feed.to } : await store.replay(replay!.number)
    // One that was cancelled meanwhile is not fed.
    const goesOn = after?.state === 'running' && after.cursor < after.last
    // Others may have been asked for meanwhile.
    this.#replays = this.#replays.flatMap(each => (each.number !== replay!.number ? [each] : goesOn ? [after] : []))
  }

  get #isOwn(): boolean {
    return this.#parts.store.owns(feedDuty(this.#parts.subscription))
  }

  get #isOurs(): boolean {
    return this.#isOwn || this.#standsIn || performance.now() - this.#restingSince > standInAfterMs
  }

  #rests(): void {
    this.#restingSince = performance.now()
  }
}
