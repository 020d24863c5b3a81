// The ranges that the log is cut into: made ahead, by whoever comes first, while others work; and nothing is refused
// where none was made.
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Database } from '../../src/store/postgres/database.ts'
import { nextRange, Partitions, rangesOf } from '../../src/store/postgres/partitions.ts'
import { readingParts } from '../../src/store/postgres/reading.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { Queries } from '../../src/store/queries.ts'
import type { Store } from '../../src/store/store.ts'
import { logOf, record, request } from '../contract/store/record.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { rangesIn, rowsIn } from '../support/small-ranges.ts'

const million = 1_000_000

describe('the next range', () => {
  const ranges = (...firsts: number[]) => firsts.map(first => ({ first, beyond: first + million }))

  test('begins where the last one ends, as soon as that is entered', () => {
    expect(nextRange(ranges(1), 0, 0)).toBeUndefined()
    expect(nextRange(ranges(1), 1, 1)).toEqual({ first: million + 1, beyond: 2 * million + 1 })
    expect(nextRange(ranges(1, million + 1), million, million)).toBeUndefined()
    expect(nextRange(ranges(1, million + 1), million + 1, million)?.first).toBe(2 * million + 1)
  })

  test('is as wide as a month has grown, and never less than a million', () => {
    expect(nextRange(ranges(1), 5, 5)).toEqual({ first: million + 1, beyond: 2 * million + 1 })
    expect(nextRange(ranges(1), 900_000, 7_300_000)).toEqual({ first: million + 1, beyond: 9 * million + 1 })
  })

  test('begins beyond what may come meanwhile, where the log has outrun them', () => {
    const next = nextRange(ranges(1), 1_500_000, 1_500_000)!
    expect(next.first).toBeGreaterThan(1_600_000)
    expect(next.beyond - next.first).toBe(2 * million)
    expect(nextRange([], 1_500_000, 0)!.first).toBeGreaterThan(1_500_000)
  })
})

describe('on a server', () => {
  let own: TestDatabase
  let store: Store
  let database: Database
  const warnings: string[] = []
  beforeEach(async () => {
    own = await createDatabase()
    store = await openPostgresStore(postgresOptions(own.url))
    database = new Database({ url: own.url, poolMax: 4, timeoutMs: 4_000 })
  })
  afterEach(async () => {
    await store.close()
    await database.close()
    await own.drop()
    warnings.length = 0
  })

  const partitions = () =>
    new Partitions({
      database,
      queries: new Queries(database.kysely, readingParts),
      owns: () => true,
      warn: message => warnings.push(message),
    })
  const firstsOf = async () => {
    const ranges = await rangesOf(database)
    return Object.fromEntries(Object.entries(ranges).map(([table, each]) => [table, each.map(({ first }) => first)]))
  }
  const all = (...firsts: number[]) => ({ events: firsts, requests: firsts, refs: firsts, attempts: firsts })
  /** As if the log had come so far. */
  const moveHead = (head: number) => database.call('update log set head = $1', [head])
  const append = async (key: string) =>
    (await store.append([record(key, { refs: { loan: key } })], request(key)))[0]!.sequence

  test('a new log has a range, and one that has begun another one ahead', async () => {
    expect(await firstsOf()).toEqual(all(1))
    await append('first')
    await partitions().maintain(Date.now())
    expect(await firstsOf()).toEqual(all(1, million + 1))
    await partitions().maintain(Date.now())
    expect(await firstsOf()).toEqual(all(1, million + 1))
    expect(warnings).toEqual([])
    await moveHead(million)
    expect([await append('a'), await append('b')]).toEqual([million + 1, million + 2])
    for (const table of ['events', 'requests', 'refs']) {
      expect([table, await rangesIn(own.url, table)]).toEqual([
        table,
        [{ first: 1, rows: 1 }, { first: million + 1, rows: 2 }],
      ]) // biome-ignore format: short
      expect(await rowsIn(own.url, `${table}_default`)).toBe(0)
    }
  })

  test('many that make them at once make each once', async () => {
    await append('first')
    await moveHead(million + 5)
    await append('second')
    await Promise.all(Array.from({ length: 6 }, () => partitions().maintain(Date.now())))
    const made = await firstsOf()
    expect(made).toEqual(all(...made.events!))
    expect(made.events!.filter(first => first > million + 5)).toHaveLength(1)
  })

  test('what was made of one table alone is made of the others', async () => {
    await append('first')
    const text = `select postern_make_range('requests', $1, $2, 1000)`
    await database.call(text, [million + 1, 5 * million + 1])
    await partitions().maintain(Date.now())
    const ranges = await rangesOf(database)
    for (const table of Object.values(ranges)) expect(table).toEqual(ranges.requests)
    expect(ranges.events.at(-1)).toEqual({ first: million + 1, beyond: 5 * million + 1 })
  })

  test('what comes where no range was made is there, and the next range begins beyond it', async () => {
    await append('in the first')
    await moveHead(3 * million)
    const outside = [await append('outside 1'), await append('outside 2')]
    const one = partitions()
    await one.maintain(Date.now())
    await one.maintain(Date.now())
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('default partition')
    const { events } = await rangesOf(database)
    const next = events.at(-1)!
    expect(next.first).toBeGreaterThan(outside[1]! + 10_000)
    await moveHead(next.first - 1)
    expect(await append('in the next')).toBe(next.first)
    expect((await logOf(store)).map(({ sequence }) => sequence)).toEqual([1, ...outside, next.first])
    const found = await store.list({ filter: { refs: ['loan:outside 2'] }, order: 'newest', limit: 5 })
    expect(found.events.map(({ sequence }) => sequence)).toEqual([outside[1]])
    await one.maintain(Date.now())
    expect(await firstsOf()).toEqual(all(1, next.first, next.beyond))
  })

  test('a range that the default partition has rows of is not made, and nothing fails', async () => {
    await append('in the first')
    await moveHead(2 * million)
    await append('outside')
    const text = 'select postern_make_range($1, $2, $3, 100) as outcome'
    const make = async (first: number, beyond: number) =>
      (await database.call<{ outcome: string }>(text, ['events', first, beyond]))[0]!.outcome
    expect(await make(million + 1, 3 * million)).toBe('occupied')
    expect(await make(million, 1_500_000)).toBe('overlapping')
    expect(await make(3 * million, 4 * million)).toBe('made')
    expect(await make(3 * million, 4 * million)).toBe('there')
    expect(await store.event((await logOf(store))[1]!.id)).toBeDefined()
  })

  test('nobody waits for a range that waits for somebody else', async () => {
    await append('first')
    await moveHead(million + 5)
    // A dump would read for hours: whoever wants to change the schema must wait for it.
    const reader = new pg.Client({ connectionString: own.url })
    await reader.connect()
    await reader.query('begin')
    await reader.query('select count(*) from events, refs, requests, attempts')
    let isDone = false
    const making = partitions()
      .maintain(Date.now())
      .finally(() => {
        isDone = true
      })
    const locked = `select 1 from pg_locks where not granted and database = (select oid from pg_database where datname = current_database())`
    let waited = 0
    for (let number = 0; !isDone; number++) {
      if ((await queryOnce(own.url, locked)).length > 0) waited++
      expect(await append(`meanwhile ${number}`)).toBe(million + 6 + number)
      expect((await store.list({ filter: {}, order: 'newest', limit: 1 })).events).toHaveLength(1)
    }
    await making
    expect(waited, 'the range was waiting while others worked').toBeGreaterThan(0)
    await reader.query('commit')
    await reader.end()
    await partitions().maintain(Date.now())
    const { events } = await rangesOf(database)
    expect(events.some(({ first }) => first > million + 5)).toBe(true)
  })

  test('a range has the indexes of its table', async () => {
    const indexes = await database.call<{ table: string; indexes: number }>(
      `select indrelid::regclass::text as table, count(*) as indexes from pg_index
       where indisvalid and indrelid in (select inhrelid from pg_inherits) group by 1 order by 1`,
    )
    expect(Object.fromEntries(indexes.map(row => [row.table, row.indexes]))).toMatchObject({
      events_default: 3,
      events_p1: 3,
      requests_p1: 1,
      refs_p1: 1,
      attempts_p1: 1,
    })
  })
})
