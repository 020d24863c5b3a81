// Reading a SQLite inbox to move what it holds elsewhere: records as they were handed over, the oldest first, in pages
// that fit into memory. Ids and contents come from the tables, since what they were derived from is not kept.
import { type Kysely, sql } from 'kysely'
import { Entries } from '../entries.ts'
import { type EventRecord, refKeys } from '../record.ts'
import type { Arrival, KeptRequest, QuarantineEntry, Rejection } from '../store.ts'
import type { Tables } from '../tables.ts'

export interface PageLimit {
  rows: number
  /** Of bodies and data, though always one row. */
  bytes: number
}

/** A page ends where `next` begins; null at the end of what there is. */
export interface RecordPage<Item> {
  items: Item[]
  next: number | null
}

export interface StoredArrival extends Arrival {
  events: (EventRecord & { id: Buffer })[]
  /** The place of each event. */
  sequences: number[]
}

/** Another content under an event's key. */
export interface StoredConflict {
  number: number
  event: Buffer
  /** 8 bytes. */
  content: Buffer
  request: KeptRequest
}

export type Numbered<Entry> = { number: number; entry: Entry; request: KeptRequest }

export class SpooledRecords {
  readonly #db: Kysely<Tables>
  readonly #entries: Entries

  constructor(db: Kysely<Tables>) {
    this.#db = db
    this.#entries = new Entries(db)
  }

  /** Requests with their events, whose sequence is above `after`; `next` is what to give as `after`. */
  async arrivals(after: number, limit: PageLimit): Promise<RecordPage<StoredArrival>> {
    let { rows: count } = limit
    for (;;) {
      const rows = await this.#places(after, count)
      const whole = rows.length < count ? rows : withoutLast(rows)
      // One request with more events than that.
      if (whole.length === 0 && rows.length > 0) {
        count *= 4
        continue
      }
      const groups = fitting(whole, limit.bytes)
      const last = groups.at(-1)?.sequences.at(-1)
      const isAll = rows.length < count && last === rows.at(-1)?.sequence
      return { items: await this.#read(groups), next: isAll || last === undefined ? null : last }
    }
  }

  /** The conflicts with these events, without more bodies than a page holds; the rest is asked for again. */
  async conflicts(events: readonly Buffer[], limit: PageLimit): Promise<StoredConflict[]> {
    if (events.length === 0) return []
    const sizes = await this.#db
      .selectFrom('conflicts')
      .select(['number', bytesOf('body').as('bytes')])
      .where('event', 'in', events)
      .orderBy('number')
      .limit(limit.rows)
      .execute()
    const numbers = prefix(sizes, limit.bytes).map(({ number }) => number)
    if (numbers.length === 0) return []
    const rows = await this.#db
      .selectFrom('conflicts')
      .selectAll()
      .where('number', 'in', numbers)
      .orderBy('number')
      .execute()
    return rows.map(row => ({
      number: row.number,
      event: row.event,
      content: row.content,
      request: this.#entries.keptRequest(row),
    }))
  }

  async quarantine(after: number, limit: PageLimit): Promise<RecordPage<Numbered<QuarantineEntry>>> {
    const { numbers, next } = await this.#numbers('quarantine', after, limit)
    if (numbers.length === 0) return { items: [], next }
    const rows = await this.#db
      .selectFrom('quarantine')
      .selectAll()
      .where('number', 'in', numbers)
      .orderBy('number')
      .execute()
    const items = rows.map(row => {
      const { number, id, source, reason } = row
      return { number, entry: { id, source, reason }, request: this.#entries.keptRequest(row) }
    })
    return { items, next }
  }

  async rejections(after: number, limit: PageLimit): Promise<RecordPage<Numbered<Rejection>>> {
    const { numbers, next } = await this.#numbers('rejections', after, limit)
    if (numbers.length === 0) return { items: [], next }
    const rows = await this.#db
      .selectFrom('rejections')
      .selectAll()
      .where('number', 'in', numbers)
      .orderBy('number')
      .execute()
    const items = rows.map(row => {
      const { number, id, source, status, reason, truncated, sealed } = row
      const entry = { id, source, status, reason, truncated: truncated === 1, sealed }
      return { number, entry, request: this.#entries.keptRequest(row) }
    })
    return { items, next }
  }

  #places(after: number, count: number): Promise<Place[]> {
    return this.#db
      .selectFrom('events')
      .leftJoin('requests', join => join.on('requests.sequence', '=', ownerOf))
      .select(['events.sequence', ownerOf.as('owner'), bytesOf('body').as('body'), bytesOf('data').as('data')])
      .where('events.sequence', '>', after)
      .orderBy('events.sequence')
      .limit(count)
      .execute()
  }

  async #read(groups: readonly Group[]): Promise<StoredArrival[]> {
    if (groups.length === 0) return []
    const [low, high] = [groups[0]!.sequences[0]!, groups.at(-1)!.sequences.at(-1)!]
    const rows = await this.#db
      .selectFrom('events')
      .innerJoin('kinds', 'kinds.id', 'events.kind')
      .innerJoin('identities', 'identities.id', 'events.id')
      .select(['events.sequence', 'events.id', 'source', 'vendor', 'type', 'vendortype', 'environment', 'namespace'])
      .select(['received', 'subject', 'vendorid', 'vendortime', 'time', 'soft', 'data', 'traceparent', 'content'])
      .where('events.sequence', '>=', low)
      .where('events.sequence', '<=', high)
      .execute()
    const bySequence = new Map(rows.map(row => [row.sequence, row]))
    const owners = groups.map(({ owner }) => owner)
    const requests = await this.#db.selectFrom('requests').selectAll().where('sequence', 'in', owners).execute()
    const byOwner = new Map(requests.map(row => [row.sequence, row]))
    return groups.flatMap(({ owner, sequences }) => {
      const found = sequences.flatMap(sequence => bySequence.get(sequence) ?? [])
      const request = byOwner.get(owner)
      // Gone since the page was looked for.
      if (found.length === 0 || request === undefined) return []
      const events = found.map(({ sequence: _, ...row }) => {
        const { refs = {} } = JSON.parse(row.data) as { refs?: Record<string, string> }
        return { identity: '', ...row, refs: refKeys(refs, row.subject) }
      })
      const { received } = found[0]!
      return {
        events,
        sequences: found.map(({ sequence }) => sequence),
        request: this.#entries.keptRequest({ ...request, received }),
      }
    })
  }

  async #numbers(table: 'quarantine' | 'rejections', after: number, limit: PageLimit) {
    const rows = await this.#db
      .selectFrom(table)
      .select(['number', bytesOf('body').as('bytes')])
      .where('number', '>', after)
      .orderBy('number')
      .limit(limit.rows)
      .execute()
    const numbers = prefix(rows, limit.bytes).map(({ number }) => number)
    const isAll = rows.length < limit.rows && numbers.length === rows.length
    return { numbers, next: isAll ? null : numbers.at(-1)! }
  }
}

interface Place {
  sequence: number
  owner: number
  body: number | null
  data: number | null
}

interface Group {
  owner: number
  sequences: number[]
}

/** The sequence that an event's request is kept under. */
const ownerOf = sql<number>`coalesce(events.request, events.sequence)`

function bytesOf(column: 'body' | 'data') {
  return sql<number>`length(${sql.ref(column)})`
}

/** Without those of the last request, of which there may be more. */
function withoutLast(rows: readonly Place[]): Place[] {
  const last = rows.at(-1)?.owner
  return rows.filter(({ owner }) => owner !== last)
}

/** By request, as many as fit: one at least. */
function fitting(rows: readonly Place[], bytesMax: number): Group[] {
  const groups: Group[] = []
  let bytes = 0
  for (const { owner, sequence, body, data } of rows) {
    const last = groups.at(-1)
    bytes += data ?? 0
    if (last?.owner === owner) {
      last.sequences.push(sequence)
      continue
    }
    bytes += body ?? 0
    if (last !== undefined && bytes > bytesMax) break
    groups.push({ owner, sequences: [sequence] })
  }
  return groups
}

function prefix<Row extends { bytes: number }>(rows: readonly Row[], bytesMax: number): Row[] {
  let bytes = 0
  return rows.filter(({ bytes: own }, index) => {
    bytes += own
    return index === 0 || bytes <= bytesMax
  })
}
