// A database that is damaged, or that may not be written: what is said of it, and that nothing is acknowledged over it.
import { closeSync, openSync, statSync, writeSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { Disks, noMounts } from './disk.ts'
import { databaseIn, get, newFolder, refusedIn, removeFolder, startIn } from './gateway.ts'
import { expectKept, inboxOf, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

const pageBytes = 4096

let folder: string
let disks: Disks | undefined
let gateway: GatewayProcess | undefined

beforeEach(() => {
  folder = newFolder()
})

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  disks?.clear()
  disks = undefined
  removeFolder(folder)
})

/** Fills an inbox in `at` and stops the gateway, so that all of it is in the database file. */
async function filled(at: string, count: number): Promise<ReadonlySet<string>> {
  gateway = await startIn(at)
  const load = new Load({ url: gateway.url, requests: signedRequests(count) })
  await load.ended
  expect(load.count(200)).toBe(count)
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
  return load.acknowledged
}

function overwrite(file: string, from: number, to: number): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(to - from, 0xa5), 0, to - from, from)
  closeSync(descriptor)
}

test('an overwritten header: the start is refused with what is wrong', async () => {
  await filled(folder, 50)
  overwrite(databaseIn(folder), 0, 100)
  const output = await refusedIn(folder)
  expect(output).toContain('it ended (1)')
  expect(output).toContain(`the database ${databaseIn(folder)} cannot be opened: file is not a database`)
})

test('invariant 1: overwritten pages: the start is refused or what needs them fails, and no 200 is given for nothing', async () => {
  await filled(folder, 1_000)
  const file = databaseIn(folder)
  const pages = statSync(file).size / pageBytes
  // All but the first pages, where the schema lies: a start that looks at little else succeeds.
  overwrite(file, 30 * pageBytes, pages * pageBytes)
  const requests = signedRequests(200)
  let outcome: string
  try {
    gateway = await startIn(folder)
  } catch (error) {
    expect((error as Error).message).toMatch(/cannot be opened.*malformed|disk image is malformed/)
    console.log('overwritten pages: the start is refused')
    return
  }
  const reading = await get(`${gateway.url}/api/v1/events?limit=500`)
  const load = new Load({ url: gateway.url, requests })
  await load.ended
  if (load.count(503) > 0) {
    expect(await gateway.ended).toEqual({ code: 70, signal: null })
    expect(gateway.output()).toMatch(/malformed/)
    outcome = 'ended with 70'
  } else outcome = 'went on'
  expect([200, 503]).toContain(reading.status)
  console.log(`overwritten pages: reading ${reading.status}, ${load.summary()}, ${outcome}`)
  expect(load.acknowledged.size).toBe(0)
})

test('a read-only file system: the start is refused with what is wrong, and goes well once it can be written', async context => {
  const problem = noMounts()
  context.skip(problem !== undefined, problem)
  disks = new Disks()
  const at = disks.folder()
  const acknowledged = await filled(at, 50)
  disks.mount('--bind', at, at)
  disks.mount('-o', 'remount,ro,bind', at)
  const output = await refusedIn(at)
  expect(output).toContain('it ended (1)')
  expect(output).toContain(`the database ${databaseIn(at)} cannot be opened`)
  expect(output).toMatch(/read-only/)
  disks.mount('-o', 'remount,rw,bind', at)
  gateway = await startIn(at)
  expectKept(acknowledged, await inboxThroughApi(gateway.url))
})

test('invariant 1: a file system that turns read-only while it runs: 503, then the process ends with 70', async context => {
  const problem = noMounts()
  context.skip(problem !== undefined, problem)
  disks = new Disks()
  const disk = disks.loop(64)
  gateway = await startIn(disk.folder)
  const load = new Load({ url: gateway.url, requests: signedRequests(20_000) })
  load.ended.catch(() => {})
  await load.acknowledgedSome(100)
  // What the kernel does to an ext4 whose disk reports errors.
  disks.mount('-o', 'remount,abort', disk.folder)
  expect(await gateway.ended).toEqual({ code: 70, signal: null })
  await load.ended
  expect(load.count(503)).toBeGreaterThan(0)
  console.log(`read-only while running: ${load.summary()}`)
  const image = await disk.snapshot()
  disk.unmount()
  const found = disks.loop(64, image)
  expectKept(load.acknowledged, inboxOf(databaseIn(found.folder)))
})
