// Retention where the log is cut into ranges: what is past goes whole, what is kept stays, whatever happened in between.
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { subscribe } from '../contract/store/desk.ts'
import { appendAll, day, idOf, logOf, minute, record, request, start } from '../contract/store/record.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { cutSmall, rangesIn, rowsIn } from '../support/small-ranges.ts'

const width = 50
const received = (sequence: number) => start + sequence * minute
const never = new AbortController().signal

let own: TestDatabase
let store: Store
beforeEach(async () => {
  own = await createDatabase()
  store = await openPostgresStore(postgresOptions(own.url))
  await cutSmall(own, width, 4)
})
afterEach(async () => {
  await store.close()
  await own.drop()
})

/** One event a minute, numbered as its sequence. */
const fill = (count: number, sourceOf: (sequence: number) => string = () => 'plain') =>
  appendAll(
    store,
    Array.from({ length: count }, (_, index) => {
      const [sequence, key] = [index + 1, `e${index + 1}`]
      const refs = { loan: `K${sequence}` }
      return record(key, { source: sourceOf(sequence), received: received(sequence), vendorid: key, refs })
    }),
  )
/** Up to and with this event all are too old. */
const expire = (sequence: number, cutoffs: Record<string, number> = {}, now = received(sequence + 1)) =>
  store.expire(new Map(Object.entries(cutoffs)), received(sequence + 1), now, never)
const firstsOf = async (table: string) => (await rangesIn(own.url, table)).map(({ first }) => first)
const tables = ['events', 'requests', 'refs', 'attempts']
const leftTables = async () => {
  const rows = await queryOnce<{ name: string }>(
    own.url,
    `select relname as name from pg_class where relkind = 'r' and not relispartition and relname ~ '_p[0-9]+$'`,
  )
  return rows.map(({ name }) => name)
}

test('ranges in which all is past go whole, the rest in steps', async () => {
  await fill(180)
  expect(await expire(120)).toBe(120)
  for (const table of tables) expect([table, await firstsOf(table)]).toEqual([table, [101, 151]])
  expect(await leftTables()).toEqual([])
  expect((await logOf(store)).map(({ sequence }) => sequence)).toEqual(Array.from({ length: 60 }, (_, at) => 121 + at))
  expect([await rowsIn(own.url, 'events'), await rowsIn(own.url, 'requests')]).toEqual([60, 60])
  expect(await expire(120)).toBe(0)
  const [again] = await store.append([record('e1', { received: received(200) })], request('body of ["plain","e1"]'))
  expect(again, 'it outlives its event').toMatchObject({ status: 'duplicate', sequence: 1 })
})

test('a range is kept for one source’s sake, and goes when nothing of it is left', async () => {
  await fill(180, sequence => (sequence === 70 ? 'long' : 'plain'))
  const long = { long: received(60) }
  expect(await expire(150, long)).toBe(149)
  expect(await firstsOf('events')).toEqual([51, 151])
  expect((await logOf(store))[0]).toMatchObject({ sequence: 70, source: 'long' })
  expect(await store.requestOf((await store.event(idOf('e70', 'long')))!)).toBeDefined()
  expect(await expire(150, { long: received(71) })).toBeLessThanOrEqual(1)
  for (const table of tables) expect([table, await firstsOf(table)]).toEqual([table, [151]])
  expect(await rowsIn(own.url, 'events')).toBe(30)
})

test('the range that is written to, and those ahead of it, stay', async () => {
  await fill(120)
  expect(await expire(120)).toBe(120)
  expect(await firstsOf('events')).toEqual([101, 151])
  const [next] = await store.append([record('next', { received: received(121) })], request('next'))
  expect(next?.sequence).toBe(121)
  expect(await store.extent()).toMatchObject({ head: 121, oldest: 121 })
})

test('the request of events that stand on both sides of a cut stays until the last of them goes', async () => {
  await fill(48)
  const five = Array.from({ length: 5 }, (_, at) =>
    record(`of one ${at}`, { source: at > 2 ? 'long' : 'plain', received: received(49) }),
  )
  const shared = request('five events', { received: received(49) })
  await store.append(five, shared)
  await appendAll(store, [record('later', { received: received(100) })])
  await expire(60, { long: received(1) })
  expect(await firstsOf('events')).toEqual([51, 101, 151])
  expect(await store.event(idOf('of one 0'))).toBeUndefined()
  const last = await store.event(idOf('of one 4', 'long'))
  expect(last).toMatchObject({ sequence: 53 })
  expect(await store.requestOf(last!)).toEqual(shared)
  await expire(60)
  expect(await store.requestOf(last!)).toBeUndefined()
  expect(await rowsIn(own.url, 'requests')).toBe(1)
})

test('deliveries of a range that goes whole are settled or gone; attempts stay as long as they can be asked for', async () => {
  await fill(60)
  const desk = await subscribe(store)
  await desk.feed([1, 2, [3, 'loan/A'], [55, 'loan/A'], 56])
  const leased = await desk.lease(9)
  for (const lease of leased.filter(({ sequence }) => sequence !== 3)) {
    await desk.settle(lease, lease.sequence === 2 ? 'retrying' : 'succeeded', { due: received(1e6) })
  }
  await desk.settle(leased.find(({ sequence }) => sequence === 3)!, 'dead', { holds: true })
  const now = received(51)
  await expire(50, {}, now)
  expect(await desk.states()).toEqual({ 2: 'expired', 3: 'expired', 55: 'pending', 56: 'succeeded' })
  expect(await desk.deliveries.attempts(desk.key(2)), 'people may still look').toHaveLength(1)
  expect(await firstsOf('events')).toEqual([51, 101, 151])
  expect(await firstsOf('attempts')).toEqual([1, 51, 101, 151])
  await desk.expectCounted()
  await store.deliveries.cancelRemoved(0, now + 31 * day)
  await expire(50, {}, now + 31 * day)
  expect(await firstsOf('attempts')).toEqual([51, 101, 151])
  expect(await leftTables()).toEqual([])
  expect(await desk.deliveries.attempts(desk.key(56))).toHaveLength(1)
})

test('while somebody reads, a range is left for the next time, and nobody waits', async () => {
  await fill(60)
  const reader = new pg.Client({ connectionString: own.url })
  await reader.connect()
  await reader.query('begin')
  await reader.query('select count(*) from events')
  let expired: number | undefined
  const expiring = expire(50).then(count => {
    expired = count
  })
  let appended = 0
  while (expired === undefined) {
    const [outcome] = await store.append([record(`new ${appended}`, { received: received(60) })], request('new'))
    expect(outcome?.sequence).toBe(61 + appended++)
  }
  await expiring
  expect(expired, 'not in steps either: that would take longer').toBe(0)
  expect(appended).toBeGreaterThan(3)
  expect(await firstsOf('events')).toEqual([1, 51, 101, 151])
  await reader.query('commit')
  await reader.end()
  expect(await expire(50)).toBe(50)
  expect(await firstsOf('events')).toEqual([51, 101, 151])
})

test('what an interrupted run left is finished by the next one, of any node', async () => {
  await fill(110)
  const desk = await subscribe(store)
  await desk.feed([1, 60])
  // Its events are out of the log, and nothing else was done; of the next even the table is gone.
  await queryOnce(own.url, `select postern_detach_range('events', 1, 51, 1000)`)
  await queryOnce(own.url, `select postern_detach_range('events', 51, 101, 1000)`)
  await queryOnce(own.url, `select postern_drop_range('events', 51, 1000)`)
  const other = await openPostgresStore(postgresOptions(own.url))
  try {
    expect(await other.expire(new Map(), received(101), received(101), never)).toBe(50)
  } finally {
    await other.close()
  }
  expect(await desk.states()).toEqual({ 1: 'expired', 60: 'expired' })
  expect(await firstsOf('refs')).toEqual([101, 151])
  expect(await firstsOf('requests')).toEqual([101, 151])
  expect(await leftTables()).toEqual([])
})

test('what stands in the default partitions goes in steps, with all that belongs to it', async () => {
  // Four ranges are not enough.
  await fill(240)
  expect(await rowsIn(own.url, 'events_default')).toBe(40)
  expect(await expire(230)).toBe(230)
  for (const table of ['events', 'requests', 'refs']) {
    expect([table, await rowsIn(own.url, `${table}_default`)]).toEqual([table, 10])
    expect([table, await rowsIn(own.url, table)]).toEqual([table, 10])
  }
})

test('what belongs to events of a default partition stays with them, though it has a range', async () => {
  await queryOnce(own.url, `select postern_make_range('requests', 201, 251, 1000)`)
  await fill(260)
  await expire(190)
  expect(await firstsOf('requests')).toEqual([151, 201])
  const event = await store.event(idOf('e230'))
  expect(await store.requestOf(event!)).toMatchObject({ received: received(230) })
  expect(await expire(255)).toBe(65)
  expect(await expire(255), 'the range goes when its events have gone').toBe(0)
  expect(await firstsOf('requests')).toEqual([])
  expect([await rowsIn(own.url, 'events'), await rowsIn(own.url, 'requests')]).toEqual([5, 5])
})

test('identities and minutes are forgotten in their time', async () => {
  await fill(120)
  await expire(120)
  expect([await rowsIn(own.url, 'identities'), await rowsIn(own.url, 'minutes')]).toEqual([120, 120])
  await expire(120, {}, received(1) + 61 * day)
  expect(await rowsIn(own.url, 'identities')).toBe(120)
  await expire(120, {}, received(60) + 61 * day)
  expect([await rowsIn(own.url, 'identities'), await rowsIn(own.url, 'minutes')]).toEqual([61, 61])
  await expire(120, {}, received(121) + 61 * day)
  expect([await rowsIn(own.url, 'identities'), await rowsIn(own.url, 'minutes')]).toEqual([0, 0])
})
