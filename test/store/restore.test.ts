// A backup and a restore in one process: what is read whole, and how often, since an inbox may be large.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, expect, test, vi } from 'vitest'
import { backUp } from '../../src/store/sqlite/backup.ts'
import { restore } from '../../src/store/sqlite/restore.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { record, request } from '../contract/store/record.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-restore-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('each reads the whole file once, and what is in place has no write-ahead log', async () => {
  const path = join(folder, 'postern.db')
  const store = await openSqliteStore(path)
  await store.append([record('one')], request('one'))
  await store.close()
  const pragma = vi.spyOn(Sqlite.prototype, 'pragma')
  const checks = () => pragma.mock.calls.filter(([text]) => text.startsWith('integrity_check')).length
  const copy = join(folder, 'copy.db')
  await backUp(path, copy, { copying() {}, checking() {} })
  expect(checks()).toBe(1)
  const place = join(folder, 'place.db')
  const restored = await restore(copy, place, { gap: 100, stamp: 'now' })
  expect(checks()).toBe(2)
  pragma.mockRestore()
  expect(restored).toMatchObject({ last: 1, head: 101, counts: { events: 1, requests: 1 } })
  expect(existsSync(`${place}-wal`)).toBe(false)
  const again = await openSqliteStore(place)
  expect(await again.extent()).toEqual({ head: 101, oldest: 1, epoch: restored.epoch })
  await again.close()
})
