import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import { testStore } from '../contract/store.ts'

testStore({
  name: 'SQLite',
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'postern-store-'))
    const path = join(folder, 'postern.db')
    let store = await openSqliteStore(path)
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await openSqliteStore(path)
        return store
      },
      // Whoever opens it is the only one.
      async lapse() {},
      async remove() {
        await store.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
})
