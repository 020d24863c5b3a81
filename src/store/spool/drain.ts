// Moves what waits in the spool into the database, the oldest first. Repeating is harmless, since every record has its
// id: a page whose outcome is unknown is sent again. What the database refuses for what it holds is set aside and
// holds up nobody.
import type { Timers } from '../../clock.ts'
import { AppError } from '../../errors.ts'
import { encodeId } from '../../ids.ts'
import type { Log } from '../../observe/log.ts'
import { eventId } from '../record.ts'
import type { PageLimit, RecordPage, StoredArrival } from '../sqlite/spooled-records.ts'
import type { RejectionLimits, SpoolObserver, Store } from '../store.ts'
import type { Refused, Spool } from './spool.ts'
import { isAway, type Turnout, waitMs } from './turnout.ts'

/** One call of the database's; others append between two of them. */
const page: PageLimit = { rows: 256, bytes: 4 * 1024 * 1024 }
const entriesPage: PageLimit = { rows: 16, bytes: 4 * 1024 * 1024 }
/** Of what leaves the spool so much may come in: else senders who never pause would keep it full. */
const intake = { share: 0.5, least: 16 }
/** Between tries while the database is away; each try may itself take as long as an append. */
const [pauseFirstMs, pauseMaxMs] = [250, 5_000]
const complainEveryMs = 60_000

export interface DrainParts {
  /** Where it goes. */
  store: Pick<Store, 'ready' | 'health' | 'appendInOrder' | 'quarantine' | 'reject'>
  spool: Spool
  turnout: Turnout
  rejectionLimits: RejectionLimits
  observer: SpoolObserver
  log: Pick<Log, 'info' | 'warn' | 'error'>
  timers: Pick<Timers, 'after'>
  /** From 0 to 1. */
  random(): number
}

type Table = keyof Refused

export class Drain {
  readonly #parts: DrainParts
  /** Set aside until the next start, when another version may know better. */
  readonly #refused = { events: new Set<number>(), quarantine: new Set<number>(), rejections: new Set<number>() }
  readonly #after: Record<Table, number> = { events: 0, quarantine: 0, rejections: 0 }
  readonly #over = Promise.withResolvers<void>()
  #isOver = false
  #isHurried = false
  #wake: () => void = () => {}
  #running: Promise<void> | undefined
  readonly #told = new Set<'away' | 'failing'>()
  #drained = 0

  constructor(parts: DrainParts) {
    this.#parts = parts
  }

  get refused(): Refused {
    return this.#refused
  }

  /** Runs until the way is straight. */
  start(): void {
    if (!this.#isOver) this.#running ??= this.#run()
  }

  /** Goes on for so long at the most, with shorter pauses. */
  async close(withinMs: number): Promise<void> {
    this.#isHurried = true
    this.#wake()
    const cancel = this.#parts.timers.after(withinMs, () => this.#end())
    await Promise.race([this.#running, this.#over.promise])
    cancel()
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    this.#wake()
    this.#over.resolve()
  }

  async #run(): Promise<void> {
    const { store, turnout, log } = this.#parts
    await Promise.resolve()
    let failures = 0
    while (!turnout.straight && !this.#isOver) {
      try {
        await Promise.race([store.ready, this.#over.promise])
        await this.#empty()
        failures = 0
      } catch (error) {
        turnout.release()
        this.#complain(error)
        await this.#pause(failures++)
      }
    }
    if (turnout.straight) log.info({ drained: this.#drained }, 'the spool is empty: what comes in goes to the database')
    this.#drained = 0
    // In the same turn as the last look at the way: whoever turns it from now on starts another run.
    this.#running = undefined
  }

  /** Until the way is straight; throws where the database is away. */
  async #empty(): Promise<void> {
    const { store, turnout } = this.#parts
    let isThere = false
    while (!turnout.straight && !this.#isOver) {
      const { found, more } = await this.#pacing(() => this.#move())
      isThere ||= found
      if (more) continue
      if (!isThere && !(await store.health()).ok) throw new AppError('store_unreachable', 'the database is not well')
      isThere = true
      await this.#straighten()
    }
  }

  /** Nobody waits for a page that takes long. */
  async #pacing<Value>(move: () => Promise<Value>): Promise<Value> {
    const { turnout, timers } = this.#parts
    const before = this.#drained
    const cancel = timers.after(waitMs, () => turnout.release())
    try {
      const value = await move()
      const gone = this.#drained - before
      if (gone > 0) turnout.admit(Math.max(intake.least, Math.floor(gone * intake.share)))
      return value
    } finally {
      cancel()
    }
  }

  /** What comes meanwhile waits: under load the spool would else never be seen empty. */
  async #straighten(): Promise<void> {
    const { turnout, timers } = this.#parts
    let isLate = false
    turnout.hold()
    const cancel = timers.after(waitMs, () => {
      isLate = true
      turnout.release()
    })
    try {
      while (!isLate && !this.#isOver) {
        await turnout.calm()
        const { begun } = turnout
        const { found, more } = await this.#move()
        if (!found && !more && turnout.straighten(begun)) return
      }
    } finally {
      cancel()
      turnout.release()
    }
  }

  /** A page of each. `found`: whether there was anything; `more`: whether there is. */
  async #move(): Promise<{ found: boolean; more: boolean }> {
    const { records } = this.#parts.spool
    const arrivals = await records.arrivals(this.#after.events, page)
    const waiting = arrivals.items.filter(({ sequences }) => !this.#refused.events.has(sequences[0]!))
    this.#after.events = arrivals.items.at(-1)?.sequences.at(-1) ?? this.#after.events
    await this.#orBack('events', arrivals.items[0]?.sequences[0], () => this.#arrivals(waiting))

    const { store, rejectionLimits } = this.#parts
    const quarantine = await records.quarantine(this.#after.quarantine, entriesPage)
    const some = await this.#entries('quarantine', quarantine, ({ entry, request }) => store.quarantine(entry, request))
    const rejections = await records.rejections(this.#after.rejections, entriesPage)
    const others = await this.#entries('rejections', rejections, ({ entry, request }) =>
      store.reject(entry, request, rejectionLimits),
    )
    return {
      found: waiting.length > 0 || some || others,
      more: arrivals.next !== null || quarantine.next !== null || rejections.next !== null,
    }
  }

  /** Halves of what is refused, until it is known which of them it is. */
  async #arrivals(arrivals: readonly StoredArrival[]): Promise<void> {
    const { store, spool } = this.#parts
    if (arrivals.length === 0) return
    try {
      await store.appendInOrder(arrivals)
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (arrivals.length === 1) return this.#setAside('events', arrivals[0]!.sequences, namesOf(arrivals[0]!), error)
      const half = arrivals.length >> 1
      await this.#arrivals(arrivals.slice(0, half))
      return this.#arrivals(arrivals.slice(half))
    }
    const { conflicts, stuck } = await this.#conflicts(arrivals)
    const done = arrivals.filter(arrival => !stuck.has(arrival))
    const staying = await spool.remove({ sequences: done.map(({ sequences }) => sequences), conflicts })
    this.#count(done.reduce((sum, { sequences }) => sum + sequences.length, 0) - staying.length)
    if (staying.length > 0) this.#after.events = Math.min(this.#after.events, staying[0]! - 1)
  }

  /** Behind what they are in conflict with. Events with more of them than a page holds stay for the rest. */
  async #conflicts(arrivals: readonly StoredArrival[]): Promise<{ conflicts: number[]; stuck: Set<StoredArrival> }> {
    const { store, spool } = this.#parts
    const events = new Map(
      arrivals.flatMap(arrival => arrival.events.map(event => [event.id.toString('hex'), { event, arrival }])),
    )
    const found = await spool.records.conflicts(
      [...events.values()].map(({ event }) => event.id),
      page,
    )
    const conflicts: number[] = []
    const stuck = new Set<StoredArrival>()
    for (const { number, event: id, content, request } of found) {
      const { event, arrival } = events.get(id.toString('hex'))!
      try {
        const other = { ...event, content, received: request.received }
        await store.appendInOrder([{ events: [other], request }])
        conflicts.push(number)
      } catch (error) {
        if (!isRefusal(error)) throw error
        stuck.add(arrival)
        this.#setAside('events', arrival.sequences, namesOf(arrival), error)
      }
    }
    return { conflicts, stuck }
  }

  /** Whether there were any. */
  async #entries<Item extends { number: number; entry: { id: Buffer } }>(
    table: 'quarantine' | 'rejections',
    { items }: RecordPage<Item>,
    send: (item: Item) => Promise<unknown>,
  ): Promise<boolean> {
    const waiting = items.filter(({ number }) => !this.#refused[table].has(number))
    this.#after[table] = items.at(-1)?.number ?? this.#after[table]
    await this.#orBack(table, items[0]?.number, async () => {
      const settled = await Promise.allSettled(waiting.map(send))
      const done = waiting.filter((_, index) => settled[index]!.status === 'fulfilled').map(({ number }) => number)
      if (done.length > 0) await this.#parts.spool.remove({ [table]: done })
      this.#count(done.length)
      for (const [index, result] of settled.entries()) {
        if (result.status === 'fulfilled') continue
        if (!isRefusal(result.reason)) throw result.reason
        const { number, entry } = waiting[index]!
        this.#setAside(table, [number], [`req_${encodeId(entry.id)}`], result.reason)
      }
    })
    return waiting.length > 0
  }

  /** What was not moved is looked at again. */
  async #orBack(table: Table, first: number | undefined, move: () => Promise<void>): Promise<void> {
    try {
      await move()
    } catch (error) {
      if (first !== undefined) this.#after[table] = first - 1
      throw error
    }
  }

  #count(entries: number): void {
    this.#drained += entries
    if (entries > 0) this.#parts.observer.drained(entries)
  }

  #setAside(table: Table, places: readonly number[], names: readonly string[], error: unknown): void {
    const fresh = places.filter(place => !this.#refused[table].has(place))
    if (fresh.length === 0) return
    for (const place of fresh) this.#refused[table].add(place)
    // The database's words may quote what it refused.
    const code = error instanceof AppError ? error.code : 'internal'
    const sqlState = error instanceof AppError ? (error.cause as { code?: string } | undefined)?.code : undefined
    const fields = { refused: names, code, sqlState }
    const { log, observer } = this.#parts
    log.error(
      fields,
      'the database refuses what this holds: it stays in the spool and is tried again at the next start',
    )
    observer.refused(fresh.length)
  }

  /** Once a minute: the database may be away for hours. */
  #complain(error: unknown): void {
    const trouble = isAway(error) ? 'away' : 'failing'
    if (this.#told.has(trouble) || this.#isOver) return
    this.#told.add(trouble)
    const { log, timers } = this.#parts
    timers.after(complainEveryMs, () => this.#told.delete(trouble))
    if (isAway(error)) log.warn({ reason: error.message }, 'the spool waits for the database')
    else log.error({ err: error }, 'the spool cannot be moved into the database, and is tried again')
  }

  async #pause(failures: number): Promise<void> {
    if (this.#isOver) return
    const longest = this.#isHurried ? pauseFirstMs : Math.min(pauseMaxMs, pauseFirstMs * 2 ** failures)
    const { timers, random } = this.#parts
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = timers.after(longest * (0.5 + random() / 2), resolve)
    this.#wake = resolve
    await promise
    cancel()
  }
}

/** By the database, or by what is to hand it over: again it would be the same. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof AppError) || error.code === 'store_refused'
}

function namesOf({ events }: StoredArrival): string[] {
  return events.map(({ id }) => eventId(id))
}
