// The store on PostgreSQL as the shared suites open it: each inbox in a database of its own.
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { PostgresOptions, SearchOptions } from '../../src/store/store.ts'
import type { OpenStore } from '../contract/store/inbox.ts'
import { queryOnce, type TestDatabase } from './postgres.ts'

let opened = 0

export function postgresOptions(url: string, fields: Partial<PostgresOptions> = {}): PostgresOptions {
  return { url, poolMax: 8, ackTimeoutMs: 4_000, node: `node-${++opened}`, leaseMs: 30_000, ...fields }
}

/** `fields`: of the options, from the database's own URL. */
export function postgresEngine(
  create: () => Promise<TestDatabase>,
  fields: (url: string) => Partial<PostgresOptions> = () => ({}),
  search?: SearchOptions,
): OpenStore {
  return async () => {
    const database = await create()
    const options = postgresOptions(database.url, fields(database.url))
    let store = await openPostgresStore(options, undefined, { search })
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await openPostgresStore(options, undefined, { search })
        return store
      },
      async lapse() {
        await queryOnce(database.url, 'update deliveries set leaseduntil = 0 where state = 2')
      },
      async remove() {
        await store.close()
        await database.drop()
      },
    }
  }
}
