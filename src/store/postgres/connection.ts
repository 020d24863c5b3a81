// The store as another thread of the process has it: a pool of its own.
import type { PostgresOptions, StoreConnection } from '../store.ts'

export function connectPostgresStore(options: PostgresOptions): Promise<StoreConnection> {
  throw new Error(`not yet: ${options.node}`)
}
