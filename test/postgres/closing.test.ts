// A node that ends while its database is out of reach: it must not wait for it for ever.
import { expect, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { record, request } from '../contract/store/record.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

test.each(['stall', 'blackhole', 'refuse'] as const)(
  'a store closes in time though the network is gone (%s)',
  async how => {
    const database = await createDatabase()
    const proxy = await startTcpProxy(Number(new URL(database.url).port))
    const ackTimeoutMs = 500
    const store = await openPostgresStore(postgresOptions(proxy.through(database.url), { ackTimeoutMs }))
    await store.append([record('before')], request('before'))
    await proxy[how]()
    if (how === 'refuse') proxy.reset()
    const taken = store.append([record('after')], request('after'))
    taken.catch(() => {})
    const began = performance.now()
    await store.close()
    expect(performance.now() - began).toBeLessThan(8_000)
    await expect(taken).rejects.toMatchObject({ code: 'store_unreachable' })
    await proxy.close()
    await database.drop()
  },
)
