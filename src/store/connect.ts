// The store for another thread, by whichever engine keeps it; the other engine's library is not loaded.
import type { StoreChannel, StoreConnection } from './store.ts'

export async function connectStore(channel: StoreChannel): Promise<StoreConnection> {
  if (channel.engine === 'sqlite') return (await import('./sqlite/connection.ts')).connectSqliteStore(channel)
  return (await import('./postgres/connection.ts')).connectPostgresStore(channel.options)
}
