// 004: what waits beside the log by its source: it is counted and listed without reading what it holds.
import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

export const entries: Migration = {
  async up(db: Kysely<unknown>) {
    for (const table of ['quarantine', 'conflicts']) {
      await db.schema.createIndex(`${table}_by_source`).on(table).columns(['source', 'number']).execute()
    }
  },
}
