// What a statement on PostgreSQL comes to when the server or the network is not as it should be.
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../src/store/postgres/database.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
let proxy: TcpProxy
const opened: Database[] = []

/** Through the proxy. */
function database(timeoutMs = 10_000, poolMax = 4): Database {
  const made = new Database({ url: proxy.through(server.url), poolMax, timeoutMs })
  opened.push(made)
  return made
}

/** Backends that run a statement with this text in it, but for the one that asks. */
function running(text: string): Promise<{ pid: number; state: string; wait: string | null }[]> {
  return server.query(
    `select pid, state, wait_event as wait from pg_stat_activity where query like $1 and pid <> pg_backend_pid()`,
    [`%${text}%`],
  )
}

beforeAll(async () => {
  server = await startPostgres()
  proxy = await startTcpProxy(server.port)
  await server.query('create table notes (id int primary key, text text)')
})

afterEach(async () => {
  await proxy.recover()
  proxy.latencyMs = 0
  await Promise.all(opened.splice(0).map(each => each.close()))
  await server.query('truncate notes')
})

afterAll(async () => {
  await proxy?.close()
  await server?.end()
})

const insert = `insert into notes select $1::int, $2::text on conflict (id) do update set text = excluded.text returning id`

describe('a value', () => {
  test('comes back as what it was', async () => {
    const [row] = await database().call(
      `select true as yes, 7::int2 as int2, $1::bigint as int8, 1.5::float8 as float8, count(*) as count,
         $2::bytea as bytes, $3::json as json, null as nothing, $4::text as text, 12.50::numeric as numeric`,
      [2 ** 53 - 1, Buffer.from([0, 1, 255]), '{"a":[1,null]}', 'ß'],
    )
    expect(row).toEqual({
      yes: true, int2: 7, int8: 2 ** 53 - 1, float8: 1.5, count: 1, bytes: Buffer.from([0, 1, 255]),
      json: { a: [1, null] }, nothing: null, text: 'ß', numeric: 12.5,
    }) // biome-ignore format: as it was asked
  })

  test('of text is the same text, whatever is in it', async () => {
    const own = database()
    const special = fc.constantFrom('\u0000', '\u0001', '\u00010', '\u00011', '0', '1', '\\', '😀')
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.array(special).map(parts => parts.join('')),
    )
    let id = 0
    await fc.assert(
      fc.asyncProperty(text, async value => {
        id++
        expect(await own.call('select $1::text as text', [value])).toEqual([{ text: value }])
        await own.kysely
          .insertInto('notes' as never)
          .values({ id, text: value } as never)
          .execute()
        const { rows } = await sql<{ id: number }>`select id, text from notes where text = ${value}`.execute(own.kysely)
        expect(rows).toContainEqual({ id, text: value })
      }),
      { numRuns: 200 },
    )
  })

  test('that PostgreSQL refuses for its content is refused, and is not tried again', async () => {
    const own = database()
    for (const [text, values] of [
      ['select $1::int', ['one']],
      ['insert into notes values ($1, null), ($1, null)', [1]],
      ['select $1::json', ['{"a":']],
      ['select 1 / $1::int', [0]],
    ] as const) {
      await expect(own.call(text, values)).rejects.toMatchObject({ code: 'store_refused', retryable: false })
    }
    await expect(own.call('select from nowhere')).rejects.toMatchObject({ code: 'internal' })
    // The connection is as good as before.
    expect(await own.call('select 1 as one')).toEqual([{ one: 1 }])
    expect(proxy.open).toBe(1)
  })

  test('of a lone surrogate is refused or replaced, and never breaks what comes after', async () => {
    const own = database()
    expect(await own.call('select $1::text as text', ['a\ud800b'])).toEqual([{ text: 'a\ufffdb' }])
    expect(await own.call('select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('a server that is started again', () => {
  test('between statements is not noticed', async () => {
    const own = database()
    for (const again of [() => server.stop(), () => server.stop('immediate'), () => server.kill()]) {
      await Promise.all([1, 2, 3].map(id => own.call(insert, [id, 'before'])))
      await again()
      await server.start()
      expect(await own.call(insert, [1, 'after'])).toEqual([{ id: 1 }])
    }
  })

  test('while a statement waits for it is not noticed either', async () => {
    const own = database()
    await own.call('select 1')
    await server.kill()
    const waiting = own.call(insert, [1, 'meanwhile'])
    await server.start()
    expect(await waiting).toEqual([{ id: 1 }])
  })

  test.each(['stop', 'kill'] as const)('in the middle of a statement (%s), has it done once more', async how => {
    const own = database()
    const slow = own.call(
      `with slept as (select pg_sleep(0.5)) ${insert.replace('select', 'select /* slow */').replace('::text', '::text from slept')}`,
      [9, how],
    )
    await until('it is under way', async () => (await running('/* slow */')).length > 0)
    await server[how]()
    await server.start()
    expect(await slow).toEqual([{ id: 9 }])
    expect(await server.query('select text from notes')).toEqual([{ text: how }])
  })

  test('too late for it leaves the outcome unknown, within the time limit', async () => {
    const own = database(600)
    await own.call('select 1')
    await server.stop()
    const began = performance.now()
    await expect(own.call('select 1')).rejects.toMatchObject({ code: 'store_unreachable', retryable: true })
    expect(performance.now() - began).toBeLessThan(5_000)
    await server.start()
    expect(await own.call('select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('a network', () => {
  test('that cuts its connections is not noticed', async () => {
    const own = database()
    await Promise.all([1, 2, 3, 4].map(() => own.call('select pg_sleep(0.05)')))
    proxy.reset()
    expect(await Promise.all([1, 2, 3, 4].map(one => own.call('select $1::int as one', [one])))).toHaveLength(4)
    const slow = own.call('select 1 as one /* cut */, pg_sleep(0.3)')
    await until('it is under way', async () => (await running('/* cut */')).some(({ state }) => state === 'active'))
    proxy.reset()
    expect(await slow).toMatchObject([{ one: 1 }])
  })

  test('where nobody answers the door for a while is waited for', async () => {
    const own = database()
    await own.call('select 1')
    await proxy.refuse()
    proxy.reset()
    const waiting = own.call('select 1 as one')
    await new Promise(resolve => setImmediate(resolve))
    await proxy.recover()
    expect(await waiting).toEqual([{ one: 1 }])
  })

  test('that stalls leaves the outcome unknown; the connection is given up, and nothing is cancelled', async () => {
    const own = database(500)
    await own.call('select 1')
    const lock = await holdNote(5)
    try {
      const slow = own.call(`update notes set text = 'done' where id = 5 /* stalled */`)
      await until('it waits for the lock', async () => (await running('/* stalled */')).length > 0)
      proxy.stall()
      await expect(slow).rejects.toMatchObject({ code: 'store_unreachable' })
      expect(await running('/* stalled */')).toMatchObject([{ state: 'active' }])
    } finally {
      await lock.release()
    }
    await until('it is done all the same', async () => (await textOf(5)) === 'done')
  })

  test('that swallows everything leaves the outcome unknown, also to who waits for a connection', async () => {
    const own = database(500, 2)
    await Promise.all([1, 2].map(() => own.call('select pg_sleep(0.02)')))
    proxy.blackhole()
    const began = performance.now()
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => own.call('select 1')))
    expect(performance.now() - began).toBeLessThan(1_800)
    expect(new Set(all.map(each => (each.status === 'rejected' ? each.reason.code : each.status)))).toEqual(
      new Set(['store_unreachable']),
    )
    await proxy.recover()
    expect(await own.call('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('that swallows everything does not keep anybody from closing', async () => {
    const own = database(500)
    await Promise.all([1, 2].map(() => own.call('select pg_sleep(0.02)')))
    const slow = own.call('select pg_sleep(0.3)')
    slow.catch(() => {})
    proxy.blackhole()
    const began = performance.now()
    await own.close()
    expect(performance.now() - began).toBeLessThan(5_000)
    await expect(slow).rejects.toMatchObject({ code: 'store_unreachable' })
    opened.pop()
  })

  test('that is slow to connect does not make the time limit longer', async () => {
    const own = database(700)
    proxy.latencyMs = 200
    const began = performance.now()
    await expect(own.call('select pg_sleep(5)')).rejects.toMatchObject({ code: 'store_unreachable' })
    expect(performance.now() - began).toBeLessThan(3_000)
  })

  test('gives no pool more connections than it may have', async () => {
    const own = database(5_000, 3)
    // Servers of those who gave up have not noticed yet.
    const { open: before } = proxy
    await Promise.all(Array.from({ length: 30 }, () => own.call('select pg_sleep(0.01)')))
    expect(proxy.open - before).toBeLessThanOrEqual(3)
  })
})

describe('a server that takes no writes', () => {
  test('is readonly to who writes, and answers who reads', async () => {
    const own = database(500)
    await server.configure({ default_transaction_read_only: 'on' })
    try {
      await until('it says so', async () => {
        const [row] = await own.call<{ on: string }>(`select current_setting('default_transaction_read_only') as on`)
        return row!.on === 'on'
      })
      await expect(own.call(insert, [1, 'no'])).rejects.toMatchObject({ code: 'store_readonly', retryable: true })
      expect(await own.call('select count(*) as count from notes')).toEqual([{ count: 0 }])
    } finally {
      // What sets it is no write.
      await server.configure({ default_transaction_read_only: null })
    }
    await until('it takes them again', async () => {
      const [row] = await own.call<{ on: string }>(`select current_setting('default_transaction_read_only') as on`)
      return row!.on === 'off'
    })
    expect(await own.call(insert, [1, 'yes'])).toEqual([{ id: 1 }])
  })
})

describe('what two do at once', () => {
  test('is done for both, though they deadlock', async () => {
    const own = database()
    await server.query(`insert into notes values (1, ''), (2, '')`)
    const both = (first: number, second: number) =>
      own.call(
        `with one as (update notes set text = text || 'x' where id = $1 returning pg_sleep(0.2))
         update notes set text = text || 'x' where id = $2 and (select count(*) from one) = 1 returning id`,
        [first, second],
      )
    expect(await Promise.all([both(1, 2), both(2, 1)])).toEqual([[{ id: 2 }], [{ id: 1 }]])
    expect(await server.query('select text from notes')).toEqual([{ text: 'xx' }, { text: 'xx' }])
  })
})

async function textOf(id: number): Promise<string | undefined> {
  return (await server.query<{ text: string }>('select text from notes where id = $1', [id]))[0]?.text
}

/** A row that another session has changed, and not committed. */
async function holdNote(id: number): Promise<{ release(): Promise<void> }> {
  const pg = await import('pg')
  const client = new pg.default.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`insert into notes values (${id}, 'first')`)
  await client.query('begin')
  await client.query(`update notes set text = 'held' where id = ${id}`)
  return {
    async release() {
      await client.query('rollback')
      await client.end()
    },
  }
}
