// The search index of a gateway that is killed again and again while it fills it: it goes on where it stood, and has each
// event once.
import { existsSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { afterAll, expect, test } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { appendAll, record } from '../contract/store/record.ts'
import { indexed } from '../contract/store/search.ts'
import { until } from '../support/until.ts'
import { databaseIn, newFolder, removeFolder, startIn } from './gateway.ts'
import { chance, seedOfRun } from './requests.ts'

const count = 5_000
const rounds = 3
const folder = newFolder()
const path = databaseIn(folder)
afterAll(() => removeFolder(folder))

/** How far it has come, and how many rows it has. */
function index(): { through: number; rows: number } {
  if (!existsSync(`${path}-search`)) return { through: 0, rows: 0 }
  const db = new Sqlite(`${path}-search`, { readonly: true })
  try {
    const has = (table: string) => db.prepare('select 1 from sqlite_master where name = ?').get(table) !== undefined
    const through = has('state') ? (db.prepare('select through from state').pluck().get() as number) : 0
    const rows = has('words_0') ? (db.prepare('select count(*) from words_0_docsize').pluck().get() as number) : 0
    return { through, rows }
  } finally {
    db.close()
  }
}

test('kill -9 at any moment costs it nothing', async () => {
  const events = Array.from({ length: count }, (_, at) =>
    record(`event ${at}`, { received: Date.now(), data: JSON.stringify({ refs: {}, text: `every n${at}` }) }),
  )
  const filled = await openSqliteStore(path)
  await appendAll(filled, events)
  await filled.close()
  const random = chance(seedOfRun('search index, killed'))
  const stood: number[] = []
  for (let round = 0; round < rounds; round++) {
    const gateway = await startIn(folder)
    const before = index().through
    await until('some of it is filled', () => index().through > before, 30_000)
    await after(random() * 60)
    gateway.kill('SIGKILL')
    await gateway.ended
    const { through, rows } = index()
    // Together, or not at all.
    expect(rows).toBe(through)
    stood.push(through)
    if (through === count) break
  }
  console.log(`search index, killed: it stood at ${stood.join(', ')} of ${count}`)
  expect(stood).toEqual(stood.toSorted((a, b) => a - b))
  // Else it was not killed while it filled it.
  expect(stood[0]).toBeLessThan(count)

  const store = await openSqliteStore(path, undefined, { payloadOf: [] })
  await indexed(store)
  const found: number[] = []
  for (let from: number | undefined; ; ) {
    const page = await store.list({ filter: { q: 'every' }, order: 'oldest', limit: 500, ...(from && { from }) })
    found.push(...page.events.map(({ sequence }) => sequence))
    if (page.next === null) break
    from = page.next
  }
  expect(found).toEqual(events.map((_, at) => at + 1))
  expect((await store.list({ filter: { q: `n${count - 1}` }, order: 'newest', limit: 5 })).events).toHaveLength(1)
  await store.close()
  expect(index()).toEqual({ through: count, rows: count })
})
