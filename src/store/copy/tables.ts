// What an inbox consists of, for copying it: each table with its key, and what is not simply the same on the other side.

export interface CopiedTable {
  name: string
  /** The primary key, in whose order it is copied and compared. Never negative: its bytes sort as it does. */
  key: readonly string[]
  /** What is read instead of a column; `@now` is when the copy was begun. */
  instead?: Readonly<Record<string, string>>
  /** What is read instead of the table. */
  from?: string
  /** Whether the server numbers what comes next. */
  numbered?: true
}

/**
 * What was leased by the process that is no more is due again, as it would be at that process's next start; here and in
 * the counts.
 */
const dueAgain = 'case when spent > 0 then 3 else 1 end'
const movedCounts = `(
  with leased as (
    select subscription, replay, ${dueAgain} as state, count(*) as count from deliveries
    where subscription in (select number from subscriptions) and state = 2 group by 1, 2, 3
  ), entered as (
    select subscription, 0 as replay, state, count from leased
    union all select * from leased where replay > 0
  )
  select subscription, replay, state, sum(count) as count from (
    select subscription, replay, state, count from delivery_counts
    union all select * from entered
    union all select subscription, replay, 2, -count from entered
  ) group by 1, 2, 3)`

/** All that a gateway keeps but the log's own row, which is written when everything else is there. */
export const copiedTables: readonly CopiedTable[] = [
  { name: 'kinds', key: ['id'] },
  { name: 'identities', key: ['id'] },
  { name: 'events', key: ['sequence'] },
  { name: 'requests', key: ['sequence'] },
  // Made from the events: see Source.
  { name: 'refs', key: ['sequence', 'key'] },
  { name: 'minutes', key: ['minute'] },
  { name: 'quarantine', key: ['number'], numbered: true },
  { name: 'rejections', key: ['number'], numbered: true },
  { name: 'conflicts', key: ['number'], numbered: true },
  { name: 'subscriptions', key: ['number'], numbered: true },
  {
    name: 'deliveries',
    key: ['sequence', 'subscription', 'replay'],
    instead: {
      state: `case state when 2 then ${dueAgain} else state end`,
      due: 'case state when 2 then @now else due end',
    },
  },
  { name: 'attempts', key: ['sequence', 'subscription', 'replay', 'number'] },
  { name: 'delivery_counts', key: ['subscription', 'replay', 'state'], from: movedCounts },
  { name: 'replays', key: ['number'], numbered: true },
  { name: 'revision', key: ['one'] },
  { name: 'tokens', key: ['number'], numbered: true },
  { name: 'audit', key: ['number'], numbered: true },
]
