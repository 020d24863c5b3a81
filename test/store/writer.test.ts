// The writer's thread on SQLite: what comes at once is one commit, whoever sends it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AuditEntry } from '../../src/store/audit.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store } from '../../src/store/store.ts'
import { record, request, start } from '../contract/store/record.ts'

let folder: string
let store: Store
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-writer-'))
  store = await openSqliteStore(join(folder, 'postern.db'))
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

/** So far: the last frame of each in the write-ahead log names the size of the database. */
function commits(): number {
  const wal = readFileSync(join(folder, 'postern.db-wal'))
  const frameBytes = 24 + wal.readUInt32BE(8)
  let count = 0
  for (let at = 32; at + frameBytes <= wal.length; at += frameBytes) if (wal.readUInt32BE(at + 4) > 0) count++
  return count
}

function entry(number: number): AuditEntry {
  const id = Buffer.alloc(16, number)
  const what = { actor: 'admin', tokenId: null, action: 'event.raw', target: String(number), detail: '{}' }
  return { id, at: start, ...what, address: '192.0.2.1', status: null }
}

test('notes of the audit log that come at once share commits, and stand in their order', async () => {
  const before = commits()
  const numbers = Array.from({ length: 48 }, (_, index) => index + 1)
  await Promise.all(numbers.map(number => store.audit.begin(entry(number))))
  expect(commits() - before).toBeLessThan(numbers.length / 2)
  await Promise.all(numbers.map(number => store.audit.end(entry(number).id, 200)))
  expect(commits() - before).toBeLessThan(numbers.length)
  const { items } = await store.audit.list({}, { limit: 100 })
  expect(items.map(({ target, status }) => [Number(target), status])).toEqual(
    numbers.toReversed().map(number => [number, 200]),
  )
})

test('one that cannot be written fails alone, whatever it came with', async () => {
  const broken = { ...entry(99), action: undefined as never }
  const all = await Promise.allSettled([
    store.audit.begin(entry(100)),
    store.audit.begin(broken),
    store.append([record('beside it')], request('')),
    store.audit.begin(entry(101)),
    store.audit.begin(broken),
  ])
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected'])
  const { items } = await store.audit.list({}, { limit: 2 })
  expect(items.map(({ target }) => target)).toEqual(['101', '100'])
})
