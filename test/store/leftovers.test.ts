// What retention leaves in the tables themselves: no bytes of a vendor's, and in the end no trace at all.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { day, record, request, start } from '../contract/store/record.ts'

test('retention takes events with their requests at once, and their identities in their time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-leftovers-'))
  const store = await openSqliteStore(join(folder, 'postern.db'))
  const db = new Sqlite(join(folder, 'postern.db'), { readonly: true })
  const count = (table: string) => (db.prepare(`select count(*) as n from ${table}`).get() as { n: number }).n
  const counts = () =>
    Object.fromEntries(['events', 'requests', 'identities', 'minutes'].map(table => [table, count(table)]))
  const expire = (days: number) =>
    store.expire(new Map(), start + days * day, start + days * day, new AbortController().signal)
  try {
    for (let batch = 0; batch < 5; batch++) {
      const records = Array.from({ length: 1_000 }, (_, index) =>
        record(`${batch} ${index}`, { refs: { loan: `K${index}` }, received: start + batch * 60_000 }),
      )
      await store.append(records, request(`batch ${batch}`))
    }
    expect(counts()).toEqual({ events: 5_000, requests: 5, identities: 5_000, minutes: 5 })
    expect(await expire(1)).toBe(5_000)
    expect(counts()).toEqual({ events: 0, requests: 0, identities: 5_000, minutes: 5 })
    // The bucket that the log's end lies in is still written to.
    expect(count('refs')).toBeLessThan(2_048)
    await expire(60)
    expect(counts()).toMatchObject({ identities: 5_000, minutes: 5 })
    await expire(63)
    expect(counts()).toEqual({ events: 0, requests: 0, identities: 0, minutes: 0 })
  } finally {
    db.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
