// The search index on PostgreSQL: filled by one node at a time, whichever that is, and made anew when somebody asks.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Database } from '../../src/store/postgres/database.ts'
import { postgresSearchIndex } from '../../src/store/postgres/search-index.ts'
import { postgresSearchReads } from '../../src/store/postgres/search-reading.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
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

test('two that add the same at once add it once', async () => {
  const other = await createDatabase()
  await (await openPostgresStore(postgresOptions(other.url))).close()
  const both = [1, 2].map(() => new Database({ url: other.url, poolMax: 1, timeoutMs: 10_000 }))
  const [first, second] = both.map(postgresSearchIndex) as [
    ReturnType<typeof postgresSearchIndex>,
    ReturnType<typeof postgresSearchIndex>,
  ]
  await first.begin({ epoch: 'e', through: 0 })
  const entries = (words: string) => [{ sequence: 1, words }]
  for (let round = 0; round < 5; round++) {
    const batch = { after: round, through: round + 1, range: 0 }
    await Promise.all([
      first.add({ ...batch, entries: [{ sequence: round + 1, words: 'of the first' }] }),
      second.add({ ...batch, entries: [{ sequence: round + 1, words: 'of the second' }] }),
    ])
  }
  // One that comes late finds that others have gone on.
  await second.add({ after: 2, through: 3, range: 0, entries: entries('late') })
  expect(await first.state()).toEqual({ epoch: 'e', through: 5 })
  expect(await queryOnce(other.url, 'select count(*)::int as rows, max(sequence)::int as last from search_0')).toEqual([
    { rows: 5, last: 5 },
  ])
  const reads = postgresSearchReads(both[0]!)
  expect(await reads.state()).toEqual({ epoch: 'e', through: 5 })
  // What another version has made is not asked.
  await queryOnce(other.url, 'update search_state set format = 1')
  expect([await first.state(), await reads.state()]).toEqual([null, null])
  await Promise.all(both.map(each => each.close()))
  await other.drop()
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
