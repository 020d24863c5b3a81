// The schema's history. A migration that has landed is never edited: a later one changes what it made.
import { type CreateTableBuilder, type Kysely, sql } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'
import { deliveries } from './migrations/deliveries.ts'
import { entries } from './migrations/entries.ts'
import { mergedRefs } from './migrations/merged-refs.ts'
import { tokens } from './migrations/tokens.ts'

export const migrations: MigrationProvider = {
  getMigrations: () =>
    Promise.resolve({
      '001-inbox': inbox,
      '002-deliveries': deliveries,
      '003-tokens': tokens,
      '004-entries': entries,
      '005-merged-refs': mergedRefs,
    }),
}

const inbox: Migration = {
  async up(db: Kysely<unknown>) {
    const epoch = sql<string>`lower(hex(randomblob(8)))`
    await db.schema
      .createTable('log')
      .addColumn('one', 'integer', column => column.primaryKey())
      .addColumn('epoch', 'text', column => column.notNull())
      .addColumn('head', 'integer', column => column.notNull())
      .execute()
    await sql`insert into log (one, epoch, head) values (1, ${epoch}, 0)`.execute(db)

    await db.schema
      .createTable('kinds')
      .addColumn('id', 'integer', column => column.primaryKey())
      .addColumn('source', 'text', column => column.notNull())
      .addColumn('vendor', 'text', column => column.notNull())
      .addColumn('type', 'text', column => column.notNull())
      .addColumn('vendortype', 'text', column => column.notNull())
      .addColumn('environment', 'text')
      .addColumn('namespace', 'text', column => column.notNull())
      .execute()

    await db.schema
      .createTable('events')
      .addColumn('sequence', 'integer', column => column.primaryKey())
      .addColumn('id', 'blob', column => column.notNull())
      .addColumn('kind', 'integer', column => column.notNull())
      .addColumn('request', 'integer')
      .addColumn('received', 'integer', column => column.notNull())
      .addColumn('subject', 'text')
      .addColumn('vendorid', 'text')
      .addColumn('vendortime', 'text')
      .addColumn('time', 'text')
      .addColumn('soft', 'integer')
      .addColumn('sameas', 'blob')
      .addColumn('data', 'text', column => column.notNull())
      .execute()
    await db.schema.createIndex('events_by_kind').on('events').columns(['kind', 'sequence']).execute()

    await db.schema
      .createTable('identities')
      .addColumn('id', 'blob', column => column.primaryKey())
      .addColumn('sequence', 'integer', column => column.notNull())
      .addColumn('content', 'blob', column => column.notNull())
      .modifyEnd(sql`without rowid`)
      .execute()
    await db.schema
      .createTable('refs')
      .addColumn('bucket', 'integer', column => column.notNull())
      .addColumn('key', 'integer', column => column.notNull())
      .addColumn('sequence', 'integer', column => column.notNull())
      .addPrimaryKeyConstraint('refs_key', ['bucket', 'key', 'sequence'])
      .modifyEnd(sql`without rowid`)
      .execute()
    await db.schema
      .createTable('minutes')
      .addColumn('minute', 'integer', column => column.primaryKey())
      .addColumn('first', 'integer', column => column.notNull())
      .addColumn('last', 'integer', column => column.notNull())
      .execute()

    await requestColumns(
      db.schema.createTable('requests').addColumn('sequence', 'integer', column => column.primaryKey()),
    ).execute()
    await requestColumns(
      db.schema
        .createTable('quarantine')
        .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
        .addColumn('id', 'blob', column => column.notNull().unique())
        .addColumn('source', 'text', column => column.notNull())
        .addColumn('received', 'integer', column => column.notNull())
        .addColumn('reason', 'text', column => column.notNull()),
    ).execute()
    await requestColumns(
      db.schema
        .createTable('rejections')
        .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
        .addColumn('id', 'blob', column => column.notNull().unique())
        .addColumn('source', 'text', column => column.notNull())
        .addColumn('received', 'integer', column => column.notNull())
        .addColumn('status', 'integer', column => column.notNull())
        .addColumn('reason', 'text', column => column.notNull())
        .addColumn('truncated', 'integer', column => column.notNull())
        .addColumn('sealed', 'blob')
        .addColumn('bytes', 'integer', column => column.notNull()),
    ).execute()
    await db.schema.createIndex('rejections_ring').on('rejections').columns(['source', 'number', 'bytes']).execute()
    await requestColumns(
      db.schema
        .createTable('conflicts')
        .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
        .addColumn('event', 'blob', column => column.notNull())
        .addColumn('content', 'blob', column => column.notNull())
        .addColumn('source', 'text', column => column.notNull())
        .addColumn('received', 'integer', column => column.notNull())
        .addUniqueConstraint('conflicts_once', ['event', 'content']),
    ).execute()
  },
}

/** A kept request. The body stands last, so that reading the rest does not read its pages. */
function requestColumns<Name extends string, Column extends string>(table: CreateTableBuilder<Name, Column>) {
  return table
    .addColumn('method', 'text')
    .addColumn('rest', 'text')
    .addColumn('query', 'text')
    .addColumn('headers', 'text', column => column.notNull())
    .addColumn('address', 'text', column => column.notNull())
    .addColumn('sha256', 'blob')
    .addColumn('redacted', 'text')
    .addColumn('body', 'blob', column => column.notNull())
}
