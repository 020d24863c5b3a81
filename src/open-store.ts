// Opening the inbox by whichever engine the settings name; the other engine's library is not loaded. Before PostgreSQL
// there may be a spool.
import type { Clock } from './clock.ts'
import type { Settings } from './config/settings.ts'
import type { Log } from './observe/log.ts'
import type {
  RejectionLimits,
  SearchOptions,
  SpooledStore,
  SpoolObserver,
  Store,
  StoreObserver,
} from './store/store.ts'

/** Within it a vendor that waits is answered, before any of them gives up. */
const ackTimeoutMs = 4_000
/** Renewed three times as often. */
const leaseDefaultMs = 15_000

export interface StoreParts {
  observer: StoreObserver
  spoolObserver: SpoolObserver | undefined
  rejectionLimits: RejectionLimits
  leaseMs: number | undefined
  /** Undefined: nothing is searched. */
  search: SearchOptions | undefined
  clock: Clock
  log: Log
}

export interface OpenedStore {
  store: Store
  /** The same one, where there is a spool before it. */
  spooled?: SpooledStore
}

/** Throws AppError where it cannot be opened: with a spool the database may be away. */
export async function openStore({ database, node, spool }: Settings, parts: StoreParts): Promise<OpenedStore> {
  const { observer, spoolObserver, rejectionLimits, leaseMs = leaseDefaultMs, search, clock, log } = parts
  if (database.engine === 'sqlite') {
    return { store: await (await import('./store/sqlite/store.ts')).openSqliteStore(database.path, observer, search) }
  }
  const { url, directUrl, poolMax } = database
  const { openPostgresStore } = await import('./store/postgres/store.ts')
  const options = { url, directUrl, poolMax, ackTimeoutMs, node, leaseMs }
  const store = await openPostgresStore(options, observer, { patient: spool !== undefined, search })
  if (spool === undefined) return { store }
  const { shortLivedFileSystem } = await import('./store/spool/spool.ts')
  const { spooled } = await import('./store/spool/spooled-store.ts')
  try {
    const behindSpool = await spooled(store, {
      ...spool,
      rejectionLimits,
      clock,
      log,
      ...(spoolObserver === undefined ? {} : { observer: spoolObserver }),
    })
    const fileSystem = shortLivedFileSystem(spool.path)
    if (fileSystem !== undefined) {
      log.warn(
        { path: spool.path, fileSystem },
        'the spool is where nothing lasts: give it a disk that outlives this node',
      )
    }
    return { store: behindSpool, spooled: behindSpool }
  } catch (error) {
    await store.close()
    throw error
  }
}
