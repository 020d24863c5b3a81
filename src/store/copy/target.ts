// The inbox that is copied to, on PostgreSQL. How far the copy has come stands there itself, written in the transaction
// of each batch; until it is finished the log's own row is missing, and `copying` tells every gateway to keep away.
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { Database } from '../postgres/database.ts'
import { partitioned, type Range } from '../postgres/partitions.ts'
import { bringUpToDate } from '../postgres/schema.ts'
import { type ColumnType, copyHeader, copyTrailer, rowsOf } from './row-bytes.ts'
import { type Key, Refused, type SourceLog } from './source.ts'
import { copiedTables } from './tables.ts'

/** How far a table has come. */
export interface Progress {
  /** The key of the last row that is there. */
  after: Key | null
  rows: number
  /** Batches so far: one that another process has added in between is seen by it. */
  step: number
}

/** What is there before a copy is begun. */
export type TargetState =
  | { is: 'empty' }
  | { is: 'begun'; epoch: string; fingerprint: string; now: number }
  | { is: 'inbox'; epoch: string; head: number }

export interface CopyStart extends SourceLog {
  fingerprint: string
  now: number
}

const timeoutMs = 30_000
/** A gateway that is there says so every few seconds. */
const nodeSeenMs = 15_000

export class Target {
  readonly #database: Database
  readonly #client: pg.Client
  readonly #url: string
  /** Whether the connection is gone: trying again may help. */
  lost = false

  private constructor(url: string, client: pg.Client) {
    this.#url = url
    this.#client = client
    this.#database = new Database({ url, poolMax: 1, timeoutMs })
    // What was under way says it too.
    client.on('error', () => {
      this.lost = true
    })
    client.on('end', () => {
      this.lost = true
    })
  }

  static async connect(url: string): Promise<Target> {
    const client = new pg.Client({
      connectionString: url,
      keepAlive: true,
      connectionTimeoutMillis: timeoutMs,
      application_name: 'postern-copy',
    })
    const target = new Target(url, client)
    try {
      await client.connect()
    } catch (error) {
      await target.close()
      throw error
    }
    return target
  }

  /** Throws Refused where a gateway works on it, or its schema is not for this version. */
  async state(): Promise<TargetState> {
    const there = async (table: string) => {
      const rows = await this.#rows<{ there: boolean }>('select to_regclass($1) is not null as there', [table])
      return rows[0]!.there
    }
    if (!(await there('log'))) return { is: 'empty' }
    const nodes = await this.#rows<{ name: string }>(
      `select distinct name from nodes where seen > postern_now() - ${nodeSeenMs} order by 1`,
    )
    if (nodes.length > 0) {
      throw new Refused(`a gateway works on the target (${nodes.map(({ name }) => name).join(', ')}): stop it first`)
    }
    if (await there('copying')) {
      const [row] = await this.#rows<{ epoch: string; fingerprint: string; now: number }>(
        'select epoch, fingerprint, now from copying',
      )
      return { is: 'begun', ...row! }
    }
    const [log] = await this.#rows<SourceLog>('select epoch, head from log')
    const used = copiedTables.map(({ name }) => `exists (select from ${name})`).join(' or ')
    const [row] = await this.#rows<{ used: boolean }>(`select ${used} as used`)
    return row!.used || log!.head > 0 ? { is: 'inbox', ...log! } : { is: 'empty' }
  }

  /** Throws Refused where the schema is not for this version. */
  async bringUpToDate(): Promise<void> {
    await bringUpToDate(this.#database, this.#url)
  }

  /** Marks the target. `anew`: what an unfinished copy has brought is thrown away. */
  async begin({ epoch, head, fingerprint, now }: CopyStart, anew: boolean): Promise<void> {
    const names = copiedTables.map(({ name }) => name)
    await this.#transaction(async () => {
      // Nobody appends from here on: there is no row to draw a sequence from.
      await this.#client.query('select pg_advisory_xact_lock(1, 0)')
      if (anew) await this.#empty()
      await this.#client.query('delete from log')
      await this.#client.query(
        'create table copying (epoch text not null, head bigint not null, fingerprint text not null, now bigint not null)',
      )
      await this.#client.query(
        'create table copying_tables (name text primary key, after text, rows bigint not null, step int not null)',
      )
      await this.#client.query('insert into copying values ($1, $2, $3, $4)', [epoch, head, fingerprint, now])
      await this.#client.query(
        'insert into copying_tables select name, null, 0, 0 from unnest($1::text[]) as given(name)',
        [names],
      )
    })
  }

  /** Also what the server makes of the tables by itself; only the schema's own stays, and who is there. */
  async #empty(): Promise<void> {
    await this.#client.query('drop table copying, copying_tables')
    const { rows } = await this.#client.query<{ tables: string }>(
      `select string_agg(quote_ident(relname), ', ') as tables from pg_class
       where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and not relispartition
         and relname not in ('log', 'nodes', 'schema_needs') and relname not like 'kysely%'`,
    )
    await this.#client.query(`truncate ${rows[0]!.tables} restart identity`)
  }

  /** Cuts the log's tables before anything is in them; those that are there already stay. */
  async makeRanges(ranges: readonly Range[]): Promise<void> {
    for (const { first, beyond } of ranges) {
      for (const table of partitioned) {
        await this.#client.query('select postern_make_range($1, $2, $3, $4)', [table, first, beyond, timeoutMs])
      }
    }
  }

  /** What is under way of a process that was killed is waited for. */
  async progress(table: string): Promise<Progress> {
    const [row] = await this.#rows<{ after: string | null; rows: number; step: number }>(
      'select after, rows, step from copying_tables where name = $1 for update',
      [table],
    )
    return { ...row!, after: row!.after === null ? null : keyOf(row!.after) }
  }

  async types(table: string, columns: readonly string[]): Promise<ColumnType[]> {
    const rows = await this.#rows<{ name: string; type: ColumnType }>(
      `select attname as name, format_type(atttypid, null) as type from pg_attribute
       where attrelid = to_regclass($1) and attnum > 0 and not attisdropped`,
      [table],
    )
    const byName = new Map(rows.map(({ name, type }) => [name, type]))
    return columns.map(column => {
      const type = byName.get(column)
      const known = { integer: 'int4', bigint: 'int8', text: 'text', bytea: 'bytea' } as const
      if (type === undefined || !Object.hasOwn(known, type)) {
        throw new Error(`the target's table ${table} has no column ${column} that could be copied to`)
      }
      return known[type as keyof typeof known]
    })
  }

  /**
   * Writes `chunks` of rows, and what `reached` says when they have been written, in one transaction. Throws where
   * another process has written to the table since `progress`.
   */
  async write(
    table: string,
    columns: readonly string[],
    progress: Progress,
    chunks: Iterable<Buffer>,
    reached: () => { after: Key; rows: number },
  ): Promise<Progress> {
    const { step } = progress
    let next = progress
    await this.#transaction(async () => {
      // Lost with the server's power, a batch is lost with its progress: only the last commit waits for the disk.
      await this.#client.query('set local synchronous_commit = off')
      const locked = await this.#client.query('select 1 from copying_tables where name = $1 and step = $2 for update', [
        table,
        step,
      ])
      if (locked.rowCount === 0) throw new Refused('another process copies to the same target: let it end first')
      const stream = this.#client.query(copyFrom(`copy ${table} (${columns.join(', ')}) from stdin (format binary)`))
      await pipeline(Readable.from(framed(chunks), { objectMode: true }), stream)
      const { after, rows } = reached()
      await this.#client.query(
        'update copying_tables set after = $2, rows = rows + $3, step = step + 1 where name = $1',
        [table, textOf(after), rows],
      )
      next = { after, rows: progress.rows + rows, step: step + 1 }
    })
    return next
  }

  /** So that what comes next is planned by what is there. */
  async analyze(): Promise<void> {
    await this.#client.query(`analyze ${copiedTables.map(({ name }) => name).join(', ')}`)
  }

  /** The rows in the order of their key, as many at once as have arrived; `seen` is told of each byte. */
  read(
    table: string,
    columns: readonly string[],
    key: readonly string[],
    seen: (chunk: Buffer) => void,
  ): AsyncGenerator<Buffer[]> {
    const query = `select ${columns.join(', ')} from ${table} order by ${key.join(', ')}`
    const stream = this.#client.query(copyTo(`copy (${query}) to stdout (format binary)`))
    return rowsOf(told(stream, seen))
  }

  /** The target is an inbox from here on. */
  async finish({ epoch, head }: SourceLog, lastNumbers: readonly { table: string; number: number }[]): Promise<void> {
    await this.#transaction(async () => {
      for (const { table, number } of lastNumbers) {
        if (number === 0) continue
        await this.#client.query(`select setval(pg_get_serial_sequence($1, 'number'), $2)`, [table, number])
      }
      await this.#client.query('insert into log values (1, $1, $2)', [epoch, head])
      await this.#client.query('drop table copying, copying_tables')
    })
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {})
    await this.#database.close().catch(() => {})
  }

  async #rows<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.#database.call<Row>(text, values)
  }

  /** Nobody else works on the target: here a lock may span round trips. */
  async #transaction(run: () => Promise<void>): Promise<void> {
    await this.#client.query('begin')
    try {
      await run()
      await this.#client.query('commit')
    } catch (error) {
      await this.#client.query('rollback').catch(() => {})
      throw error
    }
  }
}

function* framed(chunks: Iterable<Buffer>): Generator<Buffer> {
  yield copyHeader
  yield* chunks
  yield copyTrailer
}

async function* told(chunks: AsyncIterable<Buffer>, seen: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    seen(chunk)
    yield chunk
  }
}

function textOf(key: Key): string {
  return key.map(part => (typeof part === 'number' ? String(part) : `x${part.toString('hex')}`)).join('/')
}

function keyOf(text: string): Key {
  return text.split('/').map(part => (part.startsWith('x') ? Buffer.from(part.slice(1), 'hex') : Number(part)))
}
