// `postern copy` as operators run it: a whole inbox goes from SQLite to PostgreSQL, whatever ends it on the way, and a
// gateway finds there what it had here.
import { spawn } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { Migrator } from 'kysely/migration'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { copyInbox } from '../../src/store/copy/copy.ts'
import { copiedTables } from '../../src/store/copy/tables.ts'
import { deliveryStates } from '../../src/store/deliveries.ts'
import { migrations } from '../../src/store/migrations.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { kyselyOver } from '../../src/store/sqlite/dialect.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { record, rejected, request, waiting } from '../contract/store/record.ts'
import { queryOnce } from '../support/postgres.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { bothSides, copy, filled, folder, postern, source, target } from './copied.ts'
import { copyInSteps } from './copying-process.ts'

const gatewayConfig = `import { apiKey, defineConfig } from 'postern'
import { generic } from 'postern/adapters'
export default defineConfig({ sources: { plain: generic({
  vendor: 'plain', check: apiKey({ header: 'x-key', key: 'a key of this test' }), id: 'id', type: 'type',
}) } })
`
const bin = fileURLToPath(new URL('../../bin/postern.js', import.meta.url))

const rowsOf = (url: string, table: string, order: string) => queryOnce(url, `select * from ${table} order by ${order}`)

describe('a whole inbox', () => {
  test('is there with all that can be read of it, and what was under way is due again', async () => {
    const [path, { url }] = [source(), await target()]
    const before = await openSqliteStore(path)
    const counted = [...(await before.deliveries.counts()).values()]
    // The proof is about every state.
    for (const state of deliveryStates) expect(counted.some(each => each[state] > 0)).toBe(true)
    await before.close()

    const { code, output } = await copy(path, url)
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('every row was compared') })
    const [here, there] = await bothSides(path, url)
    expect(there).toEqual(here)
    // Also what no reader asks for.
    expect(await rowsOf(url, 'minutes', 'minute')).not.toEqual([])
    expect(await queryOnce(url, 'select 1 from deliveries where state = 2 or leaseduntil is not null')).toEqual([])
  })

  test('goes on there: numbers and positions come behind those that were, and what is known is known', async () => {
    const [path, { url }] = [source(), await target()]
    const here = await openSqliteStore(path)
    const { head, epoch } = await here.extent()
    await here.close()
    expect((await copy(path, url)).code).toBe(0)

    const store = await openPostgresStore(postgresOptions(url))
    const again = await openSqliteStore(path)
    try {
      for (const each of [store, again]) {
        expect(await each.append([record('event 350', { source: 'other' })], request('x'))).toMatchObject([
          { status: 'duplicate' },
        ])
        expect(await each.append([record('new', { soft: 7_000_000_000_000_003 })], request('x'))).toMatchObject([
          { status: 'accepted', sequence: head + 1 },
        ])
        await each.quarantine(waiting('new'), request('x'))
        await each.reject(rejected('new'), request('x'), { countMax: 10, bytesMax: 1_000_000 })
        await each.append([record('new', { content: Buffer.alloc(8) })], request('x'))
        await each.deliveries.putSubscription({
          name: 'new',
          origin: 'config',
          spec: '{}',
          sealed: null,
          cursor: head,
          now: 1,
        })
        const replay = { subscription: 1, filter: '{}', first: 1, last: 2, key: null, now: 1 }
        expect((await each.deliveries.addReplay(replay)).replay.number).toBe(4)
      }
      expect((await store.extent()).epoch).toBe(epoch)
      const here = new Sqlite(path, { readonly: true })
      for (const table of ['quarantine', 'rejections', 'conflicts', 'subscriptions', 'replays']) {
        const text = `select max(number) as number from ${table}`
        const [row] = await queryOnce<{ number: string }>(url, text)
        expect({ table, number: Number(row!.number) }).toEqual({ table, ...(here.prepare(text).get() as object) })
      }
      here.close()
    } finally {
      await store.close()
      await again.close()
    }
  })

  test('that a gateway left behind by a crash is whole too', async () => {
    const [path, { url }] = [join(folder, 'crashed.db'), await target()]
    const original = source()
    const running = await openSqliteStore(original)
    await running.append([record('in the WAL alone')], request('x'))
    for (const end of ['', '-wal']) cpSync(original + end, path + end)
    await running.close()
    expect((await copy(path, url)).code).toBe(0)
    expect(await queryOnce(url, 'select count(*)::int as events from events')).toEqual([{ events: 331 }])
  })

  test('of an older version is brought up to this one first', async () => {
    const [path, { url }] = [join(folder, 'old.db'), await target()]
    const db = new Sqlite(path)
    const kysely = kyselyOver(async (sql, parameters) => {
      const statement = db.prepare(sql)
      if (statement.reader) return { rows: statement.all(...parameters) as never[] }
      statement.run(...parameters)
      return { rows: [] }
    })
    expect((await new Migrator({ db: kysely, provider: migrations }).migrateTo('001-inbox')).error).toBeUndefined()
    db.close()
    expect(await copy(path, url, '--dry-run')).toMatchObject({ code: 0 })
    expect(await copy(path, url)).toMatchObject({ code: 0 })
  })

  test('every table is copied, or known not to be', async () => {
    const { url } = await target()
    await (await openPostgresStore(postgresOptions(url))).close()
    const names = copiedTables.map(({ name }) => name)
    const here = new Sqlite(filled, { readonly: true })
    const tables = here.prepare("select name from sqlite_master where type = 'table'").pluck().all() as string[]
    here.close()
    const ours = tables.filter(name => !/^(sqlite|kysely)_/.test(name))
    expect(ours.toSorted()).toEqual([...names, 'log'].toSorted())
    const there = await queryOnce<{ name: string }>(
      url,
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace
       and relkind in ('r', 'p') and not relispartition and relname not like 'kysely%'`,
    )
    // Who is there, what began lately, the schema's own, what the server makes of minutes by itself, and an index that is made anew.
    const others = ['days', 'nodes', 'rate_starts', 'schema_needs', 'search_ranges', 'search_state']
    const found = there.map(({ name }) => name)
    expect(found).toEqual(expect.arrayContaining([...names, 'log']))
    expect([...names, 'log', ...others]).toEqual(expect.arrayContaining(found))
  })
})

describe('a copy that is ended on the way', () => {
  test('by kill -9 at any moment, again and again, goes on to the same end', async () => {
    const [path, { url }, whole] = [source(), await target(), await target()]
    const seed = Date.now() % 100_000
    let random = seed
    const chance = () => {
      random = (random * 48_271) % 2_147_483_647
      return random / 2_147_483_647
    }
    for (let kills = 0; kills < 4; kills++) {
      const killed = { afterSteps: 1 + Math.floor(chance() * 10), delayMs: Math.floor(chance() * 15) }
      expect({ seed, killed: (await copyInSteps(path, url, killed).ended).killed }).toEqual({ seed, killed: true })
    }
    expect((await copyInSteps(path, url).ended).output).toContain('"ended":"copied"')
    expect((await copy(path, whole.url)).code).toBe(0)
    for (const table of copiedTables) {
      const columns = table.key.join(', ')
      const read = (each: string) => rowsOf(each, table.name, columns)
      const [ours, theirs] = [await read(url), await read(whole.url)]
      // What was under way is due when the copy was begun.
      const plain = (rows: Record<string, unknown>[]) =>
        table.name === 'deliveries'
          ? rows.map(({ due, ...row }) => ({ ...row, isNow: Number(due) > 1_780_000_000_000 }))
          : rows
      expect({ seed, table: table.name, rows: plain(ours as never) }).toEqual({
        seed,
        table: table.name,
        rows: plain(theirs as never),
      })
    }
    const [here, there] = await bothSides(path, url)
    expect(there).toEqual(here)
  })

  test('is no inbox for a gateway until it is finished', async () => {
    const [path, { url }] = [source(), await target()]
    expect((await copyInSteps(path, url, { afterSteps: 20, delayMs: 0 }).ended).killed).toBe(true)
    const config = join(folder, 'postern.config.ts')
    writeFileSync(config, gatewayConfig)
    const env = { POSTERN_DATABASE: url, POSTERN_CONFIG: config, POSTERN_ADMIN_TOKEN: 'a token of this test' }
    const started = await postern([], { ...env, HOST: '127.0.0.1', PORT: '0' })
    expect(started).toMatchObject({ code: 1, output: expect.stringContaining('postern copy') })
    expect(await queryOnce(url, 'select * from log')).toEqual([])

    expect((await copy(path, url)).code).toBe(0)
    const gateway = await startProcess({ env, args: ['start'] })
    expect(await gateway.stop()).toEqual({ code: 0, signal: null })
  })

  test('by a connection that is cut makes it again', async () => {
    const [path, { url }] = [source(), await target()]
    const { ended, child } = copyInSteps(path, url)
    let cut = 0
    child.stdout.on('data', () => {
      if (++cut !== 5) return
      void queryOnce(
        url,
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name = 'postern-copy' and datname = current_database()`,
      )
    })
    const { output } = await ended
    expect(output).toContain('again:')
    expect(output).toContain('"ended":"copied"')
  })

  test('by SIGTERM says that it goes on, and does', async () => {
    const [path, { url }] = [source(), await target()]
    await (await openPostgresStore(postgresOptions(url))).close()
    // Reading goes on, writing waits.
    const blocker = new pg.Client({ connectionString: url })
    await blocker.connect()
    await blocker.query('begin; lock table subscriptions in share mode')
    const copying = spawn(process.execPath, [bin, 'copy', '--from', `sqlite:${path}`, '--to', url])
    let output = ''
    copying.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const ended = new Promise<number | null>(resolve => copying.once('close', resolve))
    await until('the copy waits', async () => {
      const waiting = `select 1 from pg_stat_activity where application_name = 'postern-copy' and wait_event_type = 'Lock'`
      return (await queryOnce(url, waiting)).length > 0
    })
    copying.kill('SIGTERM')
    await blocker.query('rollback')
    await blocker.end()
    expect({ code: await ended, output }).toEqual({ code: 2, output: expect.stringContaining('Run the same again') })
    expect((await copy(path, url)).code).toBe(0)
  })
})

describe('what differs is named, and no gateway starts on it', () => {
  test('a row that is missing, one that is another, and one too many', async () => {
    const [path, { url }] = [source(), await target()]
    const stopping = new AbortController()
    const nothing = () => {}
    const stopped = await copyInbox({
      path,
      url,
      anew: false,
      dryRun: false,
      signal: stopping.signal,
      watcher: {
        planned: nothing,
        copying: nothing,
        copied: nothing,
        // Nothing but the comparison is left to do.
        checking: () => stopping.abort(),
        checked: nothing,
        again: nothing,
      },
    })
    expect(stopped).toMatchObject({ ended: 'unfinished' })
    await queryOnce(url, `update events set subject = 'loan/other' where sequence = 300`)
    await queryOnce(url, 'delete from deliveries where sequence = 301 and subscription = 1 and replay = 0')
    await queryOnce(
      url,
      `insert into replays (number, subscription, filter, first, last, cursor, state, createdat)
                          values (99, 1, '{}', 1, 1, 1, 'done', 1)`,
    )
    const compared = await copy(path, url)
    expect(compared.code).toBe(3)
    expect(compared.output).toContain('different: events, sequence 300: has another subject')
    expect(compared.output).toContain('different: deliveries, sequence 301, subscription 1, replay 0: is missing')
    expect(compared.output).toContain('different: replays, number 99: is not in the source')
    expect(compared.output).toContain('3 rows differ')
    await expect(openPostgresStore(postgresOptions(url))).rejects.toMatchObject({ code: 'store_failed' })

    expect((await copy(path, url, '--restart')).code).toBe(0)
    const [here, there] = await bothSides(path, url)
    expect(there).toEqual(here)
  })
})
