// The reader's thread on SQLite: what every request waits for does not wait for what is long.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { Reader } from '../../src/store/sqlite/threads.ts'
import type { Store } from '../../src/store/store.ts'
import { record, request } from '../contract/store/record.ts'

let folder: string
let store: Store
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-reader-'))
  store = await openSqliteStore(join(folder, 'postern.db'))
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const long = 'with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select count(*) from n'

test('a short look-up passes long reads that were asked for before it, and a close lets all of them be answered', async () => {
  const reader = new Reader(join(folder, 'postern.db'))
  const answered: string[] = []
  const reads = Array.from({ length: 30 }, () => reader.run(long, []).then(() => answered.push('long')))
  reads.push(reader.run('select head from log', [], { first: true }).then(() => answered.push('short')))
  const closed = reader.close()
  await Promise.all(reads)
  await closed
  expect(answered).toHaveLength(31)
  expect(answered.indexOf('short')).toBeLessThanOrEqual(2)
  await expect(reader.run(long, [])).rejects.toMatchObject({ code: 'unavailable' })
})

test('a token is looked up while hundreds of lists wait', async () => {
  await store.append([record('one')], request(''))
  const answered: string[] = []
  const lists = Array.from({ length: 300 }, (_, index) =>
    store.list({ filter: { refs: [`loan:${index}`] }, order: 'newest', limit: 500 }).then(() => answered.push('list')),
  )
  const found = store.tokens.find(Buffer.alloc(16)).then(() => answered.push('token'))
  await Promise.all([...lists, found])
  expect(answered[0]).toBe('token')
})
