// What the search thread works with on PostgreSQL: a connection of its own.
import { SearchedLog } from '../search/log.ts'
import type { PostgresOptions } from '../store.ts'
import { Database } from './database.ts'
import { readingParts } from './reading.ts'
import { postgresSearchIndex } from './search-index.ts'

/** Nobody waits for it. */
const timeoutMs = 30_000

export function postgresSearch({ options, payloadOf }: { options: PostgresOptions; payloadOf: readonly string[] }) {
  const database = new Database({ url: options.url, poolMax: 1, timeoutMs })
  return {
    log: new SearchedLog(database.kysely, readingParts, payloadOf),
    index: postgresSearchIndex(database),
    async remake() {},
    close: () => database.close(),
  }
}
