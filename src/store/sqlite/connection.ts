// The store as another thread of the process has it: a connection of its own for reading, which waits for nobody, and
// the writer over a port.
import type { Statement } from 'better-sqlite3'
import { Queries } from '../queries.ts'
import type { AppendOutcome, StoreChannel, StoreConnection } from '../store.ts'
import { sqliteDeliveries } from './deliveries.ts'
import { kyselyOver, type Run, unorderedKyselyOver } from './dialect.ts'
import { appendCommand } from './fields.ts'
import { openReader } from './open.ts'
import { readingParts } from './reading.ts'
import { writerOver } from './threads.ts'

/** Statements that are kept prepared; those with lists of their own in the text are many. */
const statementsMax = 200

export function connectSqliteStore({ path, port }: StoreChannel & { engine: 'sqlite' }): StoreConnection {
  const writer = writerOver(port)
  const db = openReader(path)
  const statements = new Map<string, Statement>()
  const read: Run = async (sql, parameters) => {
    let statement = statements.get(sql)
    if (statement === undefined) {
      statement = db.prepare(sql)
      if (statements.size < statementsMax) statements.set(sql, statement)
    }
    return { rows: statement.all(...parameters) as never[] }
  }
  const reading = kyselyOver(read)
  const writing = unorderedKyselyOver((sql, parameters) => writer.run({ op: 'sql', sql, parameters }))
  const queries = new Queries(reading, readingParts)
  return {
    deliveries: sqliteDeliveries({ writer, queries, reading, writing }),
    append: (events, request) => writer.run<AppendOutcome[]>(...appendCommand(events, request)),
    failed: writer.failed,
    async close() {
      await writer.drain()
      port.close()
      db.close()
    },
  }
}
