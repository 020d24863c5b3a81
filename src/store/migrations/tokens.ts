// 003: tokens, and the audit log of what was done with them.
import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const tokens: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('tokens')
      .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
      .addColumn('id', 'blob', column => column.notNull().unique())
      .addColumn('name', 'text', column => column.notNull())
      .addColumn('hash', 'blob', column => column.notNull())
      .addColumn('scopes', 'text', column => column.notNull())
      .addColumn('sources', 'text')
      .addColumn('createdat', 'integer', column => column.notNull())
      .addColumn('expiresat', 'integer')
      .addColumn('usedat', 'integer')
      .addColumn('revokedat', 'integer')
      .execute()
    await sql`create unique index tokens_name on tokens (name) where revokedat is null`.execute(db)
    await db.schema
      .createTable('audit')
      .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
      .addColumn('id', 'blob', column => column.notNull().unique())
      .addColumn('at', 'integer', column => column.notNull())
      .addColumn('actor', 'text', column => column.notNull())
      .addColumn('tokenid', 'text')
      .addColumn('action', 'text', column => column.notNull())
      .addColumn('target', 'text', column => column.notNull())
      .addColumn('detail', 'text', column => column.notNull())
      .addColumn('address', 'text', column => column.notNull())
      .addColumn('status', 'integer')
      .execute()
    for (const [name, columns] of [
      ['audit_by_actor', ['actor', 'number']],
      ['audit_by_action', ['action', 'number']],
      ['audit_by_both', ['actor', 'action', 'number']],
    ] as const) {
      await db.schema
        .createIndex(name)
        .on('audit')
        .columns([...columns])
        .execute()
    }
  },
}
