// `postern migrate`: brings the database up to this version without a start, for upgrades in two steps.
import { existsSync } from 'node:fs'
import { type Define, does, type ExitCode, examples, exit } from './command.ts'
import { database, ofStore, type PostgresSettings } from './database.ts'
import { print } from './listing.ts'

interface MigrateOptions {
  dryRun?: boolean
  json?: boolean
}

export const migrate: Define = command => {
  command
    .description(
      'Brings the tables of POSTERN_DATABASE up to this version, as a start would, and starts nothing. On SQLite stop ' +
        'the gateway first; on PostgreSQL nodes of the version before go on meanwhile.',
    )
    .option('--dry-run', 'says what would be done, and changes nothing')
    .option('--json', 'the result as JSON')
  does(command, (options: MigrateOptions) =>
    ofStore(async () => {
      const settings = database()
      const missing =
        settings.engine === 'sqlite' ? await ofFile(settings.path, options) : await ofServer(settings, options)
      return told(missing, options)
    }),
  )
  examples(command, ['postern migrate --dry-run', 'POSTERN_DATABASE=postgres://… postern migrate'], [0, 1, 4])
}

/** What was missing. */
async function ofFile(path: string, { dryRun }: MigrateOptions): Promise<string[]> {
  const { bringUpToDate, knownMigrations, lackingMigrations } = await import('../store/sqlite/schema.ts')
  const { hold } = await import('../store/sqlite/store.ts')
  const lacking = async () => (existsSync(path) ? lackingMigrations(path) : knownMigrations())
  if (dryRun) return lacking()
  const lock = hold(path)
  try {
    const missing = await lacking()
    if (missing.length > 0) await bringUpToDate(path)
    return missing
  } finally {
    lock.close()
  }
}

async function ofServer({ url, directUrl }: PostgresSettings, { dryRun }: MigrateOptions): Promise<string[]> {
  const { Database } = await import('../store/postgres/database.ts')
  const { bringUpToDate, lackingMigrations } = await import('../store/postgres/schema.ts')
  const { refuseUnfinishedCopy } = await import('../store/postgres/unfinished-copy.ts')
  const server = new Database({ url, poolMax: 1, timeoutMs: 5_000 })
  try {
    await refuseUnfinishedCopy(server)
    const missing = await lackingMigrations(server)
    if (!dryRun) await bringUpToDate(server, directUrl ?? url)
    return missing
  } finally {
    await server.close()
  }
}

async function told(missing: readonly string[], { dryRun, json }: MigrateOptions): Promise<ExitCode> {
  if (json) await print(`${JSON.stringify({ migrations: missing, done: dryRun !== true })}\n`)
  else if (missing.length === 0) await print('The database is up to date.\n')
  else {
    for (const name of missing) await print(`${dryRun ? 'would apply' : 'applied'}  ${name}\n`)
  }
  return exit.done
}
