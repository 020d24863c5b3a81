// Nodes that start: many at once, beside a newer version, and what one says and does without its database.
import { afterEach, expect, test } from 'vitest'
import { migrations as own } from '../../src/store/postgres/migrations.ts'
import { until } from '../support/until.ts'
import { startIn } from './gateway.ts'
import { Ends, expectAllArrived, moreThan } from './nodes.ts'
import { nextRequest } from './requests.ts'

const ends = new Ends()
afterEach(() => ends.all())

test('many start at once on an empty database, which comes up once; a newer one is gone on with, or refused with a reason', async () => {
  const server = await ends.postgres()
  const nodes = await ends.nodes({ url: server.url, random: Math.random, count: 5 })
  const migrations = () => server.query('select name from kysely_migration')
  const first = await migrations()
  const known = Object.keys(await own.getMigrations())
  expect(first.map(({ name }) => name)).toEqual(known)
  expect(await server.query('select name from subscriptions order by name')).toEqual([
    { name: 'all' },
    { name: 'ordered' },
  ])

  const newer = '900-of-a-newer-version'
  await server.query('insert into kysely_migration values ($1, now()::text)', [newer])
  await nodes.kill(0)
  await nodes.start(0)
  const vendors = nodes.vendors()
  await moreThan(vendors, 10, nodes)

  await server.query('update schema_needs set migration = $1', [newer])
  await nodes.kill(1)
  const refused = await nodes.start(1).then(
    () => 'it started',
    error => (error as Error).message,
  )
  expect(refused).toContain(
    `it ended (1) without printing "msg":"ready":\nthe database was brought up to ${newer} by a newer version, which this one cannot work with: upgrade this node`,
  )
  // Those that run are not hurt by who cannot start.
  await moreThan(vendors, 10, nodes)
  await vendors.stop()
  await expectAllArrived({ nodes, vendors, query: server.query })
  expect(await migrations()).toHaveLength(known.length + 1)
}, 120_000)

test('without its database and without a spool a node is not ready and refuses, and is well again by itself', async () => {
  const server = await ends.postgres()
  const nodes = await ends.nodes({ url: server.url, random: Math.random, count: 1 })
  const { url, pid } = nodes.at(0)
  const ready = async () => {
    const response = await fetch(`${url}/readyz`, { headers: { connection: 'close' } })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  const send = () => {
    const { body } = nextRequest(1)
    const headers = { 'content-type': 'application/json', connection: 'close' }
    return fetch(`${url}/hooks/banclo`, { method: 'POST', headers, body: new Uint8Array(body) })
  }
  expect(await ready()).toEqual({ status: 200, body: { status: 'ready' } })
  expect((await send()).status).toBe(200)

  await server.stop('fast')
  const asked = performance.now()
  const refused = await Promise.all([send(), send(), send()])
  expect(refused.map(({ status }) => status)).toEqual([503, 503, 503])
  for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  console.log(`refused after ${Math.round(performance.now() - asked)} ms`)
  await until('it says that it is not ready', async () => (await ready()).status === 503, 30_000)
  expect((await fetch(`${url}/livez`)).status).toBe(200)
  // Nobody who starts now can begin either: it says why, and ends.
  await expect(startIn(nodes.folderOf(1), { ...nodes.subscribers.env, POSTERN_DATABASE: server.url })).rejects.toThrow(
    'it ended (1)',
  )

  await server.start()
  await until('it is ready', async () => (await ready()).status === 200, 30_000)
  expect((await send()).status).toBe(200)
  expect(nodes.at(0).pid).toBe(pid)
  await until('all of it arrives', () => nodes.subscribers.receipts.all.length >= 2, 60_000)
}, 120_000)
