// The store as another thread of the process has it: a pool of its own.
import type { PostgresOptions, StoreConnection } from '../store.ts'
import { openParts } from './parts.ts'

export async function connectPostgresStore(options: PostgresOptions): Promise<StoreConnection> {
  const parts = openParts(options, 'delivery')
  await parts.nodes.start()
  return {
    deliveries: parts.deliveries,
    append: (events, request) => parts.appender.append(events, request),
    // A connection that is lost is made again: nothing here ever ends for good.
    failed: new Promise<never>(() => {}),
    close: () => parts.close(),
  }
}
