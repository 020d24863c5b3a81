import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { SearchOptions } from '../../src/store/store.ts'
import type { OpenStore } from '../contract/store/inbox.ts'
import { searchedPayloads } from '../contract/store/search.ts'
import { testStore } from '../contract/store.ts'

const engine =
  (search?: SearchOptions): OpenStore =>
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-store-'))
    const path = join(folder, 'postern.db')
    let store = await openSqliteStore(path, { committed() {}, warned: console.error }, search)
    return {
      get store() {
        return store
      },
      async reopen() {
        await store.close()
        store = await openSqliteStore(path, { committed() {}, warned: console.error }, search)
        return store
      },
      // Whoever opens it is the only one.
      async lapse() {},
      async remove() {
        await store.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }

testStore({ name: 'SQLite', open: engine(), openSearched: engine({ payloadOf: searchedPayloads }) })
