// The append between processes: many write at once, readers page behind them, and one of the writers freezes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../src/store/postgres/database.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { AppendOutcome, Store } from '../../src/store/store.ts'
import { idOf, logOf, record, request } from '../contract/store/record.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

let database: TestDatabase
let proxy: TcpProxy
const stores: Store[] = []

const ackTimeoutMs = 2_000

beforeAll(async () => {
  database = await createDatabase()
  proxy = await startTcpProxy(Number(new URL(database.url).port))
  const open = () => openPostgresStore(postgresOptions(database.url, { poolMax: 4, ackTimeoutMs, directUrl: null }))
  // All at once: the schema is made by one of them.
  stores.push(...(await Promise.all([open(), open(), open(), open()])))
})

afterAll(async () => {
  await Promise.all(stores.map(store => store.close()))
  await proxy?.close()
  await database?.drop()
})

const append = (store: Store, key: string, fields = {}) => store.append([record(key, fields)], request(key))

describe('many who append at once', () => {
  test('invariant 7: no reader that pages by `after` skips an event, nor is ahead of the head', async () => {
    const [{ head: first }] = await head()
    let writing = true
    const readers = Array.from({ length: 3 }, async (_, index) => {
      const own = new Database({ url: database.url, poolMax: 1, timeoutMs: 10_000 })
      const seen: number[] = []
      let after = first
      let ended = false
      while (!ended) {
        // What is committed before the look is seen by it.
        ended = !writing
        const page = await own.call<{ sequence: number }>(
          `select sequence from events where sequence > $1 order by sequence limit $2`,
          [after, 1 + index * 50],
        )
        seen.push(...page.map(({ sequence }) => sequence))
        after = seen.at(-1) ?? first
        const [row] = await own.call<{ head: number }>('select head from log')
        expect(row!.head).toBeGreaterThanOrEqual(after)
        if (page.length > 0) ended = false
      }
      await own.close()
      return seen
    })
    const outcomes: AppendOutcome[] = []
    await Promise.all(
      stores.flatMap((store, writer) =>
        Array.from({ length: 4 }, async (_, turn) => {
          for (let n = 0; n < 60; n++) {
            const keys = Array.from({ length: 1 + ((n + turn) % 3) }, (_, part) => `${writer}-${turn}-${n}-${part}`)
            // Bodies of any size: commits take any time.
            const asked = request(Buffer.alloc(((n * 7_919) % 20) * 1_000))
            outcomes.push(
              ...(await store.append(
                keys.map(key => record(key)),
                asked,
              )),
            )
          }
        }),
      ),
    )
    writing = false
    const expected = outcomes.map(({ sequence }) => sequence).toSorted((a, b) => a - b)
    expect(expected).toEqual(expected.map((_, index) => first + 1 + index))
    for (const seen of await Promise.all(readers)) expect(seen).toEqual(expected)
  })

  test('the same thing, have one event of it, and all are told which', async () => {
    const keys = Array.from({ length: 20 }, (_, index) => `same ${index}`)
    const answers = await Promise.all(
      // Of sources that nobody has named before, too.
      stores.flatMap((store, index) =>
        (index % 2 === 0 ? keys : keys.toReversed()).map(key => append(store, key, { type: `plain.${key.at(-1)}` })),
      ),
    )
    const outcomes = answers.flat()
    expect(outcomes.filter(({ status }) => status === 'accepted')).toHaveLength(keys.length)
    expect(new Set(outcomes.map(({ id, sequence }) => `${id} ${sequence}`)).size).toBe(keys.length)
    const [kinds] = await queryOnce<{ rows: string; types: string }>(
      database.url,
      'select count(*) as rows, count(distinct (source, type)) as types from kinds',
    )
    expect(kinds!.rows).toBe(kinds!.types)
  })
})

/** Older servers have no `transaction_timeout`: there it ends with its connection. */
async function endsWhatIsLeft(): Promise<boolean> {
  const [row] = await queryOnce<{ version: number }>(
    database.url,
    "select current_setting('server_version_num')::int as version",
  )
  return row!.version >= 170_000
}

describe('one who freezes', () => {
  /** It has the lock, and never says that it is done. */
  async function freeze(timeoutMs: number): Promise<Database> {
    // It gives up, but nothing of that arrives.
    const own = new Database({ url: proxy.through(database.url), poolMax: 1, timeoutMs: 500 })
    await own.call('select 1')
    const batch = [{ r: 0, id: '00'.repeat(16), content: '00'.repeat(8), kind: 1, received: 1, data: '{}', refs: [] }]
    const asked = [{ n: 0, headers: '[]', address: '', received: 1, source: 'plain', at: 0, size: 0 }]
    const cut = proxy.cutBefore(sync)
    own
      .call('select postern_append($1::json, $2::json, $3, $4)', [
        JSON.stringify(batch),
        JSON.stringify(asked),
        Buffer.alloc(0),
        timeoutMs,
      ])
      .catch(() => {})
    await cut
    await until('it has the lock', async () => (await holders()).length > 0)
    return own
  }

  test('between its append and its end holds the others up no longer than the time limit', async ({ skip }) => {
    if (!(await endsWhatIsLeft())) skip()
    const limitMs = 1_000
    const frozen = await freeze(limitMs)
    const began = performance.now()
    const outcomes = await Promise.all(stores.map((store, index) => append(store, `behind ${index}`)))
    const elapsedMs = performance.now() - began
    expect(elapsedMs).toBeGreaterThan(limitMs / 10)
    expect(elapsedMs).toBeLessThan(ackTimeoutMs)
    const [{ head: last }] = await head()
    expect(
      outcomes
        .flat()
        .map(({ sequence }) => sequence)
        .toSorted((a, b) => a - b),
    ).toEqual([3, 2, 1, 0].map(back => last - back))
    expect(await stores[0]!.event(Buffer.alloc(16)), 'what it appended').toBeUndefined()
    await frozen.close()
  })

  test('for longer than others wait has them know that nothing was stored', async ({ skip }) => {
    if (!(await endsWhatIsLeft())) skip()
    const frozen = await freeze(ackTimeoutMs * 2)
    const began = performance.now()
    await expect(append(stores[0]!, 'given up')).rejects.toMatchObject({ code: 'store_unreachable', retryable: true })
    expect(performance.now() - began).toBeLessThan(ackTimeoutMs * 1.75)
    await until('it has let go', async () => (await holders()).length === 0)
    expect(await stores[0]!.event(idOf('given up'))).toBeUndefined()
    expect(await append(stores[1]!, 'given up')).toMatchObject([{ status: 'accepted' }])
    await frozen.close()
  })
})

test('the log has no gap after all that', async () => {
  const sequences = (await logOf(stores[3]!)).map(({ sequence }) => sequence)
  expect(sequences).toEqual(sequences.map((_, index) => index + 1))
  expect((await head())[0].head).toBe(sequences.length)
})

/** The last message of a statement: with it the server commits. */
const sync = Buffer.from([0x53, 0, 0, 0, 4])

async function head(): Promise<[{ head: number }]> {
  const [row] = await queryOnce<{ head: string }>(database.url, 'select head from log')
  return [{ head: Number(row!.head) }]
}

/** Who has the append's lock, and is asked for nothing more. */
function holders(): Promise<unknown[]> {
  return queryOnce(
    database.url,
    `select pid from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and classid = 1 and objid = 0 and granted and wait_event = 'ClientRead'
       and pg_locks.database = (select oid from pg_database where datname = current_database())`,
  )
}
