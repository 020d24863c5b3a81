// A node whose database goes away, as operators run it: it starts, answers, dies, starts again and ends, and loses
// nothing that it acknowledged.
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import type { GatewayProcess } from '../support/process.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'
import { get, newFolder, removeFolder, startIn } from './gateway.ts'
import { expectKept, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

let server: PostgresServer
let proxy: TcpProxy
let gateway: GatewayProcess | undefined
const folder = newFolder()

beforeAll(async () => {
  server = await startPostgres()
  proxy = await startTcpProxy(server.port)
})
afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
})
afterAll(async () => {
  await proxy.close()
  await server.end()
  removeFolder(folder)
})

const start = (url: string) =>
  startIn(folder, {
    POSTERN_DATABASE: proxy.through(url),
    POSTERN_SPOOL: join(folder, 'spool.db'),
    POSTERN_ADMIN_PORT: '0',
  })
const readiness = async (url: string) => {
  const response = await fetch(`${url}/readyz`, { headers: { connection: 'close' } })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('an outage from before the start until after a crash: everything acknowledged is in the log once', async () => {
  const database = await server.createDatabase()
  await proxy.refuse()
  const acknowledged = new Set<string>()
  gateway = await start(database.url)
  for (let life = 0; life < 3; life++) {
    const load = new Load({ url: gateway.url, requests: signedRequests(20_000), duplicates: 0.1 })
    await load.acknowledgedSome(500)
    expect(await readiness(gateway.url)).toEqual({ status: 200, body: { status: 'ready', degraded: 'spooling' } })
    gateway.kill('SIGKILL')
    await gateway.ended
    await load.ended
    for (const { status } of load.sent) expect([200, undefined]).toContain(status)
    for (const vendorid of load.acknowledged) acknowledged.add(vendorid)
    gateway = await start(database.url)
  }
  const { status, body } = await readiness(gateway.adminUrl)
  expect([status, body.degraded]).toEqual([200, 'spooling'])
  expect((body.spool as { entries: number }).entries).toBeGreaterThanOrEqual(acknowledged.size)
  const metrics = await (await get(`${gateway.adminUrl}/metrics`)).text()
  expect(metrics).toMatch(/^postern_spool_oldest_seconds \d/m)
  expect(metrics).toMatch(/^postern_store_up 0$/m)

  // Told to end while it cannot be moved on: what waits stays on the disk, and the exit code says so.
  expect(await gateway.stop()).toEqual({ code: 75, signal: null })
  expect(gateway.output()).toContain('the spool is not empty: start this node again with the same disk')
  gateway = await start(database.url)

  await proxy.recover()
  const running = gateway
  await until('the spool is empty', async () => (await readiness(running.url)).body.degraded === undefined, 60_000)
  const inbox = await inboxThroughApi(gateway.adminUrl)
  expectKept(acknowledged, inbox)
  console.log(`spool: 3 crashes, ${acknowledged.size} acknowledged, ${inbox.sequences.size} in the log`)
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
})

test('an outage under load: nobody is refused, and the way is straight again while the load goes on', async () => {
  const database = await server.createDatabase()
  gateway = await start(database.url)
  const { url, adminUrl } = gateway
  const load = new Load({ url, requests: signedRequests(200_000) })
  await load.acknowledgedSome(500)
  const isStraight = async () => (await readiness(url)).body.degraded === undefined
  await until('the way is straight', isStraight, 60_000)
  proxy.blackhole()
  await until('it spools', async () => (await readiness(url)).body.degraded === 'spooling', 30_000)
  const before = load.acknowledged.size
  await load.acknowledgedSome(before + 1_000)
  await proxy.recover()
  await until('the way is straight again', isStraight, 120_000)
  const back = load.acknowledged.size
  await load.acknowledgedSome(back + 200)
  await load.stop()
  expect(load.sent.filter(({ status }) => status !== 200)).toEqual([])
  const slowest = Math.max(...load.sent.map(({ sentAt, answeredAt }) => answeredAt! - sentAt!))
  console.log(`spool under load: ${load.summary()}, the slowest answer after ${Math.round(slowest)} ms`)
  expectKept(load.acknowledged, await inboxThroughApi(adminUrl))
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
})
