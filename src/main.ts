// The process: settings, configuration, the gateway, and its ends. Exits with 1 for what the operator must put right,
// with 70 when the store can no longer be trusted, with 75 when what came in still waits in the spool.
import { systemClock } from './clock.ts'
import { ConfigError } from './config/config-error.ts'
import { loadConfig } from './config/load.ts'
import { readSettings, type Settings } from './config/settings.ts'
import { AppError } from './errors.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { shownUrl } from './postgres-url.ts'
import { welcome } from './welcome.ts'

const exitStoreFailed = 70
const exitSpoolHolds = 75
/** How long what has begun may take to end, in milliseconds. */
const shutdownMs = 20_000
/** Who started this process, as long as it lives. */
const parent = process.ppid

export async function main(): Promise<void> {
  // What it writes holds whole requests: the database and what SQLite keeps beside it, the search index, the spool.
  process.umask(0o077)
  try {
    const settings = readSettings(process.env)
    const { config, path } = await loadConfig(settings.configPath, process.cwd())
    const gateway = await startGateway({ settings, config, configPath: path })
    if (settings.development) process.stdout.write(`\n${welcome(gateway, systemClock)}\n`)
    gateway.log.info(
      { url: gateway.url, admin: gateway.adminUrl, config: path, database: databaseName(settings) },
      'ready',
    )
    endWell(gateway)
  } catch (error) {
    const expected = error instanceof ConfigError || error instanceof AppError
    process.stderr.write(`${expected ? error.message : ((error as Error).stack ?? String(error))}\n`)
    process.exit(1)
  }
}

/** Without the password that a URL may hold. */
function databaseName({ database }: Settings): string {
  if (database.engine === 'sqlite') return database.path
  return shownUrl(database.url)
}

function endWell(gateway: Gateway): void {
  let ending = false
  let storeFailed = false
  const end = async (signal: string) => {
    if (ending) return
    ending = true
    gateway.log.info({ signal }, 'stopping')
    const leave = () => process.exit(gateway.left > 0 ? exitSpoolHolds : 1)
    setTimeout(() => void gateway.log.flush().then(leave), shutdownMs).unref()
    await gateway.close()
    process.exit(storeFailed ? exitStoreFailed : gateway.left > 0 ? exitSpoolHolds : 0)
  }
  process.on('SIGTERM', signal => void end(signal))
  process.on('SIGINT', signal => void end(signal))
  whenNpmIsGone(() => void end('the end of npm'))
  void gateway.store.failed.then(error => {
    storeFailed = true
    if (ending) return
    gateway.log.error({ err: error }, 'the store failed and is not written to again: stopping')
    void gateway.log.flush()
    // The requests that waited for it are being answered 503 at this moment.
    setTimeout(() => process.exit(exitStoreFailed), 500)
  })
}

/**
 * A SIGTERM for npm or npx reaches the shell between it and this process, and no further: where that has ended, nobody is
 * left to end this process, which would hold the database against the next start.
 */
function whenNpmIsGone(then: () => void): void {
  if (process.env.npm_lifecycle_event !== 'start' && process.env.npm_lifecycle_event !== 'npx') return
  setInterval(() => {
    if (process.ppid !== parent) then()
  }, 500).unref()
}
