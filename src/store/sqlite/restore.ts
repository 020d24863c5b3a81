// An inbox put in the place of another, from a backup. The log gets a new epoch and goes on far behind every position
// that was handed out; what was there before is kept beside it.
import {
  copyFileSync,
  createReadStream,
  createWriteStream,
  existsSync,
  linkSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AppError } from '../../errors.ts'
import { epochCut } from '../epoch.ts'
import { type BackedUp, checkInbox, describeInbox, flush, removeDatabase } from './backup.ts'
import { openReader, openWriter } from './open.ts'
import { bringUpToDate, lackingMigrations } from './schema.ts'
import { hold } from './store.ts'

const copiedAtOnce = 1024 * 1024

export interface Restored extends BackedUp {
  /** The last position that the backup has; `head` is where the log goes on. */
  last: number
  /** Where what was there before is now; undefined where there was nothing. */
  aside: string | undefined
}

export interface RestoreOptions {
  /** More positions than were handed out since the backup, where nobody can look that up any more. */
  gap: number
  /** What `aside` is named by. */
  stamp: string
}

/** Throws AppError: where a gateway has the database open, or `from` is no whole inbox. Then nothing is changed. */
export async function restore(from: string, path: string, { gap, stamp }: RestoreOptions): Promise<Restored> {
  if (!existsSync(from)) throw new AppError('not_found', `there is no file ${from}`)
  if (!statSync(from).isFile()) throw new AppError('bad_request', `${from} is no file`)
  const lock = hold(path)
  const next = `${path}.restoring`
  try {
    removeDatabase(next)
    await copyPrivately(from, next)
    // Of a file that was copied as it lay there, its newest part.
    if (existsSync(`${from}-wal`)) await copyPrivately(`${from}-wal`, `${next}-wal`)
    const backup = checkInbox(next, from)
    await lackingMigrations(next)
    await bringUpToDate(next)
    const head = Math.max(backup.head, headOf(path)) + gap
    beginEpoch(next, backup, head)
    const restored = describeInbox(next)
    flush(next)
    const aside = existsSync(path) ? setAside(path, `${path}.before-restore-${stamp}`) : undefined
    renameSync(next, path)
    flush(dirname(path))
    return { ...restored, last: backup.head, aside }
  } finally {
    removeDatabase(next)
    lock.close()
  }
}

function beginEpoch(path: string, { epoch, head: last }: BackedUp, head: number): void {
  const db = openWriter(path)
  try {
    db.transaction(() => {
      db.prepare('update log set epoch = ?, head = ?').run(epochCut(epoch, { from: last, to: head }), head)
      // Who had read all of it is not behind.
      db.prepare('update subscriptions set cursor = ? where cursor = ?').run(head, last)
    })()
  } finally {
    db.close()
  }
}

/** How far the log that is there went, where it can still be read. */
function headOf(path: string): number {
  if (!existsSync(path)) return 0
  try {
    const db = openReader(path)
    try {
      return (db.prepare('select head from log').pluck().get() as number | undefined) ?? 0
    } finally {
      db.close()
    }
  } catch {
    return 0
  }
}

/** At no moment is there no file at `path`: a gateway that is started then would begin an empty inbox. */
function setAside(path: string, aside: string): string {
  try {
    // Its write-ahead log becomes part of it, and is not found beside what takes its place.
    const db = openWriter(path)
    try {
      db.pragma('wal_checkpoint(TRUNCATE)')
    } finally {
      db.close()
    }
  } catch {
    // It may be damaged, which is why somebody restores.
  }
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`)
  rmSync(`${path}-shm`, { force: true })
  try {
    linkSync(path, aside)
  } catch {
    copyFileSync(path, aside)
  }
  return aside
}

/** Whoever may read the backup: what is made of it is its owner's alone, from its first byte on. */
async function copyPrivately(from: string, to: string): Promise<void> {
  await pipeline(
    createReadStream(from, { highWaterMark: copiedAtOnce }),
    createWriteStream(to, { flags: 'wx', mode: 0o600, highWaterMark: copiedAtOnce }),
  )
}
