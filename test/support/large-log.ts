// A log on PostgreSQL that is large at once: made by the server itself, with all that a gateway would have made of it.
import pg from 'pg'
import { quickHash } from '../../src/quick-hash.ts'
import type { TestDatabase } from './postgres.ts'

export const largeLog = {
  count: 120_000,
  days: 60,
  loans: 3_000,
  clients: 500,
  sources: ['north', 'south', 'rare'],
  /** The first has all of its deliveries behind it, the second is paused, with some of them in each state. */
  subscriptions: ['live', 'busy'],
  /** Of what waits beside the log. */
  entries: 15_000,
} as const

const dayMs = 86_400_000

/** Up to `now`, one event every few seconds; half of the requests have two. The database has the schema and no more. */
export async function fillLargeLog({ url }: TestDatabase, now: number): Promise<void> {
  const { count, days, loans, clients, entries } = largeLog
  const start = now - days * dayMs
  const step = (days * dayMs) / count
  const received = `${start} + i::bigint * ${step}`
  const request = `'[["content-type","application/json"]]', '192.0.2.1', convert_to(repeat('{"some":"body"}', 20), 'UTF8')`
  const hashes = (kind: string, size: number) =>
    Array.from({ length: size }, (_, index) => quickHash(`${kind}:${kind[0]!.toUpperCase()}${index}`))
  const refs = (keys: string) => `
    insert into refs select ($1::bigint[])[1 + i % ${keys}], i from generate_series(1, ${count}) i`

  const statements: (string | [string, unknown[]])[] = [
    `insert into kinds select n, case when n <= 20 then 'north' when n <= 35 then 'south' else 'rare' end, 'plain',
       (array['loan.created', 'loan.updated', 'payment.received', 'client.updated', 'task.completed'])[1 + n % 5],
       'T' || n, null, case when n <= 20 then 'north' when n <= 35 then 'south' else 'rare' end
     from generate_series(1, 40) n`,
    `insert into events
     select i, decode(md5(i::text), 'hex'), case when i % 100 = 0 then 36 + (i / 100) % 5 else 1 + i % 35 end,
       case when i % 2 = 0 then i - 1 end, ${received}, 'loan/L' || i % ${loans}, 'v' || i, null, null,
       case when i % 10 = 0 then i end, null,
       '{"refs":{"loan":"L' || i % ${loans} || '","client":"C' || i % ${clients} || '","bank":"B0"}}', null
     from generate_series(1, ${count}) i`,
    `insert into requests (sequence, headers, address, body)
     select i, ${request} from generate_series(1, ${count}, 2) i`,
    [refs(String(loans)), [hashes('loan', loans)]],
    [refs(String(clients)), [hashes('client', clients)]],
    [refs('1'), [hashes('bank', 1)]],
    `insert into identities select decode(md5(i::text), 'hex'), i, '\\x0000000000000000' from generate_series(1, ${count}) i`,
    `insert into minutes select received / 60000, min(sequence), max(sequence) from events group by 1`,
    `insert into subscriptions (name, origin, spec, cursor, paused, pausedat, breaker, createdat)
     select name, 'config', '{}', ${count}, paused, case when paused is not null then ${now} end,
       '{"state":"closed","failures":0,"opened":0,"until":null}', ${start}
     from (values ('${largeLog.subscriptions[0]}', null), ('${largeLog.subscriptions[1]}', 'person')) v(name, paused)`,
    `insert into deliveries (sequence, subscription, replay, state, attempt, spent, due, settledat, lane)
     select i, s, 0, state, case when state > 1 then 1 else 0 end, case when state = 3 then 1 else 0 end, ${received},
       case when state > 3 then ${received} end,
       case when state = 0 or (state in (3, 5) and i % 3 = 0) then 'north' || chr(10) || 'loan/L' || i % ${loans} end
     from generate_series(1, ${count}) i cross join (values (1), (2)) v(s)
     cross join lateral (select case when s = 1 then 4 else (array[0, 1, 3, 4, 4, 4, 5, 6, 7, 8])[1 + i % 10] end) c(state)`,
    `insert into delivery_counts select subscription, 0, state, count(*) from deliveries group by 1, 3`,
    `insert into delivery_counts select subscription, 0, 9, count(*) from deliveries
     where state = 5 and lane is not null group by 1`,
    `insert into attempts select sequence, subscription, 0, 1, due, 12, 'delivered', 200, null, null
     from deliveries where state > 1`,
    ...(['quarantine', 'rejections', 'conflicts'] as const).map(table => {
      const own = {
        quarantine: ['id, source, received, reason', `decode(md5('q' || i), 'hex'), source, ${received}, 'strange'`],
        rejections: [
          'id, source, received, status, reason, truncated, bytes',
          `decode(md5('r' || i), 'hex'), source, ${received}, 401, 'no', 0, 300`,
        ],
        conflicts: ['event, content, source, received', `decode(md5('c' || i), 'hex'), '\\x00', source, ${received}`],
      }[table]
      return `insert into ${table} (${own[0]}, headers, address, body) select ${own[1]}, ${request}
        from generate_series(1, ${entries}) i
        cross join lateral (select case when i % 1000 = 0 then 'rare' else 'north' end) v(source)`
    }),
    `update log set head = ${count}`,
    'analyze',
  ]
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('set synchronous_commit = off')
    for (const statement of statements) {
      await (typeof statement === 'string' ? client.query(statement) : client.query(...statement))
    }
  } finally {
    await client.end()
  }
}
