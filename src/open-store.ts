// Opening the inbox by whichever engine the settings name; the other engine's library is not loaded.
import type { Settings } from './config/settings.ts'
import type { Store, StoreObserver } from './store/store.ts'

/** Within it a vendor that waits is answered, before any of them gives up. */
const ackTimeoutMs = 4_000
/** Renewed three times as often. */
const leaseMs = 15_000

/** Throws AppError where it cannot be opened. */
export async function openStore({ database, node }: Settings, observer: StoreObserver): Promise<Store> {
  if (database.engine === 'sqlite') {
    return (await import('./store/sqlite/store.ts')).openSqliteStore(database.path, observer)
  }
  const { url, directUrl, poolMax } = database
  const { openPostgresStore } = await import('./store/postgres/store.ts')
  return openPostgresStore({ url, directUrl, poolMax, ackTimeoutMs, node, leaseMs }, observer)
}
