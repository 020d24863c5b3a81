// A node's local store while the database is away: a whole SQLite inbox, so that dedupe, group commit, flushing and the
// end after an I/O error are the inbox's own. It takes no more than it may, and is emptied by the drain.
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Kysely, sql } from 'kysely'
import type { Clock } from '../../clock.ts'
import { AppError } from '../../errors.ts'
import type { EventRecord } from '../record.ts'
import type { Drained } from '../sqlite/commands.ts'
import { SpooledRecords } from '../sqlite/spooled-records.ts'
import { openSqliteInbox, type SqliteInbox } from '../sqlite/store.ts'
import type {
  AppendOutcome,
  AppendStatus,
  Arrival,
  KeptRequest,
  QuarantineEntry,
  Rejection,
  RejectionLimits,
  SpoolState,
  StoreHealth,
} from '../store.ts'
import type { Tables } from '../tables.ts'

export interface SpoolOptions {
  path: string
  /** What it may take of the disk; some 40 MB of SQLite's write-ahead log come beside it. */
  bytesMax: number
  clock: Clock
}

/** What SQLite needs for a record beside its bytes. */
const rowBytes = 1_024
/** Strangers can make rejections: they leave room for what is genuine. */
const rejectionsShare = 0.5

export class Spool {
  readonly records: SpooledRecords
  readonly #inbox: SqliteInbox
  readonly #options: SpoolOptions
  /** As measured, and what was taken since. */
  #used = 0
  #writing = 0
  #measuring: Promise<void> | undefined

  private constructor(inbox: SqliteInbox, options: SpoolOptions) {
    this.#inbox = inbox
    this.#options = options
    this.records = new SpooledRecords(inbox.reading)
  }

  /** Throws AppError `store_failed` where the file cannot be had. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const spool = new Spool(await openSqliteInbox(options.path), options)
    await spool.#measure()
    return spool
  }

  /** Refs are made again of the data when it moves on; an index of them would serve nobody here. */
  async append(events: readonly EventRecord[], request: KeptRequest): Promise<AppendOutcome[]> {
    const records = events.map(event => ({ ...event, refs: [] }))
    const bytes = events.reduce((sum, { data }) => sum + data.length + rowBytes, 0)
    const outcomes = await this.#within(1, bytes, request, store => store.append(records, request))
    return outcomes.map(outcome => ({ ...outcome, sequence: 0 }))
  }

  async appendInOrder(arrivals: readonly Arrival[]): Promise<AppendOutcome[][]> {
    const outcomes: AppendOutcome[][] = []
    for (const { events, request } of arrivals) outcomes.push(await this.append(events, request))
    return outcomes
  }

  quarantine(entry: QuarantineEntry, request: KeptRequest): Promise<AppendStatus> {
    return this.#within(1, rowBytes, request, store => store.quarantine(entry, request))
  }

  reject(rejection: Rejection, request: KeptRequest, limits: RejectionLimits): Promise<void> {
    const bytes = rowBytes + (rejection.sealed?.length ?? 0)
    return this.#within(rejectionsShare, bytes, request, store => store.reject(rejection, request, limits))
  }

  /** Takes out what is safe elsewhere; answers the sequences that stay, since a conflict with one came meanwhile. */
  remove(drained: Partial<Drained>): Promise<number[]> {
    const all = { sequences: [], conflicts: [], quarantine: [], rejections: [], ...drained }
    return this.#inbox.run<number[]>({ op: 'drained', drained: all })
  }

  /** `refused`: what of it is set aside, by its place. */
  async state(refused: Refused = nothingRefused): Promise<SpoolState> {
    const { reading } = this.#inbox
    const { bytesMax, clock } = this.#options
    const tables = ['events', 'quarantine', 'rejections'] as const
    const readings = await Promise.all(tables.map(table => waiting(reading, table, [...refused[table]])))
    await this.#measure()
    const oldest = Math.min(...readings.map(each => each.oldest ?? Number.POSITIVE_INFINITY))
    const set = tables.reduce((sum, table) => sum + refused[table].size, 0)
    return {
      entries: readings.reduce((sum, each) => sum + each.count, 0) - set,
      bytes: this.#used,
      bytesMax,
      oldestSeconds: Number.isFinite(oldest) ? Math.max(0, clock.now() - oldest) / 1000 : 0,
      refused: set,
    }
  }

  get failed(): Promise<Error> {
    return this.#inbox.store.failed
  }

  health(): Promise<StoreHealth> {
    return this.#inbox.store.health()
  }

  close(): Promise<void> {
    return this.#inbox.store.close()
  }

  /** Only where it fits into that share of the room. Throws AppError `store_full`. */
  async #within<Value>(
    share: number,
    bytes: number,
    { body, headers }: KeptRequest,
    write: (store: SqliteInbox['store']) => Promise<Value>,
  ): Promise<Value> {
    const needed = headers.reduce((sum, [name, value]) => sum + name.length + value.length, bytes + body.length)
    const max = this.#options.bytesMax * share
    if (this.#used + needed > max) await this.#measure()
    if (this.#used + needed > max) throw new AppError('store_full', 'the spool has no room')
    this.#used += needed
    this.#writing += needed
    try {
      return await write(this.#inbox.store)
    } finally {
      this.#writing -= needed
    }
  }

  /** Pages that are free are used again: they are room. */
  #measure(): Promise<void> {
    this.#measuring ??= sql<{ bytes: number }>`
      select (page_count - freelist_count) * page_size as bytes
      from pragma_page_count, pragma_freelist_count, pragma_page_size`
      .execute(this.#inbox.reading)
      .then(({ rows }) => {
        this.#used = rows[0]!.bytes + this.#writing
      })
      .finally(() => {
        this.#measuring = undefined
      })
    return this.#measuring
  }
}

/** Places of what the database has refused. */
export interface Refused {
  events: ReadonlySet<number>
  quarantine: ReadonlySet<number>
  rejections: ReadonlySet<number>
}

const nothingRefused: Refused = { events: new Set(), quarantine: new Set(), rejections: new Set() }

/** How many there are, and when the oldest of those that are not `refused` was received. */
async function waiting(
  db: Kysely<Tables>,
  table: 'events' | 'quarantine' | 'rejections',
  refused: readonly number[],
): Promise<{ count: number; oldest: number | null }> {
  const place = sql.ref(table === 'events' ? 'sequence' : 'number')
  const { rows } = await sql<{ count: number; oldest: number | null }>`
    select (select count(*) from ${sql.table(table)}) as count,
      (select received from ${sql.table(table)}
       where ${place} not in (select value from json_each(${JSON.stringify(refused)}))
       order by ${place} limit 1) as oldest`.execute(db)
  return rows[0]!
}

/** The file system that the path is on, where it may not survive the machine or the container; else undefined. */
export function shortLivedFileSystem(path: string): string | undefined {
  // Numbers of Linux; elsewhere others stand for others.
  if (process.platform !== 'linux') return undefined
  return shortLived.get(statfsSync(dirname(path)).type >>> 0)
}

const shortLived = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'overlayfs'],
])
