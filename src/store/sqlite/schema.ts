// What of the schema a file has and lacks, for those who look at it while no gateway has it open.
import Sqlite from 'better-sqlite3'
import { Migrator } from 'kysely/migration'
import { AppError } from '../../errors.ts'
import { migrations } from '../migrations.ts'
import { kyselyOver } from './dialect.ts'
import { openReader, openWriter } from './open.ts'

/** The migrations that it lacks. Throws AppError `store_failed` for a file that is no inbox, or a newer version's. */
export async function lackingMigrations(path: string): Promise<string[]> {
  const known = Object.keys(await migrations.getMigrations())
  let db: Sqlite.Database | undefined
  try {
    db = openReader(path)
    const applied = db.prepare('select name from kysely_migration').pluck().all() as string[]
    if (applied.some(name => !known.includes(name))) {
      throw new AppError('store_failed', `${path} was last used by a newer version of Postern: use that one`)
    }
    return known.filter(name => !applied.includes(name))
  } catch (error) {
    // No database, or none of ours.
    if (!(error instanceof Sqlite.SqliteError) || !/^SQLITE_(NOTADB|ERROR)$/.test(error.code)) throw error
    throw new AppError('store_failed', `${path} is no inbox of Postern (${error.message})`, { cause: error })
  } finally {
    db?.close()
  }
}

/** As a start would; of a file that there is not it makes an empty inbox. Whoever asks holds it: see `hold`. */
export async function bringUpToDate(path: string): Promise<void> {
  const db = openWriter(path)
  try {
    const kysely = kyselyOver(async (sql, parameters) => {
      const statement = db.prepare(sql)
      if (statement.reader) return { rows: statement.all(...parameters) as never[] }
      statement.run(...parameters)
      return { rows: [] }
    })
    const { error } = await new Migrator({ db: kysely, provider: migrations }).migrateToLatest()
    if (error !== undefined) throw error
  } finally {
    db.close()
  }
}

/** The names of all, in their order. */
export async function knownMigrations(): Promise<string[]> {
  return Object.keys(await migrations.getMigrations())
}
