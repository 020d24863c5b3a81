// The parts of `npm run bench -- --postgres`, on a server of its own that holds nothing else.
import { join } from 'node:path'
import { type PostgresServer, startPostgres, type TestDatabase } from '../support/postgres.ts'
import type { Bench } from './bench.ts'
import { flushTime } from './flush.ts'
import { ingest } from './postgres-ingest.ts'
import { acrossNodes } from './postgres-nodes.ts'
import { volume } from './postgres-volume.ts'
import { work } from './postgres-work.ts'
import { ms, note } from './report.ts'

export interface PostgresBench extends Bench {
  server: PostgresServer
  createDatabase(): Promise<TestDatabase>
}

/** As for a machine of its own with some gigabytes of memory and a solid disk; nothing that makes a commit less safe. */
const settings = {
  shared_buffers: '512MB',
  effective_cache_size: '2GB',
  max_wal_size: '4GB',
  random_page_cost: '1.1',
}

export function postgresParts(bench: Bench): Record<string, () => Promise<void>> {
  const on = (part: (bench: PostgresBench) => Promise<void>) => () => withServer(bench, part)
  return { ingest: on(ingest), work: on(work), volume: on(volume), nodes: on(acrossNodes) }
}

/** Each part has a server of its own: none pays for the vacuum or the checkpoint of the one before. */
async function withServer(bench: Bench, part: (bench: PostgresBench) => Promise<void>): Promise<void> {
  const server = await startPostgres({ settings })
  try {
    const shown = ['server_version', 'fsync', 'synchronous_commit', 'full_page_writes', ...Object.keys(settings)]
    const rows = await server.query<{ name: string; value: string }>(
      'select name, current_setting(name) as value from unnest($1::text[]) as name',
      [shown],
    )
    const flush = flushTime(join(server.folder, 'flush'))
    note(`PostgreSQL: ${rows.map(({ name, value }) => `${name} ${value}`).join(', ')}; flush ${ms(flush)}`)
    await part({ ...bench, server, createDatabase: () => server.createDatabase() })
  } finally {
    await server.end()
  }
}
