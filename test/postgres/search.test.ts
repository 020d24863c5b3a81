// The search index on PostgreSQL: filled by one node at a time, whichever that is, and made anew when somebody asks.
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../src/store/postgres/database.ts'
import { postgresSearchIndex } from '../../src/store/postgres/search-index.ts'
import { postgresSearchReads } from '../../src/store/postgres/search-reading.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { IndexBusy, rangeSize, type SearchIndex } from '../../src/store/search/indexer.ts'
import type { Store } from '../../src/store/store.ts'
import { appendAll, day, minute, record, start } from '../contract/store/record.ts'
import { indexed } from '../contract/store/search.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { until } from '../support/until.ts'

const count = 600
let database: TestDatabase
const nodes: Store[] = []
const open = () => openPostgresStore(postgresOptions(database.url), undefined, { search: { payloadOf: [] } })
const found = async (store: Store) =>
  (await store.list({ filter: { q: 'every' }, order: 'oldest', limit: 500 })).events.length
/** None where the range is dropped. */
const rows = async () => {
  try {
    return (await queryOnce<{ count: number }>(database.url, 'select count(*)::int from search_0'))[0]!.count
  } catch (error) {
    if ((error as { code?: string }).code === '42P01') return 0
    throw error
  }
}

beforeAll(async () => {
  database = await createDatabase()
  nodes.push(await open(), await open())
  const events = Array.from({ length: count }, (_, at) =>
    record(`event ${at}`, { received: start + at * minute, data: '{"refs":{},"text":"every"}' }),
  )
  await appendAll(nodes[0]!, events)
})
afterAll(async () => {
  await Promise.all(nodes.map(node => node.close()))
  await database.drop()
})

test('of two nodes one fills it, both find; and when the one has ended the other goes on', async () => {
  for (const node of nodes) {
    await indexed(node)
    expect(await found(node)).toBe(500)
  }
  expect(await rows()).toBe(count)
  const owner = nodes.findIndex(node => node.owns('search'))
  const [ended] = nodes.splice(owner, 1)
  await ended!.close()
  await appendAll(nodes[0]!, [record('after that', { received: start, data: '{"refs":{},"text":"later"}' })])
  await indexed(nodes[0]!)
  expect((await nodes[0]!.list({ filter: { q: 'later' }, order: 'newest', limit: 5 })).events).toHaveLength(1)
})

describe('two nodes that both believe it is theirs', () => {
  let other: TestDatabase
  let both: Database[]
  let first: SearchIndex
  let second: SearchIndex
  const asked = { question: [{ words: ['any'], isPrefix: false }], kinds: undefined, newest: true }
  const entry = (sequence: number, words = 'any') => [{ sequence, words }]
  const words = async () => {
    const found = await queryOnce<{ sequence: string }>(other.url, 'select sequence from search_0 order by 1')
    return found.map(({ sequence }) => Number(sequence))
  }

  beforeAll(async () => {
    other = await createDatabase()
    await (await openPostgresStore(postgresOptions(other.url))).close()
    await queryOnce(other.url, `update log set epoch = 'e', head = 100`)
    both = [1, 2].map(() => new Database({ url: other.url, poolMax: 1, timeoutMs: 10_000 }))
    first = postgresSearchIndex(both[0]!)
    second = postgresSearchIndex(both[1]!)
    await first.begin({ epoch: 'e', through: 0 })
  })
  afterAll(async () => {
    await Promise.all(both.map(each => each.close()))
    await other.drop()
  })

  test('and add the same at once add it once', async () => {
    for (let round = 0; round < 5; round++) {
      const batch = { after: round, through: round + 1, range: 0 }
      await Promise.all([
        first.add({ ...batch, entries: entry(round + 1, 'of the first') }),
        second.add({ ...batch, entries: entry(round + 1, 'of the second') }),
      ])
    }
    // One that comes late finds that others have gone on.
    await second.add({ after: 2, through: 3, range: 0, entries: entry(1, 'late') })
    expect(await first.state()).toEqual({ epoch: 'e', through: 5 })
    expect(await words()).toEqual([1, 2, 3, 4, 5])
  })

  test('begin it once: what the other has begun meanwhile is kept', async () => {
    await second.begin({ epoch: 'e', through: 0 })
    expect(await second.state()).toEqual({ epoch: 'e', through: 5 })
    await second.begin({ epoch: 'another', through: 3 })
    expect([await first.state(), await first.ranges()]).toEqual([{ epoch: 'another', through: 3 }, []])
    await first.begin({ epoch: 'e', through: 0 })
    expect(await first.state()).toEqual({ epoch: 'e', through: 0 })
  })

  test('drop nothing that the other adds meanwhile', async () => {
    await first.add({ after: 0, through: 1, range: 0, entries: entry(1) })
    const adding = new pg.Client(other.url)
    await adding.connect()
    await adding.query('begin')
    await adding.query(`insert into search_0 values (2, 'any')`)
    // Of the log there is nothing: all that it sees is gone.
    const swept = second.sweep(0)
    let gaveUp = false
    const ended = swept.catch(() => (gaveUp = true))
    const waiting = `select from pg_locks where not granted and locktype = 'relation'`
    await until('the sweep waits', async () => gaveUp || (await queryOnce(other.url, waiting)).length > 0, 10_000)
    await adding.query('commit')
    await adding.end()
    await ended
    expect(await words()).toEqual([2])
    await first.sweep(0)
    expect(await first.ranges()).toEqual([])
    // Nor does a sweep of what the other has dropped fail.
    await second.sweep(0)
  })

  test('make a range again that was dropped, by themselves or by the other', async () => {
    await first.add({ after: 1, through: 2, range: 0, entries: entry(2) })
    await first.drop(0)
    await first.add({ after: 2, through: 3, range: 0, entries: entry(3) })
    expect(await words()).toEqual([3])
    await second.drop(0)
    await first.add({ after: 3, through: 4, range: 0, entries: entry(4) })
    expect(await words()).toEqual([4])
  })

  test('give up what somebody reads on in, and add and search meanwhile', async () => {
    const reading = new pg.Client(other.url)
    await reading.connect()
    await reading.query('begin')
    await reading.query('select from search_0')
    const reads = postgresSearchReads(both[0]!)
    const search = () => reads.walk(asked)({ low: 1, high: 2 * rangeSize, limit: 10 })
    const added = async (after: number, range: number) => {
      const sequence = range === 0 ? after + 1 : range * rangeSize
      await first.add({ after, through: after + 1, range, entries: entry(sequence) })
      return (await search()).found.includes(sequence)
    }
    const held = (change: Promise<void>) => change.catch((error: unknown) => error instanceof IndexBusy)
    expect(await Promise.all([held(second.drop(0)), added(4, 0)])).toEqual([true, true])
    expect(await Promise.all([held(second.sweep(0)), added(5, 1)])).toEqual([true, true])
    expect(await held(second.begin({ epoch: 'anew', through: 0 }))).toBe(true)
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    expect(await queryOnce(other.url, waiting)).toEqual([])
    await reading.query('commit')
    await reading.end()
    await second.drop(0)
    expect(await first.ranges()).toEqual([1])
    await second.begin({ epoch: 'e', through: 3 })
    await first.add({ after: 3, through: 4, range: 0, entries: entry(4) })
  })

  test('drop a range while it is searched: the search goes on without it', async () => {
    const racing = (meanwhile: () => Promise<void>) => {
      let once = true
      const call: Database['call'] = async (text, parameters) => {
        const rows = await both[0]!.call<never>(text, parameters)
        if (once && text.startsWith('select range')) {
          once = false
          await meanwhile()
        }
        return rows
      }
      return postgresSearchReads({ call }).walk(asked)({ low: 1, high: 5, limit: 10 })
    }
    await first.add({ after: 4, through: 5, range: 1, entries: entry(rangeSize) })
    expect(await racing(() => second.drop(0))).toEqual({ found: [], last: null })
    // Made anew, it has nothing yet: that is not all there is.
    await first.add({ after: 5, through: 6, range: 0, entries: entry(4) })
    const anew = racing(() => second.begin({ epoch: 'another', through: 3 }))
    await expect(anew).rejects.toMatchObject({ code: 'unavailable' })
    await first.begin({ epoch: 'e', through: 4 })
  })

  test('do not ask what another version has made', async () => {
    const reads = postgresSearchReads(both[0]!)
    expect(await reads.state()).toMatchObject({ epoch: 'e' })
    await queryOnce(other.url, 'update search_state set format = 1')
    expect([await first.state(), await reads.state()]).toEqual([null, null])
  })
})

test('without its row of state it is made anew', async () => {
  await queryOnce(database.url, `update search_0 set words = '''wrong'''`)
  expect(await found(nodes[0]!)).toBe(0)
  await queryOnce(database.url, 'delete from search_state')
  await until('it is made anew', async () => (await found(nodes[0]!).catch(() => 0)) === 500, 30_000)
})

test('retention deletes from it, and drops a range of which nothing is left', async () => {
  const { signal } = new AbortController()
  await nodes[0]!.expire(new Map(), start + 300 * minute, start + 100 * day, signal)
  await until('what is too old is gone', async () => (await rows()) <= count + 1 - 300, 30_000)
  await nodes[0]!.expire(new Map(), start + 50 * day, start + 100 * day, signal)
  const ranges = () => queryOnce(database.url, 'select * from search_ranges')
  await until('the range is gone', async () => (await rows()) === 0 && (await ranges()).length === 0, 30_000)
})
