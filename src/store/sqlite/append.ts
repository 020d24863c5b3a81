// The append and what else changes the inbox, as the writer's thread does it, inside the batch's transaction.
// Statements are prepared once, as text: building one takes Kysely longer than SQLite needs to run it.
import { hash } from 'node:crypto'
import type { Database, Statement } from 'better-sqlite3'
import { idOfIdentity } from '../../ids.ts'
import { quickHash } from '../../quick-hash.ts'
import { type EventKind, eventId, kindKey } from '../record.ts'
import type { AppendStatus } from '../store.ts'
import type { EventFields, Outcome, QuarantineFields, RejectionFields, RequestFields } from './commands.ts'
import { bucketOf, firstWide, wideOf } from './ref-buckets.ts'
import { SoftKeys } from './soft-keys.ts'
import type { Work } from './work.ts'

const contentBytes = 8
/** Refs that one statement takes. */
const refsAtOnce = 4
const requestColumns = 'method, rest, query, headers, address, sha256, redacted, body'

/** What outlives a batch in memory; read again from the tables after a batch that failed. */
interface Memory {
  head: number
  kinds: Map<string, number>
}

export class Log {
  readonly #db: Database
  readonly #work: Pick<Work, 'expire'>
  readonly #statements
  readonly #softs: SoftKeys
  #memory: Memory
  #headBefore: number
  /** The minutes that this batch touched, written once at its end. */
  readonly #minutes = new Map<number, { first: number; last: number }>()

  constructor(db: Database, work: Pick<Work, 'expire'>) {
    this.#db = db
    this.#work = work
    this.#statements = prepare(db)
    this.#memory = this.#remember()
    this.#headBefore = this.#memory.head
    this.#softs = SoftKeys.of(db, this.#memory.head)
  }

  /** Before the batch's COMMIT. */
  finish(): void {
    for (const [minute, { first, last }] of this.#minutes) this.#statements.minute.run(minute, first, last)
    this.#minutes.clear()
    if (this.#memory.head !== this.#headBefore) this.#statements.head.run(this.#memory.head)
    this.#headBefore = this.#memory.head
  }

  /** After the batch's COMMIT. */
  committed(): void {
    this.#softs.keep()
  }

  /** The log's highest sequence. */
  get head(): number {
    return this.#memory.head
  }

  /** After a rollback: nothing that the batch did is there. */
  forget(): void {
    this.#minutes.clear()
    this.#softs.undo()
    this.#memory = this.#remember()
    this.#headBefore = this.#memory.head
  }

  append(events: readonly EventFields[], request: RequestFields, pieces: readonly Buffer[]): Outcome[] {
    const [body, sha256] = pieces as [Buffer, Buffer]
    let keptUnder: number | undefined
    let bodyHash: Buffer | undefined
    const contentOf = (own: Buffer) => {
      if (own.length > 0) return own
      bodyHash ??= (sha256.length > 0 ? sha256 : hash('sha256', body, 'buffer')).subarray(0, contentBytes)
      return bodyHash
    }
    return events.map((event, index) => {
      const [identity, kind, subject, vendorid, vendortime, time, received, soft, data, refs, traceparent] = event
      const id = identity.startsWith('[') ? idOfIdentity(identity) : Buffer.from(identity, 'hex')
      const content = contentOf(pieces[2 + index]!)
      const sequence = this.#memory.head + 1
      if (this.#statements.identity.run(id, sequence, content).changes === 0) {
        return this.#duplicate(id, content, kind, request, body, sha256)
      }
      this.#memory.head = sequence
      const shared = keptUnder ?? null
      this.#statements.event.run(
        sequence, id, this.#kind(kind), shared, received, subject, vendorid, vendortime, time,
        soft, this.#sameAs(soft, id), data, traceparent,
      ) // biome-ignore format: the columns in their order
      this.#index(refs, sequence)
      this.#touchMinute(Math.floor(received / 60_000), sequence)
      if (keptUnder === undefined) {
        keptUnder = sequence
        this.#keepRequest(sequence, request, body, sha256)
      }
      return { id: eventId(id), status: 'accepted', sequence, conflict: false }
    })
  }

  quarantine(entry: QuarantineFields, request: RequestFields, [body, sha256, id]: readonly Buffer[]): AppendStatus {
    const values = requestValues(request, body!, sha256!)
    const { changes } = this.#statements.quarantine.run(id, entry.source, request.received, entry.reason, ...values)
    return changes === 0 ? 'duplicate' : 'accepted'
  }

  /** Keeps a rejection, and of its source's the newest that fit the limits. */
  reject(rejection: RejectionFields, request: RequestFields, [body, sha256, id, sealed]: readonly Buffer[]): void {
    const { source, status, reason, truncated, countMax, bytesMax } = rejection
    const bytes = body!.length + request.headers.length + sealed!.length
    this.#statements.reject.run(
      id, source, request.received, status, reason, truncated ? 1 : 0, orNull(sealed!), bytes,
      ...requestValues(request, body!, sha256!),
    ) // biome-ignore format: the columns in their order
    this.#statements.trim.run({ source, countMax, bytesMax })
  }

  /** Removes an entry by its id; false where it is no longer there, and then nothing else may be done for it. */
  remove(from: 'quarantine' | 'rejections', id: Buffer): boolean {
    return this.#statements[from === 'quarantine' ? 'unquarantine' : 'unreject'].run(id).changes > 0
  }

  /**
   * Deletes the events of `[from, upTo]` that are older than their source's cut-off, with what was kept of them but
   * for their identities; returns how many.
   */
  expire(from: number, upTo: number, cutoffs: readonly [string, number][], fallback: number, now: number): number {
    const bySource = new Map(cutoffs)
    let deleted = 0
    for (const row of this.#statements.aged.all(from, upTo) as AgedRow[]) {
      if (row.received >= (bySource.get(row.source) ?? fallback)) continue
      this.#statements.unevent.run(row.sequence)
      this.#work.expire(row.sequence, now)
      this.#statements.unrequest.run({ sequence: row.request ?? row.sequence })
      deleted++
    }
    // Refs to events that are gone find nothing; a bucket goes when the log has moved past it, a wide one step by step.
    const oldest = (this.#statements.oldest.get() as { sequence: number } | undefined)?.sequence ?? this.#memory.head
    this.#statements.unref.run(bucketOf(oldest))
    this.#statements.unrefWide.run(wideOf(bucketOf(oldest)))
    this.#statements.unconflict.run(Math.min(fallback, ...bySource.values()))
    return deleted
  }

  /**
   * Deletes up to 1,000 identities behind `after` whose event was below `below`; returns the last one looked at. After
   * the last of all the minutes go too: until then they tell how old an identity is.
   */
  forgetIdentities(after: Buffer, below: number): string | null {
    const rows = this.#statements.identities.all(after) as { id: Buffer; sequence: number }[]
    for (const { id, sequence } of rows) if (sequence < below) this.#statements.unidentity.run(id)
    if (rows.length === 1000) return rows.at(-1)!.id.toString('hex')
    this.#statements.unminute.run(below)
    return null
  }

  /** Most requests are plain posts: four values instead of nine, since handing one over costs as much as storing it. */
  #keepRequest(sequence: number, request: RequestFields, body: Buffer, sha256: Buffer): void {
    const { method, rest, query, headers, address, redacted } = request
    const plain = method === null && rest === null && query === null && redacted === null && sha256.length === 0
    if (plain) this.#statements.plainRequest.run(sequence, headers, address, body)
    else this.#statements.request.run(sequence, ...requestValues(request, body, sha256))
  }

  /** One statement for up to four refs, for the same reason. */
  #index(refs: readonly string[], sequence: number): void {
    const bucket = bucketOf(sequence)
    for (let at = 0; at < refs.length; at += refsAtOnce) {
      const some = refs.slice(at, at + refsAtOnce)
      this.#statements.refs[some.length - 1]!.run(...some.flatMap(ref => [bucket, quickHash(ref), sequence]))
    }
  }

  #duplicate(id: Buffer, content: Buffer, kind: string, request: RequestFields, body: Buffer, sha256: Buffer): Outcome {
    const first = this.#statements.identityOf.get(id) as { sequence: number; content: Buffer }
    const conflict = !first.content.equals(content)
    if (conflict) {
      const values = requestValues(request, body, sha256)
      this.#statements.conflict.run(id, content, kind.split('\n', 1)[0], request.received, ...values)
    }
    return { id: eventId(id), status: 'duplicate', sequence: first.sequence, conflict }
  }

  #sameAs(soft: number | null, id: Buffer): Buffer | null {
    if (soft === null) return null
    const earlier = this.#softs.get(soft)
    if (earlier !== undefined) return earlier
    this.#softs.set(soft, id)
    return null
  }

  #kind(key: string): number {
    let kind = this.#memory.kinds.get(key)
    if (kind === undefined) {
      const [source, vendor, type, vendortype, environment, namespace] = key.split('\n')
      const { lastInsertRowid } = this.#statements.kind.run(
        source, vendor, type, vendortype, environment === '' ? null : environment, namespace,
      ) // biome-ignore format: the columns in their order
      kind = Number(lastInsertRowid)
      this.#memory.kinds.set(key, kind)
    }
    return kind
  }

  #touchMinute(minute: number, sequence: number): void {
    const touched = this.#minutes.get(minute)
    if (touched === undefined) this.#minutes.set(minute, { first: sequence, last: sequence })
    else touched.last = sequence
  }

  #remember(): Memory {
    const { head } = this.#db.prepare('select head from log').get() as { head: number }
    const rows = this.#db
      .prepare('select source, vendor, type, vendortype, environment, namespace, id from kinds')
      .all() as (EventKind & { id: number })[]
    return { head, kinds: new Map(rows.map(row => [kindKey(row), row.id])) }
  }
}

interface AgedRow {
  sequence: number
  request: number | null
  received: number
  source: string
}

function requestValues(request: RequestFields, body: Buffer, sha256: Buffer): unknown[] {
  const { method, rest, query, headers, address, redacted } = request
  return [method, rest, query, headers, address, orNull(sha256), redacted, body]
}

function orNull(bytes: Buffer): Buffer | null {
  return bytes.length === 0 ? null : bytes
}

function prepare(db: Database) {
  const statement = (sql: string): Statement => db.prepare(sql)
  return {
    identity: statement('insert into identities (id, sequence, content) values (?, ?, ?) on conflict do nothing'),
    identityOf: statement('select sequence, content from identities where id = ?'),
    event: statement(
      `insert into events
         (sequence, id, kind, request, received, subject, vendorid, vendortime, time, soft, sameas, data, traceparent)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    request: statement(`insert into requests (sequence, ${requestColumns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    plainRequest: statement('insert into requests (sequence, headers, address, body) values (?, ?, ?, ?)'),
    refs: Array.from({ length: refsAtOnce }, (_, count) => {
      const rows = Array.from({ length: count + 1 }, () => '(?, ?, ?)')
      return statement(`insert into refs (bucket, key, sequence) values ${rows} on conflict do nothing`)
    }),
    kind: statement(
      'insert into kinds (source, vendor, type, vendortype, environment, namespace) values (?, ?, ?, ?, ?, ?)',
    ),
    minute: statement(
      `insert into minutes (minute, first, last) values (?, ?, ?)
       on conflict (minute) do update set first = min(first, excluded.first), last = max(last, excluded.last)`,
    ),
    head: statement('update log set head = ?'),
    conflict: statement(
      `insert into conflicts (event, content, source, received, ${requestColumns})
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    quarantine: statement(
      `insert into quarantine (id, source, received, reason, ${requestColumns})
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    unquarantine: statement('delete from quarantine where id = ?'),
    reject: statement(
      `insert into rejections (id, source, received, status, reason, truncated, sealed, bytes, ${requestColumns})
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    // What is larger than all that may be kept goes itself, and pushes nobody out.
    trim: statement(
      `delete from rejections where number in (
         select number from (
           select number, bytes, row_number() over newest as place,
             sum(bytes) filter (where bytes <= @bytesMax) over newest as total
           from rejections where source = @source window newest as (order by number desc)
         ) where place > @countMax or total > @bytesMax or bytes > @bytesMax)`,
    ),
    unreject: statement('delete from rejections where id = ?'),
    aged: statement(
      `select sequence, request, received, kinds.source from events join kinds on kinds.id = events.kind
       where sequence between ? and ?`,
    ),
    unminute: statement('delete from minutes where last < ?'),
    // By the longest retention of any source: conflicts are few, and for people.
    unconflict: statement(
      'delete from conflicts where number in (select number from conflicts where received < ? order by number limit 20)',
    ),
    unref: statement('delete from refs where bucket < ?'),
    unrefWide: statement(
      `delete from refs where (bucket, key, sequence) in (
         select bucket, key, sequence from refs where bucket >= ${firstWide} and bucket < ? limit 2000)`,
    ),
    oldest: statement('select sequence from events order by sequence limit 1'),
    unevent: statement('delete from events where sequence = ?'),
    unrequest: statement(
      `delete from requests where sequence = @sequence
       and not exists (select 1 from events where events.sequence between @sequence and @sequence + 1000
                       and coalesce(events.request, events.sequence) = @sequence)`,
    ),
    identities: statement('select id, sequence from identities where id > ? order by id limit 1000'),
    unidentity: statement('delete from identities where id = ?'),
  }
}
