// The inbox that is copied: a SQLite file that no gateway has open, read in the order of its keys. Nothing in it is
// changed, but that an older version's tables are brought up to this one's as its start would.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'
import { AppError } from '../../errors.ts'
import { quickHash } from '../../quick-hash.ts'
import { refKeys } from '../record.ts'
import { opened, openReader } from '../sqlite/open.ts'
import { bringUpToDate, lackingMigrations } from '../sqlite/schema.ts'
import { hold } from '../sqlite/store.ts'
import { type CopiedTable, copiedTables } from './tables.ts'

/** What a refusal says: nothing was copied, and somebody has to put something right. */
export class Refused extends Error {}

/** A place in the order of a table's key. */
export type Key = readonly (number | Buffer)[]

export interface SourceLog {
  epoch: string
  head: number
}

export class Source {
  readonly path: string
  readonly log: SourceLog
  readonly #db: Sqlite.Database
  readonly #lock: { close(): void }

  private constructor(path: string, db: Sqlite.Database, lock: { close(): void }) {
    this.path = path
    this.#db = db
    this.#lock = lock
    this.log = db.prepare('select epoch, head from log').get() as SourceLog
  }

  /**
   * Holds the file until it is closed. `asIs`: an older version's tables are not brought up to date. Throws Refused where
   * there is no inbox that could be copied.
   */
  static async open(path: string, asIs: boolean): Promise<Source> {
    if (!existsSync(path)) throw new Refused(`there is no file ${path}`)
    const lock = held(path)
    try {
      if ((await lackingMigrations(path)).length > 0 && !asIs) await bringUpToDate(path)
      return opened(openReader(path), db => new Source(path, db, lock))
    } catch (error) {
      lock.close()
      if (error instanceof AppError) throw new Refused(error.message, { cause: error })
      throw new Refused(`${path} cannot be read: ${(error as Error).message}`, { cause: error })
    }
  }

  /** In the order of their key first, then as they stand in the table. */
  columns({ name, key }: CopiedTable): string[] {
    if (name === 'refs') return [...key]
    const columns = this.#db.prepare('select name from pragma_table_info(?)').pluck().all(name) as string[]
    return [...key, ...columns.filter(column => !key.includes(column))]
  }

  /** Of refs an estimate: counting them means reading all events. */
  count(table: CopiedTable): number {
    if (!this.#has(table.name)) return 0
    return this.#db
      .prepare(`select count(*) from ${table.from ?? table.name}`)
      .pluck()
      .get() as number
  }

  /** Behind a place, or all. `now`: when the copy was begun. */
  rows(table: CopiedTable, after: Key | null, now: number): Iterable<unknown[]> {
    if (table.name === 'refs') return this.#refs(after as readonly [number, number] | null)
    const { key, instead = {}, from = table.name } = table
    const columns = this.columns(table).map(column => instead[column] ?? column)
    const behind = after === null ? '' : `where (${key.join(', ')}) > (${key.map(() => '?').join(', ')})`
    const statement = this.#db.prepare(
      `select ${columns.join(', ')} from ${from} ${behind} order by ${key.join(', ')}`.replaceAll('@now', String(now)),
    )
    return statement.raw().iterate(...(after ?? [])) as Iterable<unknown[]>
  }

  /** The numbers that come next are above these: of deleted rows too, since none may come twice. */
  lastNumbers(): { table: string; number: number }[] {
    const numbered = copiedTables.filter(table => table.numbered).map(({ name }) => name)
    const last = this.#db.prepare('select seq from sqlite_sequence where name = ?').pluck()
    return numbered.map(table => ({ table, number: (last.get(table) as number | undefined) ?? 0 }))
  }

  /** The lowest sequence that something is kept of; 0 for an empty log. */
  oldest(): number {
    const lowest = ['events', 'requests', 'attempts'].map(
      table => this.#db.prepare(`select min(sequence) from ${table}`).pluck().get() as number | null,
    )
    return Math.min(...lowest.map(sequence => sequence ?? Number.POSITIVE_INFINITY), this.log.head)
  }

  /** When the first event from there on was received, in milliseconds since the epoch. */
  receivedAt(sequence: number): number | undefined {
    const received = this.#db.prepare('select received from events where sequence >= ? order by sequence limit 1')
    return received.pluck().get(sequence) as number | undefined
  }

  /** Below it nothing was received at or after `time`. */
  firstSince(time: number): number | undefined {
    const first = this.#db.prepare('select min(first) from minutes where minute >= ?').pluck()
    return (first.get(Math.floor(time / 60_000)) as number | null) ?? undefined
  }

  /**
   * Differs once a gateway has worked on the file, however little: a copy that was begun before it would go on behind
   * what has changed.
   */
  fingerprint(): string {
    const hash = createHash('sha256')
    const all = ['sqlite_sequence', 'subscriptions', 'replays', 'delivery_counts', 'revision', 'tokens']
    const counted = ['quarantine', 'rejections', 'conflicts', 'audit']
    for (const text of [
      // How far its index of refs is merged is nothing that is copied.
      'select one, epoch, head from log',
      ...all.filter(name => this.#has(name)).map(name => `select * from ${name}`),
      ...counted.filter(name => this.#has(name)).map(name => `select count(*), sum(number) from ${name}`),
      'select min(sequence), max(sequence) from events',
    ]) {
      hash.update(JSON.stringify(this.#db.prepare(text).raw().all()))
    }
    return hash.digest('hex')
  }

  close(): void {
    this.#db.close()
    this.#lock.close()
  }

  /** An older version, looked at as it is, has not all of them. */
  #has(table: string): boolean {
    const found = this.#db.prepare("select 1 from sqlite_master where type = 'table' and name = ?")
    return found.get(table) !== undefined
  }

  /**
   * From what the events say of themselves: the index of the file is cut into buckets, and holds refs to events that are
   * gone.
   */
  *#refs(after: readonly [number, number] | null): Generator<unknown[]> {
    const [from, behind] = after ?? [0, -1]
    const events = this.#db.prepare('select sequence, data, subject from events where sequence >= ? order by sequence')
    for (const row of events.raw().iterate(from)) {
      const [sequence, data, subject] = row as [number, string, string | null]
      for (const key of hashesOf(data, subject)) if (sequence > from || key > behind) yield [sequence, key]
    }
  }
}

function hashesOf(data: string, subject: string | null): number[] {
  const { refs = {} } = JSON.parse(data) as { refs?: Record<string, string> }
  return [...new Set(refKeys(refs, subject).map(quickHash))].sort((a, b) => a - b)
}

function held(path: string): { close(): void } {
  try {
    return hold(path)
  } catch (error) {
    throw new Refused((error as Error).message, { cause: error })
  }
}
