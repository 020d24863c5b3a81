// Others at the same database: a second gateway, and a stranger who holds the write lock.
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { databaseIn, get, newFolder, refusedIn, removeFolder, startIn } from './gateway.ts'
import { expectKept, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

let folder: string
let gateway: GatewayProcess | undefined

beforeEach(() => {
  folder = newFolder()
})

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  removeFolder(folder)
})

test('a second process on the same database is refused, and the first goes on', async () => {
  gateway = await startIn(folder)
  const output = await refusedIn(folder)
  expect(output).toContain('it ended (1)')
  expect(output).toContain(`another process has the database ${databaseIn(folder)} open: stop it first`)
  const load = new Load({ url: gateway.url, requests: signedRequests(50) })
  await load.ended
  expect(load.summary()).toBe('200 × 50')
  // The lock goes with its process, however that ends.
  gateway.kill('SIGKILL')
  await gateway.ended
  gateway = await startIn(folder)
  expectKept(load.acknowledged, await inboxThroughApi(gateway.url))
})

test('invariant 1: while another holds the write lock requests wait, then get 503; and service goes on', async () => {
  gateway = await startIn(folder)
  const { url } = gateway
  const stranger = new Sqlite(databaseIn(folder), { timeout: 10_000 })
  stranger.exec('begin immediate')
  const refused = new Load({ url, requests: signedRequests(8), connections: 8 })
  const readiness = await get(`${url}/readyz`)
  expect(readiness.status).toBe(503)
  expect(await readiness.json()).toEqual({ status: 'unready', problem: 'locked' })
  await refused.ended
  expect(refused.summary()).toBe('503 × 8')
  for (const { retryAfter } of refused.sent) expect(Number(retryAfter)).toBeGreaterThan(0)
  // Reading needs no lock.
  expect((await inboxThroughApi(url)).sequences.size).toBe(0)

  // Nobody has to send anything again for the lock's sake, where it is held for a moment only.
  const patient = new Load({ url, requests: signedRequests(8), connections: 8 })
  await until('all of it has been sent', () => patient.sent.filter(({ sentAt }) => sentAt).length === 8)
  stranger.exec('rollback')
  stranger.close()
  await patient.ended
  expect(patient.summary()).toBe('200 × 8')
  await until('it is ready', async () => (await get(`${url}/readyz`)).status === 200)
  const inbox = await inboxThroughApi(url)
  expectKept(patient.acknowledged, inbox)
  expect(inbox.sequences.size).toBe(8)
})
