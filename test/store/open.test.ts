// Opening a file of SQLite's that cannot be opened: nothing of it stays open.
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, expect, test } from 'vitest'
import { openReader, openWriter } from '../../src/store/sqlite/open.ts'
import { sqliteSearch } from '../../src/store/sqlite/search-parts.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-open-'))
const broken = join(folder, 'broken.db')
const whole = join(folder, 'whole.db')
writeFileSync(broken, 'this is no database at all'.repeat(100))
new Sqlite(whole).exec('create table log (one)').close()
// Where its search index should be there is a folder.
mkdirSync(`${whole}-search`)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const links = '/proc/self/fd'
const held = () =>
  readdirSync(links).filter(each => {
    try {
      return readlinkSync(join(links, each)).startsWith(folder)
    } catch {
      return false
    }
  })

test.runIf(process.platform === 'linux').each([
  ['for reading', () => openReader(broken)],
  ['for writing', () => openWriter(broken)],
  ['for its search', () => sqliteSearch({ path: whole, payloadOf: [] }, () => {})],
])('%s', (_, open) => {
  expect(open).toThrow()
  expect(held()).toEqual([])
})
