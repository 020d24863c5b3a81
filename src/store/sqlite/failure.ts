// What an error of SQLite means for the store: try again later, one command's own fault, or the end.
import Sqlite from 'better-sqlite3'
import type { Result } from './commands.ts'

/**
 * After an I/O error other than "full" the store is never written to again: after a failed fsync the next one may
 * succeed and still have lost what was written before.
 */
export function classify(error: unknown): Result & { ok: false } {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Sqlite.SqliteError ? error.code : ''
  // No room for the WAL's index to grow, which is made anew from the WAL: nothing that is kept was touched.
  if (code.startsWith('SQLITE_FULL') || code === 'SQLITE_IOERR_SHMSIZE') {
    return { ok: false, code: 'store_full', message: 'the disk is full', fatal: false }
  }
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) {
    return { ok: false, code: 'store_busy', message: 'another process holds the database', fatal: false }
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return { ok: false, code: 'store_readonly', message: 'the database is read-only', fatal: false }
  }
  const fatal = /^SQLITE_(IOERR|CORRUPT|NOTADB|CANTOPEN|PROTOCOL|NOMEM|INTERNAL|PERM|AUTH|NOLFS)/.test(code)
  return { ok: false, code: fatal ? 'store_failed' : 'internal', message: `${code} ${message}`.trim(), fatal }
}
