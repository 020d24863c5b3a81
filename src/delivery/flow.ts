// One subscription at work: it feeds from its cursor, leases what is due, has it attempted, and decides what becomes of
// it. It takes no more than its gate has room for, so that a backlog stays in the log until it is reached.
import type { Chance } from '../clock.ts'
import { deliveryId, type Feed, type Leased, type Replay, replayId, type SubscriptionRow } from '../store/deliveries.ts'
import { eventJson, wantsOriginal } from '../store/event-json.ts'
import type { StoredEvent } from '../store/record.ts'
import { Breaker } from './breaker.ts'
import { type Destination, failed, type Outcome } from './destination.ts'
import { type FeedParts, nextPage, nextReplayPage } from './feed.ts'
import type { FlowParts } from './flow-parts.ts'
import { Gate } from './gate.ts'
import type { Matcher } from './match.ts'
import { afterAttempt } from './retry.ts'
import type { SubscriptionSpec } from './subscription.ts'

interface InHand {
  leased: Leased
  event?: StoredEvent
  /** Whether it has been begun, or given back. */
  begun: boolean
}

/** After a store that could not be asked: once again. */
const againAfterMs = 1_000
const random = (chance: Chance) => chance.bytes(4).readUInt32BE() / 2 ** 32

export class Flow {
  readonly spec: SubscriptionSpec
  readonly number: number
  readonly destination: Destination
  readonly #parts: FlowParts
  readonly #matcher: Matcher
  readonly #gate: Gate
  readonly #breaker: Breaker
  #cursor: number
  /** False after a feed of which it is not known, or not so, that it was written. */
  #knowsCursor = true
  #replays: Replay[] = []
  #paused: boolean
  #pausing = false
  #pauses = 0
  #stopped = false
  /** No more that is due is in the store; what comes next has to be fed. */
  #drained = false
  /** The log's end has been reached, until something is appended. */
  #caughtUp = false
  #turning = false
  #turned: Promise<void> = Promise.resolve()
  #again = false
  #timer: NodeJS.Timeout | undefined
  readonly #inHand = new Set<InHand>()
  readonly #ending = new AbortController()
  #idle: (() => void) | undefined
  #closed: Promise<void> | undefined
  #dueAt = 0

  constructor(
    spec: SubscriptionSpec,
    row: SubscriptionRow,
    destination: Destination,
    matcher: Matcher,
    parts: FlowParts,
  ) {
    this.spec = spec
    this.number = row.number
    this.destination = destination
    this.#parts = parts
    this.#matcher = matcher
    this.#gate = new Gate(spec)
    this.#breaker = new Breaker(spec.breaker, row.breaker, parts.clock.now())
    this.#cursor = row.cursor
    this.#paused = row.paused !== null
  }

  /** The log has grown. */
  appended(): void {
    this.#caughtUp = false
    this.#schedule()
  }

  /** Something may be due that was not: a person retried it, or asked for a replay. */
  wake(replays: readonly Replay[]): void {
    // What was read for this may be older than what was fed since.
    const fed = new Map(this.#replays.map(({ number, cursor }) => [number, cursor]))
    this.#replays = replays
      .filter(({ subscription }) => subscription === this.number)
      .map(replay => ({ ...replay, cursor: Math.max(replay.cursor, fed.get(replay.number) ?? 0) }))
    this.#drained = false
    this.#schedule()
  }

  /** How often it has paused by itself: who read the store before the last time does not know of it. */
  get pauses(): number {
    return this.#pauses
  }

  setPaused(paused: boolean): void {
    if (this.#paused === paused || this.#pausing) return
    this.#paused = paused
    if (paused) this.#giveBackUnbegun('it was paused')
    else this.#schedule()
  }

  /** The rate goes by the wall clock: one that was set back would hold everything for as long. */
  clockWasSetBack(): void {
    if (this.spec.rate === null) return
    this.#gate.restart()
    for (const item of this.#inHand) if (!item.begun) this.#gate.add(() => this.#begin(item))
    this.#schedule()
  }

  /**
   * Takes nothing new, gives back what has not begun, and waits for what has: after `graceMs` it is told to end, and is
   * not charged for that. Asked again, the shorter grace holds.
   */
  async close(graceMs: number): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    const cut = setTimeout(() => this.#ending.abort(), graceMs)
    this.#closed ??= this.#end()
    await this.#closed.finally(() => clearTimeout(cut))
  }

  async #end(): Promise<void> {
    this.#giveBackUnbegun('the gateway ended')
    // What it has asked the store for is still to come.
    await this.#turned
    if (this.#inHand.size > 0) {
      await new Promise<void>(resolve => {
        this.#idle = resolve
      })
    }
    await this.destination.close()
  }

  /** A turn at the end of this one of the event loop: attempts that end together are looked at together. */
  #schedule(): void {
    this.#again = true
    if (this.#turning || this.#stopped) return
    this.#turning = true
    setImmediate(() => {
      this.#turned = this.#turn()
    })
  }

  /** One at a time; whoever comes meanwhile makes it go round once more. */
  async #turn(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false
        await this.#work()
      }
    } catch (error) {
      this.#parts.watcher.failed(this.spec.name, error)
      this.#caughtUp = false
      this.#turnAt(this.#parts.clock.now() + againAfterMs)
    } finally {
      this.#turning = false
    }
    if (this.#again) this.#schedule()
  }

  async #work(): Promise<void> {
    const { store, clock, flush } = this.#parts
    if (this.#paused) return
    const now = clock.now()
    const allowance = this.#breaker.allowance(now)
    if (allowance === 0) return this.#turnAt(this.#breaker.state.until ?? now)
    const room = Math.min(this.#gate.room, allowance - this.#inHand.size)
    if (room <= 0 || (room < this.#gate.roomWanted && room < allowance && this.#inHand.size > 0)) return
    if (this.#drained && this.#caughtUp && this.#replays.length === 0) return
    // What is due already comes before what the log has yet to bring. Settled, fed and leased in one transaction.
    const feed = this.#drained && !this.#caughtUp ? await this.#nextFeed(now) : undefined
    flush()
    // Before it is asked: who says meanwhile that something is due is not overruled by what was not due yet.
    this.#drained = true
    const [fed, lease] = await Promise.allSettled([
      feed === undefined ? true : store.feed(feed),
      store.lease(this.number, room, clock.now()),
    ])
    if (feed !== undefined) {
      this.#knowsCursor = fed.status === 'fulfilled' && fed.value
      if (this.#knowsCursor) this.#cursor = feed.to
    }
    if (lease.status === 'rejected') throw lease.reason
    const { leased, nextDue } = lease.value
    // Whatever became of the feed beside it: these are ours now.
    if (leased.length > 0) await this.#start(leased)
    if (fed.status === 'rejected') throw fed.reason
    if (!fed.value) throw new Error('its cursor stood elsewhere: it is fed by another')
    if (leased.length >= room) this.#drained = false
    if (!this.#drained) return
    if (!this.#caughtUp) this.#again = true
    else if (this.#replays.length > 0) await this.#feedReplay(now)
    if (nextDue !== null) this.#turnAt(nextDue)
  }

  async #nextFeed(now: number): Promise<Feed | undefined> {
    const { store, watcher } = this.#parts
    if (!this.#knowsCursor) {
      const row = (await store.subscriptions()).find(({ number }) => number === this.number)
      this.#cursor = row?.cursor ?? this.#cursor
    }
    // Before it is read: what is appended meanwhile may not be in it.
    this.#caughtUp = true
    const page = await nextPage(this.#feedParts(), this.#cursor, now)
    if (page.missed > 0) watcher.missed(this.spec.name, page.missed)
    if (page.unfiltered > 0) watcher.unfiltered(this.spec.name, page.unfiltered)
    if (!page.caughtUp) this.#caughtUp = false
    return page.feed
  }

  async #feedReplay(now: number): Promise<void> {
    const { store } = this.#parts
    const [replay] = this.#replays
    const feed = await nextReplayPage(this.#feedParts(), replay!, now)
    const fed = feed !== undefined && (await store.feed(feed))
    if (feed === undefined || feed.to >= replay!.last) await store.endReplay(replay!.number, 'done', now)
    // One that was cancelled meanwhile is not fed.
    const goesOn = fed && feed.to < replay!.last
    // Others may have been asked for meanwhile.
    this.#replays = this.#replays.flatMap(each =>
      each.number !== replay!.number ? [each] : goesOn ? [{ ...each, cursor: feed.to }] : [],
    )
    this.#drained = false
    this.#again = true
  }

  #feedParts(): FeedParts {
    return { store: this.#parts.store, spec: this.spec, matcher: this.#matcher, subscription: this.number }
  }

  async #start(leased: readonly Leased[]): Promise<void> {
    const { store } = this.#parts
    const items = leased.map((each): InHand => ({ leased: each, begun: false }))
    for (const item of items) this.#inHand.add(item)
    let events: Map<number, StoredEvent>
    try {
      const found = await store.events([...new Set(leased.map(({ sequence }) => sequence))])
      events = new Map(found.map(event => [event.sequence, event]))
    } catch (error) {
      for (const item of items) this.#giveBack(item, 'its event could not be read')
      throw error
    }
    if (this.#breaker.probing()) void this.#keepBreaker()
    for (const item of items) {
      const event = events.get(item.leased.sequence)
      if (event === undefined) {
        // Retention took it at this moment, and its delivery with it.
        this.#ended(item)
        this.#again = true
      } else if (this.#stopped || this.#paused) this.#giveBack(item, 'it was not begun')
      else {
        item.event = event
        this.#gate.add(() => this.#begin(item))
      }
    }
  }

  async #begin(item: InHand): Promise<void> {
    if (item.begun) return
    item.begun = true
    const { leased } = item
    const event = item.event!
    const { clock, watcher } = this.#parts
    const startedAt = clock.now()
    const started = performance.now()
    const outcome = await this.#attempt(leased, event, startedAt)
    const elapsedMs = Math.round(performance.now() - started)
    watcher.attempted(this.spec.name, outcome, elapsedMs)
    this.#settle(leased, event, outcome, startedAt, elapsedMs)
    this.#ended(item)
    // Whoever waited behind it in its lane may go now.
    if (this.spec.order === 'subject') this.#drained = false
    this.#schedule()
  }

  async #attempt(leased: Leased, event: StoredEvent, now: number): Promise<Outcome> {
    const { store, traced } = this.#parts
    const { to, include, timeoutMs } = this.spec
    const original = to.kind === 'http' && to.format === 'original'
    const delivery = deliveryId(leased)
    const replay = leased.replay === 0 ? null : replayId(leased.replay)
    try {
      const request = original || wantsOriginal(event, include) ? await store.requestOf(event) : undefined
      const attributes = { subscription: this.spec.name, delivery, number: leased.attempt, replay, kind: to.kind }
      return await traced(event, attributes, traceparent =>
        this.destination.attempt({
          event,
          json: original ? '' : eventJson(event, request),
          ...(original && request !== undefined ? { request } : {}),
          delivery,
          number: leased.attempt,
          replay,
          traceparent,
          now,
          timeoutMs,
          signal: this.#ending.signal,
        }),
      )
    } catch (error) {
      return failed(`the attempt could not be made: ${(error as Error).message}`)
    }
  }

  #settle(leased: Leased, event: StoredEvent, outcome: Outcome, startedAt: number, elapsedMs: number): void {
    const { clock, chance, watcher, settle } = this.#parts
    const now = clock.now()
    const next = afterAttempt(this.spec, leased.spent, outcome, now, () => random(chance))
    const { result, status, reason, answer } = outcome
    settle({ ...leased, ...next, startedAt, elapsedMs, result, status, reason, answer })
    if (next.state === 'succeeded' ? this.#breaker.succeeded() : result !== 'released' && this.#breaker.failed(now)) {
      void this.#keepBreaker()
      watcher.breakerChanged(this.spec.name, this.#breaker.state, event, outcome)
      if (this.#breaker.state.state === 'open') this.#giveBackUnbegun('its destination keeps failing')
    }
    if (next.state === 'retrying' || next.state === 'pending') this.#turnAt(next.due)
    if (next.state === 'dead') watcher.died(this.spec.name, event, leased.attempt, outcome)
    if (result === 'gone' && !this.#paused) {
      this.setPaused(true)
      void this.#keepPause()
      watcher.gone(this.spec.name, event, outcome)
    }
  }

  #giveBackUnbegun(reason: string): void {
    this.#gate.clear()
    for (const item of this.#inHand) if (!item.begun) this.#giveBack(item, reason)
  }

  #giveBack(item: InHand, reason: string): void {
    item.begun = true
    const { leased } = item
    const now = this.#parts.clock.now()
    const state = leased.spent > 0 ? 'retrying' : 'pending'
    const outcome = { result: 'released', status: null, reason, answer: null } as const
    this.#parts.settle({ ...leased, ...outcome, state, due: now, holds: false, startedAt: now, elapsedMs: 0 })
    this.#ended(item)
  }

  #ended(item: InHand): void {
    this.#inHand.delete(item)
    if (this.#inHand.size === 0) this.#idle?.()
  }

  /** Until it is written nobody who reads the store can end it: they do not know of it. */
  async #keepPause(): Promise<void> {
    this.#pausing = true
    this.#pauses++
    try {
      await this.#parts.store.pause(this.number, 'gone', this.#parts.clock.now())
      this.#pauses++
      this.#pausing = false
    } catch (error) {
      this.#parts.watcher.failed(this.spec.name, error)
      if (!this.#stopped) setTimeout(() => void this.#keepPause(), againAfterMs).unref()
    }
  }

  async #keepBreaker(): Promise<void> {
    try {
      await this.#parts.store.swapBreaker(this.number, this.#breaker.state, this.#breaker.state)
    } catch (error) {
      this.#parts.watcher.failed(this.spec.name, error)
    }
  }

  /** The earliest of what was asked for. Timers take 24 days at most: one that ends early looks and is set again. */
  #turnAt(time: number): void {
    if (this.#stopped || (this.#timer !== undefined && this.#dueAt <= time)) return
    clearTimeout(this.#timer)
    this.#dueAt = time
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        this.#drained = false
        this.#schedule()
      },
      Math.min(Math.max(0, time - this.#parts.clock.now()), 3_600_000),
    ).unref()
  }
}
