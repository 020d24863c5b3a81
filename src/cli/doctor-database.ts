// Whether the database is there, takes writes, is of this version, and has room; and the spool before it.
import { accessSync, constants, existsSync, mkdtempSync, rmdirSync, statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { AppError } from '../errors.ts'
import { shownUrl } from '../postgres-url.ts'
import { type Finding, ok, warn, wrong } from './findings.ts'
import { sized } from './text.ts'

/** Below it a busy day may fill the disk; below the other a busy hour. */
const roomWarnBytes = 2_000_000_000
const roomWrongBytes = 200_000_000
const timeoutMs = 4_000

export async function databaseFindings(settings: Settings): Promise<Finding[]> {
  const { database } = settings
  if (database.engine === 'sqlite') return ofFile(database.path)
  return [...(await ofServer(database.url)), ...(await ofSpool(settings))]
}

async function ofFile(path: string): Promise<Finding[]> {
  const folder = nearestFolder(dirname(path))
  const findings: Finding[] = []
  try {
    for (const each of [folder, path].filter(existsSync)) accessSync(each, constants.W_OK)
    // A file system that is mounted to be read only says so only now.
    rmdirSync(mkdtempSync(join(folder, '.postern-doctor-')))
  } catch (error) {
    return [
      wrong(
        'database',
        `${path} cannot be written: ${(error as Error).message}`,
        'give its folder to the user that runs this',
      ),
    ]
  }
  if (!existsSync(path)) findings.push(warn('database', `there is no inbox at ${path} yet`, 'a start makes it'))
  else findings.push(...(await ofInbox(path)))
  findings.push(...roomAt(folder, 'database'))
  return findings
}

async function ofInbox(path: string): Promise<Finding[]> {
  const { lackingMigrations } = await import('../store/sqlite/schema.ts')
  const { hold } = await import('../store/sqlite/store.ts')
  try {
    const lacking = await lackingMigrations(path)
    if (lacking.length > 0) {
      const text = `${path} is of an older version: it lacks ${lacking.join(', ')}`
      return [warn('database', text, 'a start, or `postern migrate`, brings it up to date')]
    }
  } catch (error) {
    return [wrong('database', (error as Error).message, 'point POSTERN_DATABASE elsewhere, or restore a backup')]
  }
  let held = false
  try {
    hold(path).close()
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException
    held = code?.startsWith('SQLITE_BUSY') ?? false
  }
  // What came lately is in the write-ahead log first.
  const size = sized(
    [path, `${path}-wal`].reduce((sum, each) => sum + (statSync(each, { throwIfNoEntry: false })?.size ?? 0), 0),
  )
  return [ok('database', `${path}, ${size}, ${held ? 'a gateway has it open' : 'no gateway has it open'}`)]
}

async function ofServer(url: string): Promise<Finding[]> {
  const { Database } = await import('../store/postgres/database.ts')
  const { lackingMigrations } = await import('../store/postgres/schema.ts')
  const database = new Database({ url, poolMax: 1, timeoutMs })
  try {
    const [server] = await database.call<{ version: string; number: number; standby: boolean; readonly: string }>(
      `select current_setting('server_version') as version, current_setting('server_version_num')::int as number,
              pg_is_in_recovery() as standby, current_setting('transaction_read_only') as readonly`,
    )
    const { version, number, standby, readonly } = server!
    if (number < 150_000) return [wrong('database', `PostgreSQL ${version} is too old`, 'upgrade it to 15 or later')]
    if (standby || readonly === 'on') {
      return [wrong('database', `${shownUrl(url)} takes no writes`, 'name the primary, or all hosts of the cluster')]
    }
    const lacking = await lackingMigrations(database)
    if (lacking.length === 0) return [ok('database', `${shownUrl(url)}, PostgreSQL ${version}`)]
    const text = `${shownUrl(url)} lacks ${lacking.join(', ')}`
    return [warn('database', text, 'a start, or `postern migrate`, brings it up to date')]
  } catch (error) {
    const reason = error instanceof AppError ? error.message : (error as Error).message
    return [
      wrong('database', `${shownUrl(url)} does not answer: ${reason}`, 'look at its address, its user and the network'),
    ]
  } finally {
    await database.close()
  }
}

async function ofSpool({ spool }: Settings): Promise<Finding[]> {
  if (spool === undefined) {
    const text = 'there is none: while the database is away, vendors are turned away'
    return [warn('spool', text, 'set POSTERN_SPOOL to a file on a disk that outlives this node')]
  }
  const { shortLivedFileSystem } = await import('../store/spool/spool.ts')
  const folder = nearestFolder(dirname(spool.path))
  try {
    accessSync(folder, constants.W_OK)
  } catch (error) {
    return [
      wrong(
        'spool',
        `${spool.path} cannot be written: ${(error as Error).message}`,
        'give its folder to the user that runs this',
      ),
    ]
  }
  const fileSystem = shortLivedFileSystem(join(folder, 'spool.db'))
  if (fileSystem !== undefined) {
    return [
      wrong(
        'spool',
        `${spool.path} is on ${fileSystem}, where nothing lasts`,
        'give it a disk that outlives this node',
      ),
    ]
  }
  const room = freeBytes(folder)
  if (room < spool.bytesMax) {
    const text = `${spool.path} may hold ${sized(spool.bytesMax)}, and there is room for ${sized(room)}`
    return [warn('spool', text, 'make room, or set POSTERN_SPOOL_BYTES lower')]
  }
  return [ok('spool', `${spool.path}, room for ${sized(spool.bytesMax)}`)]
}

function roomAt(folder: string, about: string): Finding[] {
  const room = freeBytes(folder)
  const text = `${sized(room)} are free on the disk of ${folder}`
  if (room >= roomWarnBytes) return [ok(about, text)]
  const advice = 'make room, or set retentionDays lower: a full disk is answered 503'
  return [room < roomWrongBytes ? wrong(about, text, advice) : warn(about, text, advice)]
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** A start makes those below it. */
function nearestFolder(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearestFolder(dirname(folder))
}
