// Kysely over a thread: queries are built here and run there, so that the same ones will run on PostgreSQL.
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { Tables } from '../tables.ts'

/** Runs one statement; blobs are Buffers. */
export type Run = (sql: string, parameters: readonly unknown[]) => Promise<QueryResult<never>>

export function kyselyOver(run: Run): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new ThreadDialect(run) })
}

class ThreadDialect implements Dialect {
  readonly #run: Run
  constructor(run: Run) {
    this.#run = run
  }
  createAdapter = () => new SqliteAdapter()
  createDriver = () => new ThreadDriver(this.#run)
  createIntrospector = (db: Kysely<never>) => new SqliteIntrospector(db)
  createQueryCompiler = () => new SqliteQueryCompiler()
}

class ThreadDriver implements Driver {
  readonly #connection: DatabaseConnection
  constructor(run: Run) {
    this.#connection = {
      executeQuery: async <Row>(query: CompiledQuery) =>
        asBuffers<Row>((await run(query.sql, query.parameters)) as QueryResult<Row>),
      streamQuery: () => {
        throw new Error('queries are not streamed: read in pages')
      },
    }
  }
  init = () => Promise.resolve()
  acquireConnection = () => Promise.resolve(this.#connection)
  releaseConnection = () => Promise.resolve()
  destroy = () => Promise.resolve()
  beginTransaction = (connection: DatabaseConnection) => execute(connection, 'begin immediate')
  commitTransaction = (connection: DatabaseConnection) => execute(connection, 'commit')
  rollbackTransaction = (connection: DatabaseConnection) => execute(connection, 'rollback')
}

async function execute(connection: DatabaseConnection, sql: string): Promise<void> {
  await connection.executeQuery(CompiledQuery.raw(sql))
}

/** A Buffer arrives from another thread as a plain Uint8Array. */
function asBuffers<Row>(result: QueryResult<Row>): QueryResult<Row> {
  for (const row of result.rows as Record<string, unknown>[]) {
    for (const [name, value] of Object.entries(row)) {
      if (value instanceof Uint8Array) row[name] = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  }
  return result
}
