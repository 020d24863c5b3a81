// Reading the inbox. Each query, and the index that it goes by:
//   one event                      identities (id), events (sequence)
//   by subject or refs             the engine's index of refs; what it finds is compared with the event's own
//   by source, vendor, types       events_by_kind (kind, sequence), one walk a kind, merged
//   by time, or nothing            events (sequence) within the bounds that `minutes` gives
//   by words                       the engine's search index, asked for the kinds and the refs as well
// A filter that no index carries is answered by walking the log in windows, each one short read transaction.
// One set of queries for both engines: what each does in its own way is its EngineParts.
import { CompiledQuery, type Expression, type Kysely, type SqlBool, sql } from 'kysely'
import { matchesGlob, matchesType } from '../globs.ts'
import type { Scanned } from './deliveries.ts'
import { Entries } from './entries.ts'
import { dataBytesMax, eventRows, narrowed, type Row, type Rows, readRows } from './event-rows.ts'
import { hasRefs, isOpen, refsOf } from './filters.ts'
import type { StoredEvent } from './record.ts'
import type { SearchReads } from './search/reading.ts'
import { indexedOf, Search } from './search/search.ts'
import type { EventFilter, EventPage, EventQuery, KeptRequest, Store } from './store.ts'
import type { KindsTable, Tables } from './tables.ts'
import type { EachFound, EachWalk } from './timeline.ts'

/** Rows that one read transaction looks at, at the most. */
const windowSize = 5_000
/** Matching kinds up to here are walked by their index; past it most of the log matches anyway. */
const kindsWalkedMax = 32
/** Events with one ref that are looked at for the others, in one read transaction. */
const candidatesAtOnce = 2_000
/** Rows read at once where not all of them may be wanted. */
const rowsAtOnce = 100
/** How long a list may look for matches before it answers with what it has and where to go on. */
const budgetMs = 2_000
/** The same for a search, whose steps are short. */
const searchBudgetMs = 100

type Kind = Omit<KindsTable, 'id'> & { id: number }

/** Where a list may look: sequences from `low` to `high`, both included. */
interface Bounds {
  low: number
  high: number
}

/** `isCut`: there are more in it, and they are too large to be read with these. */
type Walk = (at: number, bounds: Bounds, wanted: number) => Promise<{ rows: Row[]; next: number; isCut?: boolean }>

/**
 * Sequences of events that may have all the refs, in order, and the last one looked at, null where there are no more.
 * `limit` is how many that have the first ref are looked at.
 */
type FindRefs = (
  db: Kysely<Tables>,
  walk: { refs: readonly string[]; newest: boolean; low: number; high: number; limit: number },
) => Promise<{ found: number[]; last: number | null }>

/** What each engine does in its own way: sqlite/reading.ts and postgres/reading.ts. */
export interface EngineParts {
  findRefs: FindRefs
  findEach(db: Kysely<Tables>, walk: EachWalk): Promise<EachFound>
  /** Whether the column's value is one of a list that is one parameter, however long it is. */
  isListed(column: 'events.sequence' | 'requests.sequence', sequences: readonly number[]): Expression<SqlBool>
  /** That parameter. */
  list(sequences: readonly number[]): unknown
  /** Between which sequences lies what was received in these minutes, both included; null where that is nothing. */
  findMinutes(db: Kysely<Tables>, from: number | undefined, to: number | undefined): Promise<MinutesFound>
}

interface MinutesFound {
  first: number | null
  last: number | null
}

export class Queries extends Entries {
  readonly #db: Kysely<Tables>
  readonly #first: Kysely<Tables>
  readonly #parts: EngineParts
  readonly search: Search
  #kinds = new Map<number, Kind>()
  readonly #texts = new Map<string, string>()
  /** As it was last seen: nothing is ever added before the oldest, so that nobody need look there again. */
  #seen = { epoch: '', head: 0, oldest: 0 }

  /** Without `search` it is not asked by words. What is one short look-up is read by `first`. */
  constructor(db: Kysely<Tables>, parts: EngineParts, search?: SearchReads, first = db) {
    super(db)
    this.#db = db
    this.#first = first
    this.#parts = parts
    this.search = new Search(search)
  }

  async list({ filter, order, from, limit }: EventQuery): Promise<EventPage> {
    const state = filter.q === undefined ? undefined : await this.search.state()
    const extent = await this.extent()
    const search = state === undefined ? undefined : indexedOf(state, extent)
    // A search knows of nothing beyond its index.
    const { head, oldest } = { ...extent, ...(search && { head: search.indexedThrough }) }
    const bounds = await this.#bounds(filter, { low: oldest === 0 ? head + 1 : oldest, high: head })
    const newest = order === 'newest'
    if (from !== undefined) {
      if (newest) bounds.high = Math.min(bounds.high, from - 1)
      else bounds.low = Math.max(bounds.low, from + 1)
    }
    const looked = Math.max(head, from ?? 0)
    const kinds = await this.#matchingKinds(filter)

    const events: StoredEvent[] = []
    let length = 0
    const deadline = performance.now() + (search === undefined ? budgetMs : searchBudgetMs)
    let at = newest ? bounds.high : bounds.low
    const walk = this.#walk(filter, kinds, newest)
    if (kinds?.length === 0) return { events: [], next: null, position: looked, ...(search && { search }) }
    while (newest ? at >= bounds.low : at <= bounds.high) {
      const window = await walk(at, bounds, limit - events.length)
      for (const row of window.rows) events.push(await this.#stored(row))
      at = window.next
      length += window.rows.reduce((sum, { data }) => sum + data.length, 0)
      if (window.isCut === true && events.length > 0) break
      if (events.length >= limit || length >= dataBytesMax || performance.now() > deadline) break
    }
    const more = newest ? at >= bounds.low : at <= bounds.high
    const last = newest ? at + 1 : at - 1
    return { events, next: more ? last : null, position: more && !newest ? last : looked, ...(search && { search }) }
  }

  async event(id: Buffer): Promise<StoredEvent | undefined> {
    const row = await eventRows(this.#first)
      .innerJoin('identities', 'identities.sequence', 'events.sequence')
      .where('identities.id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : this.#stored(row)
  }

  async requestOf(event: StoredEvent): Promise<KeptRequest | undefined> {
    const row = await this.#first
      .selectFrom('events')
      .innerJoin('requests', join =>
        join.on('requests.sequence', '=', sql<number>`coalesce(events.request, events.sequence)`),
      )
      .where('events.sequence', '=', event.sequence)
      .selectAll('requests')
      .select('events.received')
      .executeTakeFirst()
    return row === undefined ? undefined : this.keptRequest(row)
  }

  async extent(): Promise<{ head: number; oldest: number; epoch: string }> {
    const seen = this.#seen
    let extent = await this.#extentFrom(seen.oldest)
    // Another log than before, or an earlier state of it.
    const isOther = extent.epoch !== seen.epoch || extent.head < seen.head
    if (isOther && seen.oldest > 0) extent = await this.#extentFrom(0)
    const known = isOther ? 0 : seen.oldest
    if (isOther || extent.head >= this.#seen.head) this.#seen = { ...extent, oldest: extent.oldest || known }
    return extent
  }

  /** What the feed matches by, of the events behind `after`. */
  async scan(after: number, limit: number): Promise<{ events: Scanned[]; head: number; oldest: number }> {
    const { head, oldest } = await this.extent()
    const { rows } = await this.#again('scan', [after, head, limit], () =>
      this.#db
        .selectFrom('events')
        .select(['sequence', 'kind', 'subject', sql<number>`case when sameas is null then 0 else 1 end`.as('same')])
        .where('sequence', '>', after)
        .where('sequence', '<=', head)
        .orderBy('sequence')
        .limit(limit),
    )
    const events: Scanned[] = []
    for (const { sequence, kind, subject, same } of rows) {
      const { source, vendor, type, vendortype, namespace } = this.#kinds.get(kind) ?? (await this.#readKind(kind))
      events.push({ sequence, kind, subject, source, vendor, type, vendortype, namespace, hasSame: same === 1 })
    }
    return { events, head, oldest }
  }

  async bySequence(sequences: readonly number[]): Promise<StoredEvent[]> {
    const { rows } = await this.#again('bySequence', [this.#parts.list(sequences)], () =>
      eventRows(this.#db).where(this.#parts.isListed('events.sequence', sequences)),
    )
    return Promise.all(rows.map(row => this.#stored(row)))
  }

  /** The sequence below which nothing was received at or after `time` (milliseconds since the epoch). */
  async firstSince(time: number): Promise<number> {
    return (await this.#bounds({ receivedAfter: time }, { low: 1, high: Number.MAX_SAFE_INTEGER })).low
  }

  /** Rows of one window from `at`, and where the next one begins. */
  #walk(filter: EventFilter, kinds: readonly number[] | undefined, newest: boolean): Walk {
    const refs = refsOf(filter)
    const residual = (query: Rows) => narrowed(query, filter)
    const direction = newest ? 'desc' : 'asc'
    const step = newest ? -1 : 1
    const ended = (bounds: Bounds) => (newest ? bounds.low - 1 : bounds.high + 1)
    const listed = (sequences: readonly number[]) => {
      const query = residual(eventRows(this.#db)).where(this.#parts.isListed('events.sequence', sequences))
      return kinds === undefined ? query : query.where('events.kind', 'in', kinds)
    }
    const read = (query: Rows) => readRows(this.#db, this.#parts.isListed, query, direction)

    if (filter.q !== undefined) {
      return this.search.walk({ filter: { ...filter, q: filter.q }, kinds, newest, read: found => read(listed(found)) })
    }
    if (refs.length > 0) {
      let widening = 1
      return async (at: number, bounds: Bounds, wanted: number) => {
        const range = newest ? { low: bounds.low, high: at } : { low: at, high: bounds.high }
        const most = Math.max(rowsAtOnce, wanted)
        // Of a single ref every candidate is a hit, but for collisions: no more are wanted than rows. Of rare kinds few
        // are: from step to step more are looked at.
        const limit = refs.length > 1 ? candidatesAtOnce : Math.min(most * widening, candidatesAtOnce)
        if (kinds !== undefined) widening *= 4
        const { found, last } = await this.#parts.findRefs(this.#db, { refs, newest, ...range, limit })
        const beyond = last === null ? ended(bounds) : last + step
        const some = kinds === undefined ? found.slice(0, most) : found
        if (some.length === 0) return { rows: [], next: beyond }
        const all = await read(listed(some).limit(most))
        const rows = all.rows.filter(row => hasRefs(row, refs)).slice(0, wanted)
        if (rows.length === wanted) return { rows, next: rows.at(-1)!.sequence + step }
        if (all.cut !== undefined) return { rows, next: all.cut, isCut: true }
        if (all.found.length === most) return { rows, next: all.found.at(-1)! + step }
        return { rows, next: some.length < found.length ? some.at(-1)! + step : beyond }
      }
    }
    if (kinds !== undefined && kinds.length <= kindsWalkedMax && !isOpen(filter)) {
      return async (at: number, bounds: Bounds, wanted: number) => {
        const chosen = await this.#nextOfKinds(kinds, newest, at, newest ? bounds.low : bounds.high, wanted)
        if (chosen.length === 0) return { rows: [], next: ended(bounds) }
        const { rows, cut } = await read(listed(chosen))
        if (cut !== undefined) return { rows, next: cut, isCut: true }
        return { rows, next: chosen.length < wanted ? ended(bounds) : chosen.at(-1)! + step }
      }
    }
    return async (at: number, bounds: Bounds, wanted: number) => {
      const low = newest ? Math.max(bounds.low, at - windowSize + 1) : at
      const high = newest ? at : Math.min(bounds.high, at + windowSize - 1)
      let query = residual(eventRows(this.#db)).where('events.sequence', '>=', low)
      query = query.where('events.sequence', '<=', high)
      if (kinds !== undefined) query = query.where('events.kind', 'in', kinds)
      const { rows, found, cut } = await read(query.limit(wanted))
      if (cut !== undefined) return { rows, next: cut, isCut: true }
      const next = found.length === wanted ? found.at(-1)! + step : newest ? low - 1 : high + 1
      return { rows, next }
    }
  }

  /** Each kind's next ones by its own index; what is furthest along of all of them, from `at` to `end`. */
  async #nextOfKinds(
    kinds: readonly number[],
    newest: boolean,
    at: number,
    end: number,
    limit: number,
  ): Promise<number[]> {
    const direction = newest ? 'desc' : 'asc'
    const [first, ...others] = kinds.map(kind => {
      const own = this.#db
        .selectFrom('events')
        .select('sequence')
        .where('kind', '=', kind)
        .where('sequence', newest ? '<=' : '>=', at)
        .where('sequence', newest ? '>=' : '<=', end)
        .orderBy('sequence', direction)
        .limit(limit)
      return this.#db.selectFrom(own.as('own')).select('own.sequence')
    })
    const all = others.reduce((query, other) => query.unionAll(other), first!)
    const rows = await this.#db
      .selectFrom(all.as('found'))
      .select('found.sequence')
      .orderBy('found.sequence', direction)
      .limit(limit)
      .execute()
    return rows.map(({ sequence }) => sequence)
  }

  async #extentFrom(known: number): Promise<{ head: number; oldest: number; epoch: string }> {
    const build = () =>
      this.#first
        .selectFrom('log')
        .select([
          'head',
          'epoch',
          ({ selectFrom }) =>
            selectFrom('events')
              .select('sequence')
              .where('sequence', '>=', known)
              .orderBy('sequence')
              .limit(1)
              .as('oldest'),
        ])
    const { rows } = await this.#again('extent', [known, 1], build, this.#first)
    const row = rows[0]!
    return { head: row.head, epoch: row.epoch, oldest: row.oldest ?? 0 }
  }

  /**
   * Runs what is asked for again and again as the text that it was built into at first: building takes several times
   * longer than running. `parameters` are those that it has, in their order.
   */
  async #again<Row>(
    name: string,
    parameters: readonly unknown[],
    build: () => { compile(): CompiledQuery<Row> },
    db = this.#db,
  ): Promise<{ rows: Row[] }> {
    let text = this.#texts.get(name)
    if (text === undefined) {
      text = build().compile().sql
      this.#texts.set(name, text)
    }
    return db.executeQuery<Row>(CompiledQuery.raw(text, [...parameters]) as CompiledQuery<Row>)
  }

  /** Of the sequences that exist, those that may have been received in the filter's time. */
  async #bounds({ receivedAfter, receivedBefore }: EventFilter, { low, high }: Bounds): Promise<Bounds> {
    if (receivedAfter === undefined && receivedBefore === undefined) return { low, high }
    const minute = (time: number | undefined) => (time === undefined ? undefined : Math.floor(time / 60_000))
    const row = await this.#parts.findMinutes(this.#db, minute(receivedAfter), minute(receivedBefore))
    if (row?.first == null) return { low: high + 1, high }
    // What came after the head was looked up is left for the next reader: the position would not tell that it was read.
    return { low: Math.max(low, row.first), high: Math.min(high, row.last ?? high) }
  }

  /** The ids of the kinds that the filter's globs take; undefined where they take every one. */
  async #matchingKinds({ source, vendor, type, vendorType }: EventFilter): Promise<number[] | undefined> {
    if (source === undefined && vendor === undefined && type === undefined && vendorType === undefined) return undefined
    await this.#readKinds()
    const any = (globs: readonly string[] | undefined, text: string) =>
      globs === undefined || globs.some(glob => matchesGlob(glob, text))
    const matching = [...this.#kinds.values()].filter(
      kind =>
        any(source, kind.source) &&
        any(vendor, kind.vendor) &&
        (type === undefined || matchesType(type, kind.type)) &&
        any(vendorType, kind.vendortype),
    )
    return matching.length === this.#kinds.size && matching.length > 0 ? undefined : matching.map(kind => kind.id)
  }

  async #readKind(id: number): Promise<Kind> {
    await this.#readKinds()
    if (!this.#kinds.has(id)) {
      // One that is known was lost with its server, and had a higher number than what came after it.
      this.#kinds.clear()
      await this.#readKinds()
    }
    return this.#kinds.get(id)!
  }

  async #readKinds(): Promise<void> {
    const known = Math.max(0, ...this.#kinds.keys())
    for (const kind of await this.#first.selectFrom('kinds').selectAll().where('id', '>', known).execute()) {
      this.#kinds.set(kind.id, kind)
    }
  }

  async #stored({ kind, request: _, ...row }: Row): Promise<StoredEvent> {
    const { id: __, ...shared } = this.#kinds.get(kind) ?? (await this.#readKind(kind))
    return { ...row, ...shared }
  }
}

/** What a store answers by reading alone, on either engine. */
export function inboxReads(queries: Queries) {
  return {
    list: query => queries.list(query),
    event: id => queries.event(id),
    requestOf: event => queries.requestOf(event),
    listQuarantine: page => queries.listQuarantine(page),
    quarantined: id => queries.quarantined(id),
    listRejections: page => queries.listRejections(page),
    rejection: id => queries.rejection(id),
    listConflicts: page => queries.listConflicts(page),
    conflict: number => queries.conflict(number),
    extent: () => queries.extent(),
    search: { progress: () => queries.search.progress(() => queries.extent()) },
  } satisfies Partial<Store>
}
