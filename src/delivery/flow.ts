// One subscription at work: it feeds from its cursor, leases what is due, has it attempted, and decides what becomes of
// it. It takes no more than its gate has room for, so that a backlog stays in the log until it is reached.
import { fraction } from '../clock.ts'
import type { BreakerState, LeaseAnswer, Leased, Replay, SubscriptionRow } from '../store/deliveries.ts'
import type { StoredEvent } from '../store/record.ts'
import { makeAttempt, tooLate } from './attempt.ts'
import type { Destination, Outcome } from './destination.ts'
import { Feeder } from './feeder.ts'
import type { FlowParts } from './flow-parts.ts'
import { Gate } from './gate.ts'
import { Hand, type InHand } from './hand.ts'
import { KeptBreaker } from './kept-breaker.ts'
import type { Moment } from './leases.ts'
import type { Matcher } from './match.ts'
import { afterAttempt } from './retry.ts'
import { SharedRate } from './shared-rate.ts'
import type { SubscriptionSpec } from './subscription.ts'

/** After a store that could not be asked: once again. */
const againAfterMs = 1_000
/** What another node is leasing at this moment is looked for again, in case it does not. */
const heldBackMs = 20
/** How often one that has no room itself looks whether the others have come to the end of what is fed. */
const aheadEveryMs = 100

interface Changes {
  pauses: number
  breaker: number
}

export class Flow {
  readonly spec: SubscriptionSpec
  readonly number: number
  readonly destination: Destination
  readonly #parts: FlowParts
  readonly #gate: Gate
  readonly #breaker: KeptBreaker
  readonly #feeder: Feeder
  readonly #hand: Hand
  /** Where one process holds the store its gate keeps the rate. */
  readonly #rate: SharedRate
  /** Whether other nodes work on the same store. */
  readonly #shared: boolean
  #paused: boolean
  #pausing = false
  #pauses = 0
  #stopped = false
  /** No more that is due is in the store; what comes next has to be fed. */
  #drained = false
  #turning = false
  #turned: Promise<void> = Promise.resolve()
  #again = false
  #timer: NodeJS.Timeout | undefined
  readonly #ending = new AbortController()
  #closed: Promise<void> | undefined
  #dueAt = 0
  /** What is due is held back until then. */
  #heldUntil = 0
  /** When it looks again whether to feed for others. */
  #aheadAt = 0

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
    const { store, clock, watcher } = parts
    this.#parts = parts
    this.#shared = store.leaseMs !== null
    this.#gate = new Gate(spec)
    this.#rate = new SharedRate(this.#shared ? spec.rate : null)
    this.#breaker = new KeptBreaker({
      spec,
      row,
      store,
      clock,
      adopted: () => this.#breakerAdopted(),
      failed: error => watcher.failed(spec.name, error),
    })
    this.#hand = new Hand({
      ...parts,
      written: () => this.#written(),
      dropped: () => this.due(),
      lost: count => watcher.leasesLost(spec.name, count),
    })
    this.#feeder = new Feeder({ store, spec, matcher, watcher, subscription: row.number }, row.cursor)
    this.#paused = row.paused !== null
  }

  /** The log has grown. */
  appended(): void {
    this.#feeder.lookAgain()
    this.#schedule()
  }

  /** Something may be due that was not. */
  due(): void {
    this.#drained = false
    this.#schedule()
  }

  /** How often it has changed what is stored: who read it before the last time does not know of that. */
  get changes(): Changes {
    return { pauses: this.#pauses, breaker: this.#breaker.changes }
  }

  /** As somebody read it after those changes: a person retried, paused or asked for a replay, or another node did something. */
  seen(row: SubscriptionRow, replays: readonly Replay[], changes: Changes | undefined): void {
    if (changes?.pauses === this.#pauses) this.#setPaused(row.paused !== null)
    if (changes !== undefined) this.#breaker.seen(row.breaker, changes.breaker)
    this.#feeder.seen(row.cursor, replays)
    this.due()
  }

  #setPaused(paused: boolean): void {
    if (this.#paused === paused || this.#pausing) return
    this.#paused = paused
    if (paused) this.#giveBackUnbegun('it was paused')
    else this.#schedule()
  }

  /** The rate goes by the wall clock: one that was set back would hold everything for as long. */
  clockWasSetBack(): void {
    this.#heldUntil = 0
    this.#aheadAt = 0
    if (this.spec.rate === null) return
    this.#gate.restart()
    for (const item of this.#hand.unbegun) this.#gate.add(() => this.#begin(item))
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
    await this.#hand.idle()
    await Promise.all([this.destination.close(), this.#breaker.close()])
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
      this.#feeder.lookAgain()
      this.#turnAt(this.#parts.clock.now() + againAfterMs)
    } finally {
      this.#turning = false
    }
    if (this.#again) this.#schedule()
  }

  async #work(): Promise<void> {
    const { clock, flush } = this.#parts
    if (this.#paused) return
    const now = clock.now()
    if (now < this.#heldUntil) return this.#turnAt(this.#heldUntil)
    const allowance = this.#breaker.allowance(now)
    if (allowance === 0) return this.#turnAt(this.#breaker.nextLook(now))
    const room = Math.min(this.#gate.room, allowance - this.#hand.size)
    if (room <= 0 || (room < this.#gate.roomWanted && room < allowance && this.#hand.size > 0)) {
      return this.#feedAhead(now)
    }
    const feeder = this.#feeder
    if (this.#drained && !feeder.hasMore && !feeder.hasReplays) return
    // What is due already comes before what the log has yet to bring. Settled, fed and leased in one transaction.
    const feed = this.#drained && feeder.hasMore ? await feeder.next(now) : undefined
    flush()
    // Before it is asked: who says meanwhile that something is due is not overruled by what was not due yet.
    this.#drained = true
    const feeding = feed === undefined ? undefined : feeder.write(feed)
    // Over several connections the lease might come first.
    if (this.#shared) await Promise.allSettled([feeding])
    const [fed, lease] = await Promise.allSettled([feeding, this.#lease(room)])
    if (lease.status === 'rejected') throw lease.reason
    // Whatever became of the feed beside it: these are ours now.
    if (fed.status === 'rejected') throw fed.reason
    const { leased, nextDue } = lease.value
    if (leased.length >= room) this.#drained = false
    if (!this.#drained) return
    if (feeder.hasMore) this.#again = true
    else if (feeder.hasReplays) {
      await feeder.replay(now)
      this.#drained = false
      this.#again = true
    }
    if (nextDue !== null) this.#turnAt(nextDue)
  }

  /** Leases and starts as many; others hear where there is more, and it waits where something is held back. */
  async #lease(room: number): Promise<LeaseAnswer> {
    const { store, clock, leases } = this.#parts
    const since = leases.moment()
    const now = clock.now()
    const answer = await store.lease(this.number, room, now, this.#rate.leased)
    const { leased, nextDue, limitedUntil } = answer
    if (leased.length > 0) await this.#start(leased, since)
    if (leased.length >= room) {
      if (this.spec.rate === null) store.tellDue(this.number)
    } else if (nextDue !== null && nextDue <= now) {
      // It is not the end of what is due: nothing is fed yet.
      this.#drained = false
      this.#heldUntil = limitedUntil ?? now + heldBackMs
      this.#turnAt(this.#heldUntil)
    }
    return answer
  }

  /** Other nodes may have room where this one has none: they lease what it feeds, a page at a time. */
  async #feedAhead(now: number): Promise<void> {
    const { store } = this.#parts
    if (!this.#shared || !this.#feeder.hasMore || this.#breaker.state.state !== 'closed') return
    if (now < this.#aheadAt) return this.#turnAt(this.#aheadAt)
    this.#aheadAt = now + aheadEveryMs
    this.#turnAt(this.#aheadAt)
    const { nextDue } = await store.lease(this.number, 0, now)
    if (nextDue !== null && nextDue <= now) return
    const feed = await this.#feeder.next(now)
    if (feed === undefined) return
    await this.#feeder.write(feed)
    if (feed.matches.length > 0) store.tellDue(this.number)
  }

  async #start(leased: readonly Leased[], since: Moment): Promise<void> {
    const { store } = this.#parts
    const items = leased.map(each => this.#hand.take(each, since))
    let events: Map<number, StoredEvent>
    try {
      const found = await store.events([...new Set(leased.map(({ sequence }) => sequence))])
      events = new Map(found.map(event => [event.sequence, event]))
    } catch (error) {
      for (const item of items) if (!item.begun) this.#hand.giveBack(item, 'its event could not be read')
      throw error
    }
    const gone: number[] = []
    const mayBegin = await this.#breaker.mayBegin(leased.length)
    for (const item of items) {
      const event = events.get(item.held.leased.sequence)
      if (item.begun) continue
      if (event === undefined) {
        gone.push(item.held.leased.sequence)
        this.#hand.forget(item)
        this.#again = true
      } else if (this.#stopped || this.#paused || !mayBegin) this.#hand.giveBack(item, 'it was not begun')
      else {
        item.event = event
        this.#gate.add(() => this.#begin(item))
      }
    }
    // Retention took them at this moment: between the feed and the lease, or with their deliveries.
    if (gone.length > 0) await store.expire(gone, this.#parts.clock.now())
  }

  async #begin(item: InHand): Promise<void> {
    if (item.begun) return
    const { clock, watcher, store, traced } = this.#parts
    const mayBegin = () => this.#hand.mayBegin(item) && this.#rate.isInTime(item.askedAt)
    if (!mayBegin()) {
      if (!this.#rate.isInTime(item.askedAt)) this.#rate.wasLate()
      this.#hand.giveBack(item, tooLate)
      return this.due()
    }
    item.begun = true
    const startedAt = clock.now()
    const started = performance.now()
    const { spec, destination } = this
    const parts = { store, traced, spec, destination, signal: this.#ending.signal }
    const outcome = await makeAttempt(parts, item.held.leased, item.event!, startedAt, mayBegin)
    const elapsedMs = Math.round(performance.now() - started)
    watcher.attempted(spec.name, outcome, elapsedMs)
    this.#settle(item, outcome, startedAt, elapsedMs)
    // Whoever waited behind it in its lane may go now.
    if (spec.order === 'subject') this.#drained = false
    this.#schedule()
  }

  #settle(item: InHand, outcome: Outcome, startedAt: number, elapsedMs: number): void {
    const { clock, chance, watcher } = this.#parts
    const { leased } = item.held
    const event = item.event!
    const now = clock.now()
    const next = afterAttempt(this.spec, leased.spent, outcome, now, () => fraction(chance))
    this.#hand.end(item, { outcome, next, startedAt, elapsedMs }, () => {
      if (next.state === 'dead') watcher.died(this.spec.name, event, leased.attempt, outcome)
    })
    const told = (state: BreakerState) => watcher.breakerChanged(this.spec.name, state, event, outcome)
    if (next.state === 'succeeded') this.#breaker.succeeded(told)
    else if (outcome.result !== 'released' && this.#breaker.failed(now, told)) {
      this.#giveBackUnbegun('its destination keeps failing')
    }
    if (next.state === 'retrying' || next.state === 'pending') this.#turnAt(next.due)
    if (outcome.result === 'gone' && !this.#paused) {
      this.#setPaused(true)
      void this.#keepPause()
      watcher.gone(this.spec.name, event, outcome)
    }
  }

  #written(): void {
    if (!this.#shared) return
    // Before it was written whoever waited behind it could not be leased.
    if (this.spec.order === 'subject') this.due()
    if (this.#stopped) this.#parts.store.tellDue(this.number)
  }

  #giveBackUnbegun(reason: string): void {
    this.#gate.clear()
    for (const item of this.#hand.unbegun) this.#hand.giveBack(item, reason)
  }

  /** Another node opened or closed it, or a person wants it tried. */
  #breakerAdopted(): void {
    if (this.#breaker.state.state !== 'closed') this.#giveBackUnbegun('its destination keeps failing')
    this.due()
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
