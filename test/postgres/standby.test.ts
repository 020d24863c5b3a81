// What is promised only when a synchronous standby has it, while none is there.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../src/store/postgres/database.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { entryId, idOf, record, rejected, request, waiting } from '../contract/store/record.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
let store: Store
let database: Database

/** Long enough that nothing here ends by it, but what is said to. */
const ackTimeoutMs = 1_500

beforeAll(async () => {
  server = await startPostgres()
  database = new Database({ url: server.url, poolMax: 2, timeoutMs: ackTimeoutMs })
  store = await openPostgresStore(postgresOptions(server.url, { ackTimeoutMs, directUrl: null }))
})

afterEach(() => standbys(''))

afterAll(async () => {
  await store?.close()
  await database?.close()
  await server?.end()
})

/** Who must have a commit before it is one. */
async function standbys(names: string): Promise<void> {
  await server.configure({ synchronous_standby_names: names })
  // Without one, whoever waits is let go.
  await until('nobody waits that need not', async () => names !== '' || (await waitingPids()).length === 0)
  await until('it is known', async () => {
    const [row] = await server.query<{ names: string }>(`select current_setting('synchronous_standby_names') as names`)
    return row!.names === names
  })
}

async function waitingPids(): Promise<number[]> {
  const rows = await server.query<{ pid: number }>(`select pid from pg_stat_activity where wait_event = 'SyncRep'`)
  return rows.map(({ pid }) => pid)
}

/** As somebody does whom the waiting annoys. */
async function endWaiting(how: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<void> {
  await until('somebody waits', async () => (await waitingPids()).length > 0)
  for (const pid of await waitingPids()) await server.query(`select ${how}($1)`, [pid])
}

const unreachable = { code: 'store_unreachable', retryable: true }

describe('a commit that no standby has', () => {
  test('is waited for until the time limit, and nothing cancels it', async () => {
    await standbys('gone')
    const began = performance.now()
    await expect(database.call('create table waited ()')).rejects.toMatchObject(unreachable)
    expect(performance.now() - began).toBeGreaterThan(ackTimeoutMs - 200)
    const asked = `select wait_event as wait from pg_stat_activity where query = 'create table waited ()'`
    expect(await server.query(asked)).toEqual([{ wait: 'SyncRep' }])
  })

  test('and of which the server only warns that its waiting was cancelled is no success', async () => {
    await standbys('gone')
    const call = database.call('create table cancelled ()')
    call.catch(() => {})
    await endWaiting('pg_cancel_backend')
    await expect(call).rejects.toMatchObject(unreachable)
  })

  test.each(['pg_cancel_backend', 'pg_terminate_backend'] as const)(
    'is no event that is stored (%s), and what came once more is no duplicate of it until it is',
    async how => {
      // What is asked of the server before is no matter here.
      await store.append([record('a kind')], request('a kind'))
      await standbys('gone')
      const key = `unconfirmed by ${how}`
      const append = () => store.append([record(key)], request(key))
      const first = append()
      first.catch(() => {})
      await endWaiting(how)
      await expect(first).rejects.toMatchObject(unreachable)
      await expect(append()).rejects.toMatchObject(unreachable)
      await standbys('')
      expect(await append()).toMatchObject([{ status: 'duplicate' }])
      expect(await store.event(idOf(key))).toBeDefined()
    },
  )

  test('is not ended by the append’s own time limit', async () => {
    await standbys('gone')
    await expect(store.append([record('awaited')], request('awaited'))).rejects.toMatchObject(unreachable)
    const asked = `select wait_event as wait from pg_stat_activity where query like '%postern_append(%' and state = 'active'
      and pid <> pg_backend_pid()`
    // That limit is shorter than what its client has waited.
    expect(await server.query(asked)).toEqual([{ wait: 'SyncRep' }])
    await standbys('')
    expect(await store.event(idOf('awaited'))).toBeDefined()
  })

  test('is no entry of the quarantine, and what came once more is no duplicate of it until it is', async () => {
    await standbys('gone')
    const quarantine = () => store.quarantine(waiting('unconfirmed'), request('unconfirmed'))
    const first = quarantine()
    first.catch(() => {})
    await endWaiting('pg_cancel_backend')
    await expect(first).rejects.toMatchObject(unreachable)
    await expect(quarantine()).rejects.toMatchObject(unreachable)
    await standbys('')
    expect(await quarantine()).toBe('duplicate')
    expect(await store.quarantined(entryId('unconfirmed'))).toBeDefined()
  })

  test('is no kind of events that may be relied on', async () => {
    await standbys('gone')
    const kind = () => database.call(`select postern_kind('unconfirmed', 'a', 'a', 'a', null, 'a')`)
    const first = kind()
    first.catch(() => {})
    await endWaiting('pg_cancel_backend')
    await expect(first).rejects.toMatchObject(unreachable)
    await expect(kind(), 'found, and not confirmed').rejects.toMatchObject(unreachable)
    await standbys('')
    expect(await kind()).toHaveLength(1)
  })

  test('is no rejection that is kept', async () => {
    await standbys('gone')
    const limits = { countMax: 10, bytesMax: 100_000 }
    const reject = store.reject(rejected('unconfirmed'), request('unconfirmed'), limits)
    reject.catch(() => {})
    await endWaiting('pg_cancel_backend')
    await expect(reject).rejects.toMatchObject(unreachable)
  })
})
