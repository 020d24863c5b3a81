// Kysely on SQLite, whose statements run in another thread.
import { type Kysely, type QueryResult, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { type Engine, kyselyOf } from '../statements.ts'
import type { Tables } from '../tables.ts'

/** Runs one statement. */
export type Run = (sql: string, parameters: readonly unknown[]) => Promise<QueryResult<never>>

const sqlite: Engine = {
  createAdapter: () => new SqliteAdapter(),
  createIntrospector: db => new SqliteIntrospector(db),
  createQueryCompiler: () => new SqliteQueryCompiler(),
  begin: 'begin immediate',
}

/** Kysely would send one statement after the other, each once the one before it is answered. */
class UnorderedAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true
  }
}

export function kyselyOver(run: Run): Kysely<Tables> {
  return kyselyOf(async (sql, parameters) => asBuffers(await run(sql, parameters)), sqlite)
}

/** Without transactions: which statements are run together, and in which order, is the matter of `run`. */
export function unorderedKyselyOver(run: Run): Kysely<Tables> {
  const engine = { ...sqlite, createAdapter: () => new UnorderedAdapter(), begin: null }
  return kyselyOf(async (sql, parameters) => asBuffers(await run(sql, parameters)), engine)
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
