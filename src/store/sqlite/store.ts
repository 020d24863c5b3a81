// The inbox on SQLite: a writer's thread, a reader's thread, and this, which translates between them and the Store.
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import { AppError } from '../../errors.ts'
import { audit } from '../audit-queries.ts'
import { healthOf } from '../health.ts'
import { migrations } from '../migrations.ts'
import { inboxReads, Queries } from '../queries.ts'
import { Filling } from '../search/filling.ts'
import type { SearchReads } from '../search/reading.ts'
import type { AppendOutcome, AppendStatus, SearchOptions, Store, StoreHealth, StoreObserver } from '../store.ts'
import type { Tables } from '../tables.ts'
import { tokens } from '../token-queries.ts'
import { wideReads } from '../wide-reads.ts'
import type { Command } from './commands.ts'
import { sqliteDeliveries } from './deliveries.ts'
import { kyselyOver, type Run, unorderedKyselyOver } from './dialect.ts'
import { appendCommand, eventFields, eventPieces, requestFields, requestPieces } from './fields.ts'
import { readingParts } from './reading.ts'
import { expireEvents } from './retention.ts'
import { sqliteSearchReads } from './search-reading.ts'
import { Reader, startWriter, type Writer } from './threads.ts'

/** Opens or makes the inbox at `path`. Throws AppError `store_failed` where another process holds it. */
export async function openSqliteStore(path: string, observer?: StoreObserver, search?: SearchOptions): Promise<Store> {
  return (await openSqliteInbox(path, observer, search)).store
}

/** The same, with the way to its file for what is no part of a Store: see spool/. */
export interface SqliteInbox {
  store: Store
  reading: Kysely<Tables>
  run<Value>(command: Command, pieces?: readonly Uint8Array[]): Promise<Value>
}

/** Without `search` nothing is searched. */
export async function openSqliteInbox(
  path: string,
  observer?: StoreObserver,
  search?: SearchOptions,
): Promise<SqliteInbox> {
  const lock = hold(path)
  const thread = startWriter(path, observer)
  const { writer } = thread
  const write: Run = (sql, parameters) => writer.run({ op: 'sql', sql, parameters })
  const { error } = await new Migrator({ db: kyselyOver(write), provider: migrations }).migrateToLatest()
  if (error !== undefined) {
    await thread.close().catch(() => {})
    lock.close()
    throw new AppError('store_failed', `the database ${path} cannot be opened: ${(error as Error).message}`, {
      cause: error,
    })
  }
  await writer.run({ op: 'remember' })
  const writing = unorderedKyselyOver(write)
  const reader = new Reader(path)
  const reading = unorderedKyselyOver((sql, parameters) => reader.run(sql, parameters))
  // What every request waits for, and is short: lists, searches and timelines come after it.
  const first = unorderedKyselyOver((sql, parameters) => reader.run(sql, parameters, { first: true }))
  const filling =
    search &&
    new Filling({
      work: { engine: 'sqlite', path, ...search },
      owns: () => true,
      remade: () => reader.searchRemade(),
      observer,
    })
  const queries = new Queries(reading, readingParts, filling && searchReads(reader, filling), first)
  const forgotten = { below: 1 }
  const run = <Value>(command: Command, pieces: readonly Uint8Array[] = []) => writer.run<Value>(command, pieces)
  const outcomes = async (answer: Promise<AppendOutcome[] | null>) => (await answer) ?? []
  const append: Store['append'] = (events, request) => outcomes(run(...appendCommand(events, request)))

  const store: Store = {
    deliveries: sqliteDeliveries({ writer, queries, reading, writing }),
    tokens: tokens({ reading: first, writing }),
    audit: audit({ reading: first, writing }),
    channel: () => ({ engine: 'sqlite', path, port: thread.attach() }),
    owns: () => true,
    onAppended: listener => writer.onAppended(listener),

    append,
    // The writer takes them in the order in which they are sent.
    appendInOrder: arrivals => Promise.all(arrivals.map(({ events, request }) => append(events, request))),
    async quarantine({ id, source, reason }, request) {
      const command = { op: 'quarantine', entry: { source, reason }, request: requestFields(request) } as const
      return run<AppendStatus>(command, [...requestPieces(request), id])
    },
    async reject({ id, sealed, ...rejection }, request, limits) {
      await run({ op: 'reject', rejection: { ...rejection, ...limits }, request: requestFields(request) }, [
        ...requestPieces(request),
        id,
        sealed ?? empty,
      ])
    },
    release: (id, events, request) =>
      outcomes(
        run({ op: 'move', from: 'quarantine', events: events.map(eventFields), request: requestFields(request) }, [
          ...requestPieces(request),
          id,
          ...events.flatMap(eventPieces),
        ]),
      ),
    async admit(id, events, request) {
      if (!('reason' in events)) {
        return outcomes(
          run({ op: 'move', from: 'rejections', events: events.map(eventFields), request: requestFields(request) }, [
            ...requestPieces(request),
            id,
            ...events.flatMap(eventPieces),
          ]),
        )
      }
      const { source, reason, id: entryId } = events
      await run({ op: 'requarantine', entry: { source, reason }, request: requestFields(request) }, [
        ...requestPieces(request),
        id,
        entryId,
      ])
      return []
    },
    discard: id => run<boolean>({ op: 'discard' }, [empty, empty, id]),

    ...inboxReads(queries),
    ...wideReads(reading, readingParts, queries),

    async expire(cutoffs, fallback, now, signal) {
      const deleted = await expireEvents(run, queries, cutoffs, fallback, forgotten, now, signal)
      if (deleted > 0) filling?.sweep()
      return deleted
    },
    health: () => health(path, writer, queries),
    ready: Promise.resolve(),
    failed: writer.failed,
    async close() {
      await Promise.all([thread.close(), filling?.close()])
      await reader.close()
      lock.close()
    },
  }
  return { store, reading, run }
}

function searchReads(reader: Reader, filling: Filling): SearchReads {
  const ask = <Row>(sql: string, parameters: readonly unknown[]) =>
    reader.run<{ rows: Row[]; elapsedMs: number }>(sql, parameters, { of: 'search' })
  return sqliteSearchReads(ask, () => filling.damaged())
}

const empty = Buffer.alloc(0)

/**
 * One process holds the file. A lock of SQLite's own on a file beside it does that: it ends with the process, however
 * that ends.
 */
export function hold(path: string): { close(): void } {
  let lock: Sqlite.Database | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // SQLite opens what it may only read without a word, and would never write to it again.
    for (const needed of [dirname(path), path]) if (existsSync(needed)) accessSync(needed, constants.W_OK)
    lock = new Sqlite(`${path}.lock`, { timeout: 0 })
    lock.pragma('journal_mode = DELETE')
    lock.exec('begin exclusive')
    return lock
  } catch (error) {
    lock?.close()
    const busy = error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')
    const reason = busy
      ? `another process has the database ${path} open: stop it first`
      : `the database ${path} cannot be opened: ${(error as Error).message}`
    throw new AppError('store_failed', reason, { cause: error })
  }
}

function health(path: string, writer: Writer, queries: Queries): Promise<StoreHealth> {
  return healthOf(async () => {
    // Takes the write lock and writes nothing; a read-only file system shows itself here.
    await writer.run({ op: 'sql', sql: 'update log set head = head', parameters: [] })
    await queries.extent()
    probeRoom(path)
  })
}

/** A commit of one page may still fit where the next event would not. */
function probeRoom(path: string): void {
  const probe = join(dirname(path), '.postern-room')
  try {
    const file = openSync(probe, 'w', 0o600)
    try {
      writeSync(file, Buffer.alloc(64 * 1024))
    } finally {
      closeSync(file)
      rmSync(probe, { force: true })
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new AppError(code === 'EROFS' ? 'store_readonly' : 'store_full', `no room beside ${path}`, { cause: error })
  }
}
