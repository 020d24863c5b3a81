// The way to PostgreSQL: a pool, and statements in autocommit with a time limit. It keeps no state in a session, so that
// a pooler in transaction mode may stand between; and it never cancels what is under way, since a commit that is told
// to stop waiting for its standby reports success.
import { type Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely'
import pg from 'pg'
import { AppError } from '../../errors.ts'
import { type Engine, kyselyOf } from '../statements.ts'
import type { Tables } from '../tables.ts'
import { Hosts } from './hosts.ts'
import { escapeText, unescapeText } from './text.ts'

export interface DatabaseOptions {
  /** Of several hosts the one that takes writes: see hosts.ts. */
  url: string
  poolMax: number
  /** After so long a statement's outcome is unknown, and its connection is given up. */
  timeoutMs: number
}

/** Oids of what is not read as text. */
const [bool, bytea, int8, int2, int4, oid, float8, numeric, json] = [16, 17, 20, 21, 23, 26, 701, 1700, 114]
/** Waits between tries, in milliseconds; the last one again and again. */
const pausesMs = [20, 100, 300, 500]
const idleMs = 30_000

/** Lost in a deadlock, or to another one that was faster: the same again. */
const unlucky = new Set(['40P01', '40001', '55P03'])
/** The server ended, ends or begins: connections are lost, and come back. */
const lost = new Set([
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '25P04',
  '53300',
  '08000',
  '08003',
  '08006',
  '08001',
  '08004',
])

/** Each query takes the connection that is free: there are no transactions. */
const postgres: Engine = {
  createAdapter: () => new PostgresAdapter(),
  createIntrospector: db => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
  begin: null,
}

export class Database {
  readonly kysely: Kysely<Tables>
  readonly #hosts: Hosts
  readonly #options: DatabaseOptions
  readonly #timeoutMs: number
  #pool: { url: string; pool: pg.Pool }
  #closed = false

  constructor(options: DatabaseOptions) {
    this.#options = options
    this.#timeoutMs = options.timeoutMs
    this.#hosts = new Hosts(options.url)
    this.#pool = poolOf(this.#hosts.url, options)
    this.kysely = kyselyOf(async (text, values) => {
      const { rows, rowCount } = await this.#run(text, values)
      return { rows, numAffectedRows: BigInt(rowCount ?? 0) }
    }, postgres)
  }

  /**
   * One statement in autocommit. Lost connections, deadlocks and the like are tried again within the time limit: so it
   * must be harmless to repeat. Throws AppError `store_unreachable` where the outcome is unknown or nobody answers,
   * `store_readonly`, and `store_refused` for what PostgreSQL refuses for its content.
   */
  async call<Row>(text: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#run(text, parameters)).rows as Row[]
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pool.pool.end()
  }

  /** To another host, where there is one: what is under way with the old one may end. */
  #turnFrom({ url, pool }: { url: string; pool: pg.Pool }): void {
    if (!this.#hosts.turnFrom(url) || this.#pool.pool !== pool) return
    this.#pool = poolOf(this.#hosts.url, this.#options)
    void pool.end().catch(() => {})
  }

  async #run(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    const values = parameters.map(value => (typeof value === 'string' ? escapeText(value) : value))
    const deadline = performance.now() + this.#timeoutMs
    for (let attempt = 0; ; attempt++) {
      const at = this.#pool
      try {
        return await this.#once(at.pool, text, values, deadline - performance.now())
      } catch (error) {
        if (isElsewhere(error)) this.#turnFrom(at)
        const pause = pausesMs[Math.min(attempt, pausesMs.length - 1)]!
        if (!isPassing(error) || this.#closed || performance.now() + pause >= deadline) throw storeError(error)
        await new Promise(resolve => setTimeout(resolve, pause))
      }
    }
  }

  async #once(pool: pg.Pool, text: string, values: unknown[], withinMs: number): Promise<pg.QueryResult> {
    const deadline = performance.now() + withinMs
    const client = await within(pool.connect(), withinMs, late =>
      late.then(
        client => client.release(),
        () => {},
      ),
    )
    let unconfirmed = false
    const noticed = (notice: { routine?: string }) => {
      // The commit stopped waiting for its standby: it says success, and is none.
      if (notice.routine === 'SyncRepWaitForLSN') unconfirmed = true
    }
    client.on('notice', noticed as never)
    try {
      const result = await within(client.query(text, values), deadline - performance.now(), late =>
        late.catch(() => {}),
      )
      if (unconfirmed) throw new AppError('store_unreachable', 'the commit was not confirmed by a standby')
      client.off('notice', noticed as never)
      client.release()
      return result
    } catch (error) {
      client.off('notice', noticed as never)
      client.release(keepsConnection(error) ? undefined : (error as Error))
      throw error
    }
  }
}

function poolOf(url: string, { poolMax, timeoutMs }: DatabaseOptions): { url: string; pool: pg.Pool } {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolMax,
    idleTimeoutMillis: idleMs,
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    application_name: 'postern',
    types: { getTypeParser: parserOf as typeof pg.types.getTypeParser },
  })
  // A connection that is lost while nobody uses it leaves the pool, and that is all.
  pool.on('error', () => {})
  // While it is in use the pool does not listen: the statement under way tells of the loss, and nobody else need.
  pool.on('connect', client => client.on('error', () => {}))
  return { url, pool }
}

/** Rejects after that time; `late` sees to what becomes of the promise then. */
async function within<Value>(promise: Promise<Value>, ms: number, late: (promise: Promise<Value>) => void) {
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new AppError('store_unreachable', 'PostgreSQL has not answered')), ms)
  try {
    return await Promise.race([promise, timeout])
  } catch (error) {
    if (error instanceof AppError) late(promise)
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function codeOf(error: unknown): string {
  return error instanceof pg.DatabaseError ? (error.code ?? '') : ''
}

/** An error that the server has reported leaves the connection as it was, unless it says that it ends it. */
function keepsConnection(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !lost.has(codeOf(error)) && error.severity !== 'FATAL'
}

function isPassing(error: unknown): boolean {
  if (error instanceof AppError) return false
  if (!(error instanceof pg.DatabaseError)) return true
  // A standby that is on its way to be the primary, or that a name still points at.
  return unlucky.has(codeOf(error)) || lost.has(codeOf(error)) || codeOf(error) === '25006'
}

/** Nobody there, or somebody who takes no writes: another host may be the one. */
function isElsewhere(error: unknown): boolean {
  if (error instanceof AppError) return error.code === 'store_unreachable'
  return isPassing(error) && !unlucky.has(codeOf(error))
}

function storeError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const code = codeOf(error)
  const message = (error as Error).message
  const as = (kind: 'store_readonly' | 'store_full' | 'store_refused' | 'store_unreachable' | 'internal') =>
    new AppError(kind, ['PostgreSQL:', code, message].filter(part => part !== '').join(' '), { cause: error })
  if (code === '') return as('store_unreachable')
  if (code === '25006') return as('store_readonly')
  if (code === '53100') return as('store_full')
  // What is wrong with the values, and would be again.
  if (/^(22|23|54)/.test(code)) return as('store_refused')
  // Nor does a server answer that lets nobody in: a password that was changed, a database or a right that is not there.
  if (lost.has(code) || unlucky.has(code) || /^(53|57|58|08|28|XX|3D000|42501)/.test(code))
    return as('store_unreachable')
  return as('internal')
}

function parserOf(type: number): (value: string) => unknown {
  switch (type) {
    case bool:
      return value => value === 't'
    case bytea:
      return value => Buffer.from(value.slice(2), 'hex')
    case int8:
    case int2:
    case int4:
    case oid:
    case float8:
    case numeric:
      return Number
    case json:
      return value => JSON.parse(value) as unknown
    default:
      return unescapeText
  }
}
