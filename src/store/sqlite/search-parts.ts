// What the search thread works with on SQLite: the index's file, and a connection that reads the inbox.
import type Sqlite from 'better-sqlite3'
import { SearchedLog } from '../search/log.ts'
import { kyselyOver } from './dialect.ts'
import { opened, openReader } from './open.ts'
import { readingParts } from './reading.ts'
import { sqliteSearchIndex } from './search-index.ts'

export function sqliteSearch({ path, payloadOf }: { path: string; payloadOf: readonly string[] }, remade: () => void) {
  return opened(openReader(path), db => parts(db, path, payloadOf, remade))
}

function parts(db: Sqlite.Database, path: string, payloadOf: readonly string[], remade: () => void) {
  // It reads the log from one end to the other: what it has read it does not read again.
  db.pragma('cache_size = -1024')
  const reading = kyselyOver(async (sql, parameters) => ({ rows: db.prepare(sql).all(...parameters) as never[] }))
  const index = sqliteSearchIndex(path, db)
  return {
    log: new SearchedLog(reading, readingParts, payloadOf),
    index,
    async remake() {
      index.remake()
      remade()
    },
    async close() {
      index.close()
      db.close()
    },
  }
}
