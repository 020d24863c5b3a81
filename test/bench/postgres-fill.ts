// A large inbox on PostgreSQL, made by SQL: what months of work leave behind. Events of common and of rare kinds,
// subscriptions in every state of affairs, their deliveries and attempts, and what waits beside the log.
import pg from 'pg'
import { quickHash } from '../../src/quick-hash.ts'

/** Of one range: as the gateway cuts its log. */
const rangeWidth = 1_000_000
const keysAtOnce = 50_000
const dayMs = 86_400_000
/** Over so many days the events came in. */
const days = 60
const partitioned = ['events', 'requests', 'refs', 'attempts']

/** Subscriptions by their numbers. */
export const subscriptions = {
  /** Takes everything, and has a little to do. */
  busy: 1,
  /** A quarter of it, one after another of each subject; some lanes are held. */
  ordered: 2,
  /** Is at the beginning of the log. */
  behind: 3,
  /** All it has is tried again, later. */
  failing: 4,
  /** Was taken out of the configuration long ago. */
  removed: 5,
  /** At the beginning, and one after another. */
  behindInOrder: 6,
}
export const replays = { done: 1, running: 2 }

export interface Filled {
  count: number
  /** Of the first and of the last event. */
  from: number
  to: number
  loans: number
  clients: number
  banks: number
}

export async function fill(url: string, count: number): Promise<Filled> {
  const to = Date.now() - 60_000
  const filled: Filled = { count, from: to - days * dayMs, to, loans: count / 5, clients: count / 20, banks: 40 }
  const pool = new pg.Pool({ connectionString: url, max: 3, options: '-c synchronous_commit=off' })
  try {
    for (let first = 1; first <= count; first += rangeWidth) {
      for (const parent of partitioned) {
        await pool.query('select postern_make_range($1, $2, $3, 3000)', [parent, first, first + rangeWidth])
      }
    }
    await fillRefKeys(pool, filled)
    // Side by side: none reads what another one writes.
    const chains = [events(filled), requestsAndRefs(filled), [...work(filled), ...waiting(filled)]]
    await Promise.all(
      chains.map(async chain => {
        for (const text of chain) await pool.query(text)
      }),
    )
    for (const text of ['drop table ref_keys', 'vacuum analyze', 'checkpoint']) await pool.query(text)
  } finally {
    await pool.end()
  }
  return filled
}

/** The hash that refs are found by is ours: PostgreSQL looks it up. */
async function fillRefKeys(pool: pg.Pool, { loans, clients, banks }: Filled): Promise<void> {
  await pool.query('create unlogged table ref_keys (prefix text, n int, key bigint, primary key (prefix, n))')
  for (const [prefix, size] of [
    ['loan:L', loans],
    ['client:C', clients],
    ['bank:B', banks],
  ] as const) {
    for (let first = 0; first < size; first += keysAtOnce) {
      const numbers = Array.from({ length: Math.min(keysAtOnce, size - first) }, (_, offset) => first + offset)
      const keys = numbers.map(n => quickHash(`${prefix}${n}`))
      const text = 'insert into ref_keys select $1, * from unnest($2::int[], $3::bigint[])'
      await pool.query(text, [prefix, numbers, keys])
    }
  }
}

/** What an event of number g mentions. */
const mentioned = ({ loans, clients, banks }: Filled) =>
  `(g * 7919::bigint % ${loans}) as loan, (g * 104729::bigint % ${clients}) as client, g % ${banks} as bank`

/**
 * Kinds: 1 to 8 are common; 9 is one in 20,000; 10 ended long ago; 11 to 50 are of one source and one in a thousand
 * together.
 */
function events(filled: Filled): string[] {
  const { count, from, to } = filled
  const every = (to - from) / count
  return [
    `insert into kinds
     select n, case when n <= 4 then 'banclo' when n <= 9 then 'embarc' when n = 10 then 'archive' else 'zoo' end,
       case when n <= 4 then 'banclo' when n <= 9 then 'embarc' when n = 10 then 'archive' else 'zoo' end,
       case when n = 9 then 'loan.defaulted' when n > 10 then 'zoo.kind_' || n else 'loan.changed_' || n end,
       'VENDOR_TYPE_' || n, 'production', case when n <= 4 then 'banclo' else 'other' end
     from generate_series(1, 50) n`,
    `insert into events (sequence, id, kind, request, received, subject, vendorid, vendortime, soft, data)
     select g, decode(md5('event ' || g), 'hex'),
       case when g % 20000 = 7 then 9 when g < ${count / 100} and g % 10 = 3 then 10
         when g % 1000 = 11 then 11 + (g / 1000) % 40 else 1 + g % 8 end,
       null, ${from} + (g * ${every}::float8)::bigint, 'loan/L' || loan, 'vendor-' || g, '2026-01-15T15:45:00Z',
       case when g % 50 = 0 then g / 100 end,
       '{"refs":{"loan":"L' || loan || '","client":"C' || client || '","bank":"B' || bank || '"},"change":{"from":'
       || '"PRE_BID","to":"BID"},"amount":{"value":"250000.00","currency":"EUR"},"application":"APP-' || g || '"}'
     from (select g, ${mentioned(filled)} from generate_series(1, ${count}) g) as made`,
    `insert into identities select id, sequence, substring(id for 8) from events`,
    `insert into minutes select received / 60000, min(sequence), max(sequence) from events group by 1`,
    `update log set head = ${count}`,
  ]
}

function requestsAndRefs(filled: Filled): string[] {
  return [
    `insert into requests (sequence, headers, address, body)
     select g, '[["Content-Type","application/json"],["X-Signature","***"]]', '203.0.113.7',
       convert_to('{"id":"vendor-' || g || '","remark":"' || repeat(md5(g::text), 13) || '"}', 'UTF8')
     from generate_series(1, ${filled.count}) g`,
    ...[
      ['loan:L', 'loan'],
      ['client:C', 'client'],
      ['bank:B', 'bank'],
    ].map(
      ([prefix, column]) =>
        `insert into refs select key, g from (select g, ${mentioned(filled)} from generate_series(1, ${filled.count}) g) as made
         join ref_keys on prefix = '${prefix}' and n = ${column}`,
    ),
  ]
}

/** Beside the log. */
function waiting({ to }: Filled): string[] {
  return [
    ...['quarantine', 'rejections', 'conflicts'].map(table => {
      const [columns, values] =
        table === 'quarantine'
          ? ['id, reason', `decode(md5('waits ' || g), 'hex'), 'not understood'`]
          : table === 'rejections'
            ? ['id, status, reason, truncated, bytes', `decode(md5('no ' || g), 'hex'), 401, 'bad signature', 0, 500`]
            : ['event, content', `decode(md5('event ' || g), 'hex'), decode(md5('other ' || g), 'hex')`]
      return `insert into ${table} (${columns}, source, received, headers, address, body)
        select ${values}, case when g = 1 then 'rare' else 'banclo' end, ${to}, '[]', '203.0.113.7',
          convert_to(repeat(md5(g::text), 15), 'UTF8')
        from generate_series(1, 5000) g`
    }),
  ]
}

/** Counts are made of the rows, as the functions would have kept them. */
function work({ count, to }: Filled): string[] {
  const { busy, ordered, behind, failing, removed, behindInOrder } = subscriptions
  const s = { waiting: 0, pending: 1, delivering: 2, retrying: 3, succeeded: 4, dead: 5, skipped: 6, expired: 8 }
  const columns = 'sequence, subscription, replay, state, attempt, spent, due, leaseduntil, settledat, lane'
  const late = Math.min(50_000, count / 10)
  return [
    `insert into subscriptions (number, name, origin, spec, cursor, breaker, createdat, removedat)
     overriding system value
     select number, 'subscription-' || number, 'config', '{}',
       case when number in (${behind}, ${behindInOrder}) then 0 else ${count} end,
       '{"state":"closed","failures":0,"opened":0,"until":null}', ${to - days * dayMs},
       case when number = ${removed} then ${to - 30 * dayMs} end
     from generate_series(1, 6) number`,
    `insert into replays (number, subscription, filter, first, last, cursor, state, matched, createdat)
     overriding system value
     values (${replays.done}, ${busy}, '{}', 1, ${count / 100}, ${count / 100}, 'done', ${count / 100}, ${to}),
       (${replays.running}, ${busy}, '{}', 1, ${count}, ${late}, 'running', ${late}, ${to})`,
    `select setval(pg_get_serial_sequence('subscriptions', 'number'), 10), setval(pg_get_serial_sequence('replays', 'number'), 10)`,
    `insert into deliveries (${columns})
     select g, ${busy}, 0, state, case when state = ${s.pending} then 0 when state = ${s.dead} then 11 else 1 end, 0,
       ${to} - (${count} - g), case when state = ${s.delivering} then ${to} - 1000 end,
       case when state >= ${s.succeeded} then ${to} end, null
     from (select g, case when g > ${count - late} then ${s.pending} when g > ${count - late} - 300 then ${s.delivering}
       when g % 1000 = 0 then ${s.dead} when g % 5000 = 1 then ${s.skipped} when g % 5000 = 2 then ${s.expired}
       else ${s.succeeded} end as state from generate_series(1, ${count}) g) as made`,
    `insert into deliveries (${columns})
     select g, ${busy}, ${replays.done}, ${s.succeeded}, 1, 0, ${to}, null::bigint, ${to}, null
     from generate_series(1, ${count / 100}) g
     union all select g, ${busy}, ${replays.running}, ${s.retrying}, 1, 1, ${to + dayMs} + g, null, null, null
     from generate_series(1, ${late}) g`,
    // The first of a lane is due, or dead and holds it; the others wait.
    `insert into deliveries (${columns})
     select sequence, ${ordered}, 0,
       case when lane is null then ${s.succeeded} when place > 1 then ${s.waiting}
         when sequence % 3 = 0 then ${s.dead} else ${s.pending} end,
       case when lane is null or (place = 1 and sequence % 3 = 0) then 1 else 0 end, 0, ${to}, null,
       case when lane is null then ${to} end, lane
     from (select sequence, lane, row_number() over (partition by lane order by sequence) as place
       from (select sequence, case when sequence > ${count - 4 * late} then E'banclo\\nloan/L' || sequence / 4 % 5000 end
         as lane from generate_series(4, ${count}, 4) as sequence) as fed) as placed`,
    `insert into deliveries (${columns})
     select g, ${failing}, 0, ${s.retrying}, 3, 3, ${to + dayMs} + g, null::bigint, null::bigint, null
     from generate_series(${count - late} + 1, ${count}) g
     union all select g, ${removed}, 0, ${s.pending}, 0, 0, ${to}, null, null, null
     from generate_series(${count - late / 5} + 1, ${count}) g`,
    `insert into attempts (sequence, subscription, replay, number, startedat, elapsedms, result, status)
     select sequence, subscription, replay, number, ${to}, 12,
       case when state = ${s.succeeded} then 'succeeded' else 'failed' end, case when state = ${s.succeeded} then 204 else 500 end
     from deliveries cross join lateral generate_series(1, attempt) as number`,
    `insert into delivery_counts
     select subscription, owner, state, count(*) from deliveries
     cross join lateral (select 0 as owner union select replay) as owners group by 1, 2, 3
     union all select subscription, 0, 9, count(*) from deliveries where state = ${s.dead} and lane is not null group by 1`,
    `insert into revision values (1, 1)`,
  ]
}
