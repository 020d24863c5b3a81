// The spool before a real PostgreSQL, over a network that fails in every way: what is acknowledged is in the log once.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { spooled } from '../../src/store/spool/spooled-store.ts'
import type { SpooledStore, Store } from '../../src/store/store.ts'
import { entryId, idOf, logOf, record, rejected, request, waiting } from '../contract/store/record.ts'
import { type PostgresServer, startPostgres, type TestDatabase } from '../support/postgres.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const limits = { countMax: 200, bytesMax: 1_000_000 }

let server: PostgresServer
let proxy: TcpProxy
let database: TestDatabase
let folder: string
let store: SpooledStore
let observed: Store
let refused: number

beforeAll(async () => {
  server = await startPostgres()
  proxy = await startTcpProxy(server.port)
})
afterAll(async () => {
  await proxy.close()
  await server.end()
})
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-spool-'))
  database = await server.createDatabase()
  refused = 0
  store = await open()
  observed = await openPostgresStore(postgresOptions(database.url))
})
afterEach(async () => {
  await proxy.recover()
  await Promise.all([store.close(), observed.close()])
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

async function open(): Promise<SpooledStore> {
  const options = postgresOptions(proxy.through(database.url), { ackTimeoutMs: 700 })
  const behind = await openPostgresStore(options, undefined, { patient: true })
  const silent = () => {}
  return spooled(behind, {
    path: join(folder, 'spool.db'),
    bytesMax: 256 * 1024 * 1024,
    rejectionLimits: limits,
    clock: { now: () => Date.now() },
    log: { info: silent, warn: silent, error: silent },
    observer: {
      drained: silent,
      refused: entries => {
        refused += entries
      },
    },
  })
}

const drained = () => until('the spool is empty', async () => (await store.health()).degraded === undefined, 30_000)

/** Senders who each send one after another until they are told to stop, and what was acknowledged to each. */
function send(senders: number): { acknowledged: string[][]; stop(): Promise<void> } {
  const acknowledged: string[][] = Array.from({ length: senders }, () => [])
  let isOver = false
  const all = Promise.all(
    acknowledged.map(async (own, sender) => {
      for (let index = 0; !isOver; index++) {
        const key = `${sender}/${index}`
        await store.append([record(key)], request(key))
        own.push(key)
      }
    }),
  )
  return {
    acknowledged,
    async stop() {
      isOver = true
      await all
    },
  }
}

/** Each once, and of each sender in its order. */
async function expectAll(acknowledged: readonly (readonly string[])[]): Promise<void> {
  const log = (await logOf(observed)).map(({ id }) => id.toString('hex'))
  expect(new Set(log).size, 'each once').toBe(log.length)
  const places = new Map(log.map((id, index) => [id, index]))
  for (const own of acknowledged) {
    const found = own.map(key => places.get(idOf(key).toString('hex')))
    expect(found, 'nothing lost').not.toContain(undefined)
    expect(found, 'in order').toEqual(found.toSorted((a, b) => a! - b!))
  }
  expect(log.length).toBe(acknowledged.flat().length)
}

test.each([
  ['connections are reset', async () => proxy.reset()],
  ['nobody answers', async () => proxy.blackhole()],
  [
    'nothing listens',
    async () => {
      await proxy.refuse()
      proxy.reset()
    },
  ],
  ['everything stands still, and then arrives', async () => proxy.stall()],
])('while %s, everything is acknowledged, and in the log once and in order', async (_, fail) => {
  const load = send(8)
  for (let round = 0; round < 2; round++) {
    const before = load.acknowledged.flat().length
    await until('some are acknowledged', () => load.acknowledged.flat().length > before + 50)
    await fail()
    // For longer than an append waits.
    await after(1_500)
    await proxy.recover()
  }
  await load.stop()
  await drained()
  await expectAll(load.acknowledged)
  expect(refused).toBe(0)
})

test('a server that is killed and started again', async () => {
  const load = send(8)
  await until('some are acknowledged', () => load.acknowledged.flat().length > 50)
  await server.kill()
  const before = load.acknowledged.flat().length
  await until('more are acknowledged', () => load.acknowledged.flat().length > before + 100)
  expect(await store.health()).toMatchObject({ ok: true, degraded: 'spooling' })
  await server.start()
  await load.stop()
  await drained()
  await expectAll(load.acknowledged)
})

test('a server that takes no writes', async () => {
  await server.query(`alter database ${database.name} set default_transaction_read_only = on`)
  proxy.reset()
  const [outcome] = await store.append([record('a')], request('a'))
  expect(outcome).toMatchObject({ status: 'accepted', sequence: 0 })
  await server.query(`alter database ${database.name} reset default_transaction_read_only`)
  proxy.reset()
  await drained()
  await expectAll([['a']])
})

test('what was sent straight and what went through the spool are the same', async () => {
  const whole = {
    vendortype: 'LOAN_\u0000CHANGED',
    subject: 'loan/K0\u0000Z',
    vendorid: 'evt-\ud83d\ude00',
    soft: 42,
    refs: { loan: 'K0\u0000Z', odd: 'a\u0001b' },
    traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
  }
  const asked = request(Buffer.from([0, 255, 128]), {
    method: 'PUT',
    rest: 'custom/\u0000',
    headers: [['x-odd', '\u0000 \u0001']],
    sha256: Buffer.alloc(32, 7),
    redacted: ['data.iban'],
  })
  const send = (key: string) => [record(`${key}1`, whole), record(`${key}2`, { content: Buffer.from('content2') })]
  await store.append(send('straight'), asked)
  await proxy.refuse()
  proxy.reset()
  await store.append(send('spooled'), asked)
  await store.append([record('straight2', { content: Buffer.from('another!') })], asked)
  await store.quarantine(waiting('q'), asked)
  await store.reject(rejected('r'), asked, limits)
  expect(await store.spool()).toMatchObject({ entries: 5 })
  await proxy.recover()
  await drained()

  const [first, second, third, fourth] = await logOf(observed)
  expect(third).toEqual({ ...first, id: idOf('spooled1'), sequence: 3, sameas: idOf('straight1') })
  expect(fourth).toEqual({ ...second, id: idOf('spooled2'), sequence: 4 })
  expect(await observed.requestOf(fourth!)).toEqual(asked)
  const { events } = await observed.list({ filter: { refs: ['odd:a\u0001b'] }, order: 'oldest', limit: 9 })
  expect(events.map(({ sequence }) => sequence)).toEqual([1, 3])
  expect(await observed.quarantined(entryId('q'))).toEqual({ ...waiting('q'), ...asked })
  expect(await observed.rejection(entryId('r'))).toEqual({ ...rejected('r'), ...asked })
  const { items } = await observed.listConflicts({ limit: 9 })
  expect(items.map(({ event }) => event)).toEqual([idOf('straight2')])
})

test('what PostgreSQL refuses for what it holds is set aside, and the rest goes on', async () => {
  await proxy.refuse()
  proxy.reset()
  // More than a number of PostgreSQL's holds, and no trouble for SQLite.
  for (const key of ['a', 'bad', 'b', 'c']) {
    await store.append([record(key, key === 'bad' ? { soft: 1e300 } : {})], request(key))
  }
  await proxy.recover()
  await drained()
  await expectAll([['a', 'b', 'c']])
  expect(await store.spool()).toMatchObject({ entries: 0, refused: 1 })
  expect(refused).toBe(1)
})

test('what waits when the node ends is moved by the next one, which need not wait for the server either', async () => {
  await proxy.refuse()
  proxy.reset()
  for (const key of ['a', 'b']) await store.append([record(key)], request(key))
  await store.close()
  expect(store.left).toBe(2)
  store = await open()
  expect((await store.append([record('c')], request('c')))[0]).toMatchObject({ sequence: 0 })
  await proxy.recover()
  await store.ready
  await drained()
  await expectAll([['a', 'b', 'c']])
})
