// What is committed between two reads of one list: the position must not tell of it what the list did not.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Queries } from '../../src/store/queries.ts'
import { kyselyOver } from '../../src/store/sqlite/dialect.ts'
import { readingParts } from '../../src/store/sqlite/reading.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { EventFilter, Store } from '../../src/store/store.ts'
import { record, request, start } from '../contract/store/record.ts'

let folder: string
let store: Store
let db: Sqlite.Database
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-queries-'))
  store = await openSqliteStore(join(folder, 'postern.db'))
  db = new Sqlite(join(folder, 'postern.db'), { readonly: true })
})
afterEach(async () => {
  db.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

const filters: [name: string, filter: EventFilter][] = [
  ['everything', {}],
  ['by type', { type: ['loan.*'] }],
  ['by ref', { refs: ['loan:K1'] }],
  ['by time', { receivedAfter: start }],
  ['by type and time', { type: ['loan.created'], receivedAfter: start, receivedBefore: start + 60_000 }],
]

test.each(filters)('%s: an event that comes after each single read is seen once', async (_name, filter) => {
  let number = 0
  const append = async () => {
    const fields = { type: 'loan.created', refs: { loan: 'K1' }, received: start + (number % 3) }
    await store.append([record(`event ${++number}`, fields)], request(''))
  }
  for (let index = 0; index < 5; index++) await append()
  const queries = new Queries(
    kyselyOver(async (sql, parameters) => {
      const rows = db.prepare(sql).all(...parameters) as never[]
      await append()
      return { rows }
    }),
    readingParts,
  )
  const seen: number[] = []
  let position = 0
  for (let round = 0; round < 8; round++) {
    const page = await queries.list({ filter, order: 'oldest', from: position, limit: 3 + round })
    seen.push(...page.events.map(({ sequence }) => sequence))
    expect(page.position).toBeGreaterThanOrEqual(seen.at(-1) ?? 0)
    position = page.position
  }
  expect(seen).toEqual(Array.from({ length: position }, (_, index) => index + 1))
  expect(position).toBeGreaterThan(15)
})
