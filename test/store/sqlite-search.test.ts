// The search index of an inbox in SQLite: a file that may be lost, damaged or another log's at any time.
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sqliteSearchReads } from '../../src/store/sqlite/search-reading.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { SearchOptions, Store } from '../../src/store/store.ts'
import { appendAll, day, minute, record, start } from '../contract/store/record.ts'
import { indexed } from '../contract/store/search.ts'

const count = 900
const folder = mkdtempSync(join(tmpdir(), 'postern-search-'))
const path = join(folder, 'postern.db')
const warnings: string[] = []
const open = (search: SearchOptions | undefined = { payloadOf: [] }) =>
  openSqliteStore(path, { committed() {}, warned: message => warnings.push(message) }, search)

beforeAll(async () => {
  const store = await open()
  await appendAll(
    store,
    Array.from({ length: count }, (_, index) =>
      record(`event ${index}`, {
        data: JSON.stringify({ refs: {}, text: `every n${index}` }),
        received: start + index * minute,
      }),
    ),
  )
  await indexed(store)
  await store.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function number(store: Store, q: string): Promise<number> {
  let found = 0
  for (let from: number | undefined; ; ) {
    const page = await store.list({ filter: { q }, order: 'newest', limit: 500, ...(from && { from }) })
    found += page.events.length
    if (page.next === null) return found
    from = page.next
  }
}

/** Rows of the index itself. */
function rows(): number {
  const db = new Sqlite(`${path}-search`, { readonly: true })
  const ranges = db.prepare('select range from ranges').pluck().all() as number[]
  const all = ranges.map(range => db.prepare(`select count(*) from words_${range}_docsize`).pluck().get() as number)
  db.close()
  return all.reduce((sum, each) => sum + each, 0)
}

/** Opens it, waits until it is whole, looks into it, and closes it. */
async function expectWhole(events = count): Promise<void> {
  const store = await open()
  await indexed(store)
  expect(await number(store, 'every')).toBe(events)
  expect(await number(store, `n${count - 1}`)).toBe(1)
  await store.close()
  expect(rows()).toBe(events)
}

test('it is a small file beside the database', () => {
  expect(statSync(`${path}-search`).size / count).toBeLessThan(400)
})

test('one that is missing is made anew', async () => {
  for (const ending of ['', '-wal', '-shm']) rmSync(`${path}-search${ending}`, { force: true })
  await expectWhole()
})

test.each([
  ['is no database', 0, 'this is no database at all'.repeat(10)],
  ['has pages that were overwritten', 4096, Buffer.alloc(60_000, 0xa5)],
])('one that %s is made anew', async (_, at, bytes) => {
  const file = openSync(`${path}-search`, 'r+')
  writeSync(file, bytes as never, ...((typeof bytes === 'string' ? [at] : [0, bytes.length, at]) as [number]))
  closeSync(file)
  await expectWhole()
})

test('one that is damaged where only a search looks is made anew once somebody has searched', async () => {
  const db = new Sqlite(`${path}-search`)
  db.unsafeMode()
  db.exec(`update words_0_data set block = zeroblob(20) where id > 100`)
  db.close()
  const store = await open()
  await expect.poll(() => number(store, 'every').catch(() => -1), { timeout: 30_000 }).toBe(count)
  await store.close()
  await expectWhole()
})

test('one of another format is not asked, and made anew', async () => {
  const db = new Sqlite(`${path}-search`)
  const reads = sqliteSearchReads(
    async (sql, parameters) => ({ rows: db.prepare(sql).all(...parameters) as never[], elapsedMs: 0 }),
    () => {},
  )
  expect(await reads.state()).toMatchObject({ through: count })
  db.pragma('user_version = 1')
  expect(await reads.state()).toBe(null)
  db.close()
  await expectWhole()
})

test('one of another log is made anew', async () => {
  const db = new Sqlite(path)
  db.prepare(`update log set epoch = 'another'`).run()
  db.close()
  await expectWhole()
})

test('one that is ahead of the log, as after a restore of an older copy, is made anew', async () => {
  const older = join(folder, 'older.db')
  copyFileSync(path, older)
  const store = await open()
  await appendAll(store, [record('too late', { data: '{"refs":{},"text":"every late"}' })])
  await indexed(store)
  await store.close()
  rmSync(`${path}-wal`, { force: true })
  copyFileSync(older, path)
  await expectWhole()
})

test('what came while nothing was searched is searched when it is again, and until then a q is refused', async () => {
  const off = await openSqliteStore(path)
  await appendAll(off, [record('while off', { data: '{"refs":{},"text":"every off"}' })])
  expect(await off.search.progress()).toBe(null)
  await expect(off.list({ filter: { q: 'every' }, order: 'newest', limit: 5 })).rejects.toMatchObject({
    code: 'bad_request',
    errors: [{ parameter: 'q', detail: expect.stringContaining('POSTERN_SEARCH') }],
  })
  await off.close()
  await expectWhole(count + 1)
})

test('retention deletes from it', async () => {
  const store = await open()
  await store.expire(new Map(), start + 300 * minute, start + 100 * day, new AbortController().signal)
  await expect.poll(rows, { timeout: 30_000 }).toBe(count - 300 + 1)
  expect(await number(store, 'every')).toBe(count - 300 + 1)
  await store.expire(new Map(), start + 50 * day, start + 100 * day, new AbortController().signal)
  await expect.poll(rows, { timeout: 30_000 }).toBe(0)
  await store.close()
  expect(existsSync(`${path}-search`)).toBe(true)
  expect(warnings).toEqual([])
})

test('a range that is dropped between two statements of a search is no longer searched, and the others are', async () => {
  const db = new Sqlite(':memory:')
  db.exec(`create table ranges (range integer primary key); insert into ranges values (0), (1);
           create virtual table words_0 using fts5(words); insert into words_0 (rowid, words) values (1, 'loan')`)
  const reads = sqliteSearchReads(
    async (sql, parameters) => {
      const rows = db.prepare(sql).all(...parameters) as never[]
      // The first list names a range whose table is gone by the next statement.
      db.exec('delete from ranges where range = 1')
      return { rows, elapsedMs: 0 }
    },
    () => {},
  )
  const step = reads.walk({ question: [{ words: ['loan'], isPrefix: false }], kinds: undefined, newest: true })
  expect(await step({ low: 1, high: 100_000, limit: 10 })).toEqual({ found: [1], last: null })
  db.close()
})
