// Nodes whose PostgreSQL is restarted, dies and comes back, and whose connections to it are cut in every way.
import { afterEach, expect, test } from 'vitest'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { doublesIn, Ends, expectAllArrived, moreThan } from './nodes.ts'
import { chance, seedOfRun } from './requests.ts'

const ends = new Ends()
afterEach(() => ends.all())

test('PostgreSQL is restarted and its connections are cut: what was acknowledged arrives, and nobody need be started again', async () => {
  const random = chance(seedOfRun('PostgreSQL restarted and cut off'))
  const server = await ends.postgres()
  const proxy = ends.add(await startTcpProxy(server.port), each => each.close())
  const nodes = await ends.nodes({ url: proxy.through(server.url), random })
  const vendors = nodes.vendors()
  /** Nothing passes until everybody has been told so. */
  const silence = async (begin: () => void) => {
    const before = vendors.tried.length
    begin()
    const refused = () => new Set(vendors.tried.slice(before).flatMap(each => (each.status === 503 ? [each.url] : [])))
    await until('every node has said that it stores nothing', () => refused().size === nodes.slots.length, 60_000)
    await proxy.recover()
  }
  const faults: Record<string, () => Promise<void>> = {
    'a restart': async () => {
      await server.stop('fast')
      await server.start()
    },
    'a crash': async () => {
      await server.kill()
      await server.start()
    },
    'all its connections ended': async () => {
      await server.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname is not null and pid <> pg_backend_pid()',
      )
    },
    'a reset of all connections': async () => proxy.reset(),
    'a network that stalls': () => silence(() => proxy.stall()),
    'a network that swallows everything': () => silence(() => proxy.blackhole()),
    latency: async () => {
      proxy.latencyMs = 40
      await moreThan(vendors, 30, nodes)
      proxy.latencyMs = 0
    },
  }
  for (const [name, fault] of Object.entries(faults)) {
    await moreThan(vendors, 30, nodes)
    const began = performance.now()
    await fault()
    const lasted = performance.now()
    await moreThan(vendors, 30, nodes)
    console.log(
      `${name}: ${Math.round(lasted - began)} ms, and well ${Math.round(performance.now() - lasted)} ms later`,
    )
  }
  await vendors.stop()
  await expectAllArrived({ nodes, vendors, query: server.query, died: true })
  const odd = vendors.failures.filter(({ status }) => status !== 503)
  expect(odd, 'what was not stored was answered, and as that').toEqual([])
  expect(
    vendors.failures.every(({ retryAfter }) => Number(retryAfter) > 0),
    'with Retry-After',
  ).toBe(true)
  console.log(`PostgreSQL restarted and cut off: ${vendors.summary()}; doubles: ${doublesIn(nodes)}`)
}, 180_000)
