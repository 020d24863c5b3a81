// Bringing the schema up to date at start: once, when many nodes start together, and never under a node that needs the
// older one. A node that finds a newer one runs with it as long as that says so.
import { Kysely, PostgresAdapter, PostgresDialect, sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import pg from 'pg'
import { AppError } from '../../errors.ts'
import { urlsOf } from '../../postgres-url.ts'
import type { Database } from './database.ts'
import { migrations } from './migrations.ts'

/** A migration that finds a lock held gives up soon, and is tried again: see lock-timeout.ts. */
const tries = 20
const pauseMs = 500
/** For another node, which brings it up to date. */
const waitMs = 30_000

/**
 * `url` may name several hosts. Throws AppError `store_failed` where this version cannot work with what is there, and
 * `store_unreachable` where nobody is.
 */
export async function bringUpToDate(database: Database, url: string): Promise<void> {
  const known = Object.keys(await migrations.getMigrations())
  const applied = await appliedMigrations(database)
  const newer = applied.filter(name => !known.includes(name))
  if (newer.length > 0) {
    const [row] = await database.call<{ migration: string }>('select migration from schema_needs')
    if (row !== undefined && known.includes(row.migration)) return
    throw new AppError(
      'store_failed',
      `the database was brought up to ${newer.at(-1)} by a newer version, which this one cannot work with: upgrade this node`,
    )
  }
  if (applied.length < known.length) await migrate(url)
}

/** The migrations that it lacks. */
export async function lackingMigrations(database: Database): Promise<string[]> {
  const applied = await appliedMigrations(database)
  return Object.keys(await migrations.getMigrations()).filter(name => !applied.includes(name))
}

async function appliedMigrations(database: Database): Promise<string[]> {
  const [table] = await database.call<{ there: boolean }>(`select to_regclass('kysely_migration') is not null as there`)
  if (!table!.there) return []
  return (await database.call<{ name: string }>('select name from kysely_migration order by name')).map(row => row.name)
}

/** Not Kysely's own lock, which is the session's: behind a pooler nobody knows whose session that is, or gives it back. */
class TransactionDialect extends PostgresDialect {
  override createAdapter() {
    return new (class extends PostgresAdapter {
      override acquireMigrationLock = () => Promise.resolve()
      override releaseMigrationLock = () => Promise.resolve()
    })()
  }
}

/** Of several hosts at the one that takes writes. */
async function migrate(url: string): Promise<void> {
  const failures: unknown[] = []
  for (const each of urlsOf(url)) {
    const error = await migrateAt(each)
    if (error === undefined) return
    failures.push(error)
  }
  const error = failures.find(each => !isElsewhere(each)) ?? failures[0]
  const code = isElsewhere(error) ? 'store_unreachable' : 'store_failed'
  throw new AppError(code, `the database cannot be brought up to date: ${(error as Error).message}`, { cause: error })
}

/** All of what is missing in one transaction, under a lock of the transaction's that others wait for. What went wrong. */
async function migrateAt(url: string): Promise<unknown> {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: 'postern-migrate' })
  pool.on('error', () => {})
  pool.on('connect', client => client.on('error', () => {}))
  const db = new Kysely<never>({ dialect: new TransactionDialect({ pool }) })
  try {
    for (let attempt = 1; ; attempt++) {
      const error = await attempted(db)
      const locked = error instanceof pg.DatabaseError && (error.code === '55P03' || error.code === '40P01')
      if (!locked || attempt === tries) return error
      await new Promise(resolve => setTimeout(resolve, pauseMs))
    }
  } finally {
    await db.destroy()
  }
}

/** Nobody is there, it comes or goes, or it is a standby. */
function isElsewhere(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || /^(08|57P0|25006)/.test(error.code ?? '')
}

/** What went wrong; then nothing is changed. */
async function attempted(db: Kysely<never>): Promise<unknown> {
  try {
    await db.transaction().execute(async transaction => {
      await sql`select set_config('lock_timeout', ${String(waitMs)}, true)`.execute(transaction)
      await sql`select pg_advisory_xact_lock(1, 2)`.execute(transaction)
      const { error } = await new Migrator({ db: transaction, provider: migrations }).migrateToLatest()
      if (error !== undefined) throw error
    })
    return undefined
  } catch (error) {
    return error
  }
}
