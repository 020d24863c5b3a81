// 005: how far the narrow buckets of the index of refs are merged into wide ones (see sqlite/ref-merge.ts): those up to
// `merged` wide ones.
import type { Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

export const mergedRefs: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .alterTable('log')
      .addColumn('merged', 'integer', column => column.notNull().defaultTo(0))
      .execute()
  },
}
