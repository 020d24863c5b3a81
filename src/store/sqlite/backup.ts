// A copy of the inbox as it is at one moment, made while a gateway works on it: one read transaction, page by page. The
// copy is checked, on the disk, and whole before it has its name.
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Sqlite from 'better-sqlite3'
import { AppError } from '../../errors.ts'
import { openReader } from './open.ts'

export interface BackupWatcher {
  copying(pages: number, total: number): void
  checking(): void
}

export interface BackedUp {
  bytes: number
  epoch: string
  head: number
  /** Rows by table. */
  counts: Readonly<Record<string, number>>
}

/** Some 8 MB: after each the copy can be called off. */
const pagesAtOnce = 2_000

/** Throws AppError where it cannot be made: `not_found` without an inbox, `bad_request` where `to` cannot be, or is there. */
export async function backUp(
  path: string,
  to: string,
  watcher: BackupWatcher,
  signal?: AbortSignal,
): Promise<BackedUp> {
  const partial = `${to}.partial`
  assertFree(to)
  if (!existsSync(path)) throw new AppError('not_found', `there is no inbox at ${path}`)
  if (!existsSync(dirname(to))) throw new AppError('bad_request', `there is no folder ${dirname(to)}`)
  const db = openReader(path)
  try {
    // Pins one state of it: what is committed meanwhile is not part of the copy, and does not make it begin anew.
    db.exec('begin')
    const counts = countsOf(db)
    removeDatabase(partial)
    // Read by nobody else from its first byte on, and no link to elsewhere: SQLite keeps the rights of a file that is there.
    closeSync(openSync(partial, 'wx', 0o600))
    await db.backup(partial, {
      progress({ totalPages, remainingPages }) {
        signal?.throwIfAborted()
        watcher.copying(totalPages - remainingPages, totalPages)
        return pagesAtOnce
      },
    })
    // What is pinned keeps the write-ahead log from starting anew, and reading the copy takes as long again.
    db.exec('rollback')
    watcher.checking()
    const copied = checkInbox(partial)
    if (JSON.stringify(copied.counts) !== JSON.stringify(counts)) {
      throw new AppError('store_failed', 'the copy does not hold what the inbox does: nothing was kept of it')
    }
    flush(partial)
    takeName(partial, to)
    return copied
  } finally {
    db.close()
    removeDatabase(partial)
  }
}

/** With all that SQLite keeps beside it. */
export function removeDatabase(path: string): void {
  for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${end}`, { force: true })
}

/**
 * Reads all of a file that nobody works on; it has no write-ahead log afterwards. Throws AppError where it is damaged.
 * `named`: what people know it by, where that is a copy of it.
 */
export function checkInbox(path: string, named = path): BackedUp {
  return ofInbox(path, named, db => {
    const found = db.pragma('integrity_check(5)') as { integrity_check: string }[]
    if (found[0]?.integrity_check === 'ok') return
    throw new AppError('store_failed', `${named} is damaged: ${found.map(row => row.integrity_check).join('; ')}`)
  })
}

/** The same of one that was checked before, for what was changed since: without reading all of it again. */
export function describeInbox(path: string): BackedUp {
  return ofInbox(path, path, () => {})
}

function ofInbox(path: string, named: string, check: (db: Sqlite.Database) => void): BackedUp {
  const db = new Sqlite(path, { fileMustExist: true })
  try {
    db.pragma('journal_mode = DELETE')
    check(db)
    const { epoch, head } = db.prepare('select epoch, head from log').get() as { epoch: string; head: number }
    return { bytes: statSync(path).size, epoch, head, counts: countsOf(db) }
  } catch (error) {
    if (error instanceof AppError) throw error
    throw new AppError('store_failed', `${named} is no inbox of Postern (${(error as Error).message})`, {
      cause: error,
    })
  } finally {
    db.close()
  }
}

function countsOf(db: Sqlite.Database): Record<string, number> {
  const tables = db
    .prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite%' order by name")
    .pluck()
    .all() as string[]
  return Object.fromEntries(
    tables.map(table => [table, db.prepare(`select count(*) from "${table}"`).pluck().get() as number]),
  )
}

export function flush(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function assertFree(path: string): void {
  if (existsSync(path)) throw new AppError('bad_request', `${path} is there already: a backup overwrites nothing`)
}

/** Also where somebody has made a file of that name meanwhile, it is not overwritten. */
function takeName(partial: string, to: string): void {
  try {
    linkSync(partial, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    assertFree(to)
    // Some file systems have no links.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error
    renameSync(partial, to)
  }
  flush(dirname(to))
}
