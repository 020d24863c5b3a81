// The index of refs while its narrow buckets become wide ones: after every single step it finds what it found before.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { quickHash } from '../../src/quick-hash.ts'
import { Log } from '../../src/store/sqlite/append.ts'
import { kyselyOver } from '../../src/store/sqlite/dialect.ts'
import { openReader, openWriter } from '../../src/store/sqlite/open.ts'
import { firstWide } from '../../src/store/sqlite/ref-buckets.ts'
import { findEach, findRefs } from '../../src/store/sqlite/ref-index.ts'
import { RefMerge } from '../../src/store/sqlite/ref-merge.ts'
import { bringUpToDate } from '../../src/store/sqlite/schema.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { record, request } from '../contract/store/record.ts'

const head = 100_000
/** At the edges of narrow buckets (2,048 events) and wide ones (32,768). */
const rare = [1, 2_047, 2_048, 32_767, 32_768, 40_000, 65_535, 65_536, 98_303, 98_304, 99_999]
const common = Array.from({ length: head / 10 }, (_, index) => (index + 1) * 10)
const both = rare.filter(sequence => sequence % 10 === 0)

let folder: string
let path: string
let db: Sqlite.Database
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-refs-'))
  path = join(folder, 'postern.db')
  await bringUpToDate(path)
  db = openWriter(path)
  db.pragma('synchronous = OFF')
  mention('loan:K1', rare)
  mention('office:1', common)
  db.prepare('update log set head = ?').run(head)
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true, force: true })
})

function mention(ref: string, sequences: readonly number[]): void {
  db.prepare('insert into refs select value / 2048, ?, value from json_each(?)').run(
    quickHash(ref),
    JSON.stringify(sequences),
  )
}

function step(merge: RefMerge): void {
  db.exec('begin')
  merge.step(head)
  db.exec('commit')
}

const reading = kyselyOver(async (sql, parameters) => ({ rows: db.prepare(sql).all(...parameters) as never[] }))

async function expectAllFound(): Promise<void> {
  const walk = { low: 2, high: 99_998, limit: 100_000 }
  const within = rare.filter(sequence => sequence >= 2 && sequence <= 99_998)
  expect(await findRefs(reading, { ...walk, refs: ['loan:K1'], newest: true })).toEqual({
    found: within.toReversed(),
    last: null,
  })
  expect(await findRefs(reading, { ...walk, refs: ['loan:K1', 'office:1'], newest: false })).toEqual({
    found: both,
    last: null,
  })
  expect(await findRefs(reading, { ...walk, refs: ['office:1'], newest: true, limit: 3_300 })).toEqual({
    found: common
      .filter(sequence => sequence <= 99_998)
      .slice(-3_300)
      .toReversed(),
    last: 67_000,
  })
  const each = await findEach(reading, { low: 2, high: head, limit: 4_000, refs: ['loan:K1', 'office:1', 'loan:none'] })
  expect(Object.fromEntries(each)).toEqual({
    'loan:K1': rare.slice(1),
    'office:1': common.slice(0, 4_000),
    'loan:none': [],
  })
}

const merged = () => db.prepare('select merged from log').pluck().get()

test('every step of merging leaves the same to be found, also where it is rolled back or begun anew', async () => {
  let merge = new RefMerge(db)
  let steps = 0
  for (; merge.isDue(head); steps++) {
    if (steps === 20 || steps === 200 || steps === 260) {
      db.exec('begin')
      merge.step(head)
      db.exec('rollback')
      merge = new RefMerge(db)
    }
    step(merge)
    if (steps % 5 === 0) await expectAllFound()
    expect(steps).toBeLessThan(900)
  }
  await expectAllFound()
  expect(merged()).toBe(3)
  const left = db.prepare('select distinct bucket from refs order by bucket').pluck().all()
  expect(left).toEqual([48, firstWide, firstWide + 1, firstWide + 2])
})

test('a log that was made to jump is not merged range by range', () => {
  const far = 5_000_000_000
  mention('loan:K1', [far])
  const merge = new RefMerge(db)
  let steps = 0
  for (; merge.isDue(far); steps++) merge.step(far)
  expect(steps).toBeLessThan(900)
  expect(merged()).toBe(Math.floor(far / 32_768))
})

test('where nothing was ever mentioned there is nothing to merge', () => {
  db.exec('delete from refs')
  const merge = new RefMerge(db)
  let steps = 0
  for (; merge.isDue(head); steps++) merge.step(head)
  expect(steps).toBeLessThan(5)
})

test('retention removes wide buckets step by step', () => {
  const merge = new RefMerge(db)
  while (merge.isDue(head)) step(merge)
  const log = new Log(db, { expire() {} })
  const count = db.prepare('select count(*) from refs').pluck()
  const expire = () => {
    const before = count.get() as number
    log.expire(1, 100, [], 0, 0)
    return before - (count.get() as number)
  }
  for (let removed = expire(); removed > 0; removed = expire()) expect(removed).toBeLessThanOrEqual(2_000)
  // No event is left: what is near the head stays, since more will come there.
  expect(db.prepare('select min(bucket) from refs').pluck().get()).toBe(48)
})

test('a gateway merges by itself what it finds', async () => {
  db.close()
  const store = await openSqliteStore(path)
  db = openReader(path)
  try {
    await vi.waitFor(() => expect(merged()).toBe(3), { timeout: 30_000, interval: 50 })
    await expectAllFound()
  } finally {
    await store.close()
  }
})

test('while a reader holds the write-ahead log nothing is merged: it would only grow', async () => {
  db.close()
  const backup = openReader(path)
  const store = await openSqliteStore(path)
  db = openReader(path)
  try {
    backup.exec('begin')
    backup.prepare('select head from log').get()
    // Larger than what is moved at once: the writer sees that it cannot.
    const body = Buffer.alloc(1024 * 1024, 'x')
    for (let number = 0; number < 24; number++) await store.append([record(`large ${number}`)], request(body))
    const wide = db.prepare('select count(*) from refs where bucket >= ?').pluck()
    const held = wide.get(firstWide)
    for (let number = 0; number < 100; number++) await store.append([record(`small ${number}`)], request(''))
    expect(wide.get(firstWide)).toBe(held)
    backup.exec('rollback')
    await vi.waitFor(() => expect(merged()).toBe(3), { timeout: 60_000, interval: 50 })
  } finally {
    backup.close()
    await store.close()
  }
})
