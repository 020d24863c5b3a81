// Kysely over whatever runs one statement: queries are built here and run elsewhere, in another thread or on another
// machine, so that the same ones serve both engines.
import { CompiledQuery, type DatabaseConnection, type Dialect, type Driver, Kysely, type QueryResult } from 'kysely'
import type { Tables } from './tables.ts'

/** Runs one statement; blobs are Buffers. */
export type Run = <Row>(sql: string, parameters: readonly unknown[]) => Promise<QueryResult<Row>>

/** What Kysely wants to know of an engine. */
export type Engine = Pick<Dialect, 'createAdapter' | 'createIntrospector' | 'createQueryCompiler'> & {
  /** How a transaction begins; null where each statement is one of its own. */
  begin: string | null
}

export function kyselyOf(run: Run, { begin, ...engine }: Engine): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: { ...engine, createDriver: () => new StatementDriver(run, begin) } })
}

class StatementDriver implements Driver {
  readonly #connection: DatabaseConnection
  readonly #begin: string | null

  constructor(run: Run, begin: string | null) {
    this.#begin = begin
    this.#connection = {
      executeQuery: <Row>({ sql, parameters }: CompiledQuery) => run<Row>(sql, parameters),
      streamQuery: () => {
        throw new Error('queries are not streamed: read in pages')
      },
    }
  }

  init = () => Promise.resolve()
  acquireConnection = () => Promise.resolve(this.#connection)
  releaseConnection = () => Promise.resolve()
  destroy = () => Promise.resolve()
  beginTransaction = () => this.#transaction(this.#begin)
  commitTransaction = () => this.#transaction('commit')
  rollbackTransaction = () => this.#transaction('rollback')

  async #transaction(sql: string | null): Promise<void> {
    if (this.#begin === null || sql === null) throw new Error('one statement is one transaction')
    await this.#connection.executeQuery(CompiledQuery.raw(sql))
  }
}
