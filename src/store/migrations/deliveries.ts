// 002: subscriptions, the deliveries that their feeds make, and what became of each attempt.
import { type Kysely, sql } from 'kysely'
import type { Migration } from 'kysely/migration'

export const deliveries: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('events').addColumn('traceparent', 'text').execute()
    await db.schema
      .createTable('subscriptions')
      .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
      .addColumn('name', 'text', column => column.notNull().unique())
      .addColumn('origin', 'text', column => column.notNull())
      .addColumn('spec', 'text', column => column.notNull())
      .addColumn('sealed', 'blob')
      .addColumn('cursor', 'integer', column => column.notNull())
      .addColumn('paused', 'text')
      .addColumn('pausedat', 'integer')
      .addColumn('removedat', 'integer')
      .addColumn('breaker', 'text', column => column.notNull())
      .addColumn('createdat', 'integer', column => column.notNull())
      .execute()
    await db.schema
      .createTable('deliveries')
      .addColumn('sequence', 'integer', column => column.notNull())
      .addColumn('subscription', 'integer', column => column.notNull())
      .addColumn('replay', 'integer', column => column.notNull())
      .addColumn('state', 'integer', column => column.notNull())
      .addColumn('attempt', 'integer', column => column.notNull().defaultTo(0))
      .addColumn('spent', 'integer', column => column.notNull().defaultTo(0))
      .addColumn('due', 'integer', column => column.notNull())
      .addColumn('settledat', 'integer')
      .addColumn('lane', 'text')
      .addPrimaryKeyConstraint('deliveries_key', ['sequence', 'subscription', 'replay'])
      .modifyEnd(sql`without rowid`)
      .execute()
    // What a lease looks for; those that wait in a lane are not in it, so that a million of them cost it nothing.
    // Written as alternatives: SQLite uses a partial index only for a term that it finds among them.
    await sql`create index deliveries_due on deliveries (subscription, state, due, sequence, replay)
              where state = 1 or state = 3`.execute(db)
    // Everything but what succeeded, which is nearly all.
    await sql`create index deliveries_by_state on deliveries (subscription, state, sequence, replay)
              where state = 0 or state = 1 or state = 2 or state = 3
                 or state = 5 or state = 6 or state = 7 or state = 8`.execute(db)
    await sql`create index deliveries_lane on deliveries (subscription, replay, lane, sequence)
              where lane is not null`.execute(db)
    // A replay among a million of the live flow.
    await sql`create index deliveries_replay on deliveries (replay, state, sequence) where replay > 0`.execute(db)
    await db.schema
      .createTable('attempts')
      .addColumn('sequence', 'integer', column => column.notNull())
      .addColumn('subscription', 'integer', column => column.notNull())
      .addColumn('replay', 'integer', column => column.notNull())
      .addColumn('number', 'integer', column => column.notNull())
      .addColumn('startedat', 'integer', column => column.notNull())
      .addColumn('elapsedms', 'integer', column => column.notNull())
      .addColumn('result', 'text', column => column.notNull())
      .addColumn('status', 'integer')
      .addColumn('reason', 'text')
      .addColumn('answer', 'text')
      .addPrimaryKeyConstraint('attempts_key', ['sequence', 'subscription', 'replay', 'number'])
      .modifyEnd(sql`without rowid`)
      .execute()
    await db.schema
      .createTable('delivery_counts')
      .addColumn('subscription', 'integer', column => column.notNull())
      .addColumn('replay', 'integer', column => column.notNull())
      .addColumn('state', 'integer', column => column.notNull())
      .addColumn('count', 'integer', column => column.notNull())
      .addPrimaryKeyConstraint('delivery_counts_key', ['subscription', 'replay', 'state'])
      .modifyEnd(sql`without rowid`)
      .execute()
    await db.schema
      .createTable('replays')
      .addColumn('number', 'integer', column => column.primaryKey().autoIncrement())
      .addColumn('subscription', 'integer', column => column.notNull())
      .addColumn('filter', 'text', column => column.notNull())
      .addColumn('first', 'integer', column => column.notNull())
      .addColumn('last', 'integer', column => column.notNull())
      .addColumn('cursor', 'integer', column => column.notNull())
      .addColumn('state', 'text', column => column.notNull())
      .addColumn('matched', 'integer', column => column.notNull().defaultTo(0))
      .addColumn('key', 'text', column => column.unique())
      .addColumn('createdat', 'integer', column => column.notNull())
      .addColumn('endedat', 'integer')
      .execute()
    await sql`create index replays_running on replays (subscription) where state = 'running'`.execute(db)
    await db.schema
      .createTable('revision')
      .addColumn('one', 'integer', column => column.primaryKey())
      .addColumn('revision', 'integer', column => column.notNull())
      .execute()
  },
}
