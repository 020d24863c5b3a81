// What the tests of `postern copy` share: an inbox with something of everything in a file of each test's own, an empty
// database, and the command as a process.
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, onTestFinished, vi } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { fillInbox, readAll, underWay } from '../support/full-inbox.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { runProcess } from '../support/process.ts'

export const folder = mkdtempSync(join(tmpdir(), 'postern-copy-'))
export const filled = join(folder, 'filled.db')
let files = 0

// Each is several processes, one after the other.
vi.setConfig({ testTimeout: 180_000 })

beforeAll(() => fillInbox(filled))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file of one test's own, as the one that was filled. */
export function source(): string {
  const path = join(folder, `source-${++files}.db`)
  cpSync(filled, path)
  return path
}

export async function target(): Promise<TestDatabase> {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  return database
}

export function postern(args: readonly string[], env: Record<string, string> = {}) {
  return runProcess({ args, env })
}

export function copy(path: string, url: string, ...args: string[]) {
  return postern(['copy', '--from', `sqlite:${path}`, '--to', url, ...args])
}

/** What both sides answer, with what was under way on the source due again when the copy says it is. */
export async function bothSides(path: string, url: string): Promise<[unknown, unknown]> {
  const here = await openSqliteStore(path)
  const there = await openPostgresStore(postgresOptions(url))
  try {
    const [first] = await underWay(here)
    const { due } = (await there.deliveries.delivery(first!))!
    await here.deliveries.releaseLost(due!)
    return [await readAll(here), await readAll(there)]
  } finally {
    await here.close()
    await there.close()
  }
}
