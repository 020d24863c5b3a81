// The disk fills up while events come in: 503 until there is room, then service goes on in the same process.
import { rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { Disks, noMounts } from './disk.ts'
import { databaseIn, get, startIn } from './gateway.ts'
import { expectKept, inboxOf, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

const megabyte = 1024 * 1024
const walHeaderBytes = 32
const walFrameBytes = 24 + 4096
/** How many frames the first piece of the WAL's index holds. */
const firstIndexFrames = 4_062

let disks: Disks
let gateway: GatewayProcess | undefined

beforeEach(context => {
  const problem = noMounts()
  context.skip(problem !== undefined, problem)
  disks = new Disks()
})

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  disks?.clear()
})

const readiness = async (url: string) => {
  const response = await get(`${url}/readyz`)
  return { status: response.status, body: await response.json() }
}

/** Sends until a request is refused; resolves with the load. */
async function fill(url: string): Promise<Load> {
  const load = new Load({ url, requests: signedRequests(30_000), connections: 16 })
  await Promise.race([
    load.ended,
    until('the disk is full', () => load.sent.some(({ status }) => status === 503), 100_000),
  ])
  await load.stop()
  return load
}

const disksThatFill: [name: string, make: () => { folder: string; makeRoom: () => void }][] = [
  [
    'a file system in memory that is made larger',
    () => {
      const folder = disks.memory(3 * megabyte)
      return { folder, makeRoom: () => disks.mount('-o', `remount,size=${32 * megabyte}`, folder) }
    },
  ],
  [
    'an ext4 on which another file is deleted',
    () => {
      const { folder } = disks.loop(24)
      const filler = join(folder, 'filler')
      writeFileSync(filler, Buffer.alloc(14 * megabyte))
      return { folder, makeRoom: () => rmSync(filler) }
    },
  ],
]

test.each(disksThatFill)(
  'invariant 1: a full disk refuses, loses nothing, and goes on with room: %s',
  async (name, make) => {
    const { folder, makeRoom } = make()
    gateway = await startIn(folder)
    const before = await fill(gateway.url)
    expect(before.acknowledged.size).toBeGreaterThan(100)
    for (const { status, retryAfter } of before.sent) {
      expect([200, 503]).toContain(status)
      if (status === 503) expect(Number(retryAfter)).toBeGreaterThan(0)
    }
    await until('/readyz tells it', async () => (await readiness(gateway!.url)).status === 503)
    expect(await readiness(gateway.url)).toEqual({ status: 503, body: { status: 'unready', problem: 'full' } })
    // Reading goes on, and all that was acknowledged is there to read.
    expectKept(before.acknowledged, await inboxThroughApi(gateway.url))

    makeRoom()
    await until('/readyz tells that there is room', async () => (await readiness(gateway!.url)).status === 200)
    const requests = signedRequests(500)
    const later = new Load({ url: gateway.url, requests })
    await later.ended
    expect(later.summary()).toBe('200 × 500')
    const acknowledged = [...before.acknowledged, ...later.acknowledged]
    expectKept(acknowledged, await inboxThroughApi(gateway.url))
    expect(await gateway.stop()).toEqual({ code: 0, signal: null })
    expectKept(acknowledged, inboxOf(databaseIn(folder)))
    console.log(`full disk, ${name}: before ${before.summary()}; with room ${later.summary()}; none lost`)
  },
)

test('a disk that is full at any page of a commit, the index of the WAL included, ends no process', async () => {
  const folder = disks.memory(64 * megabyte)
  // Its search index would take and give back pages of the same disk.
  gateway = await startIn(folder, { POSTERN_SEARCH: 'off' })
  const url = gateway.url
  const acknowledged = new Set<string>()
  const send = async (count: number) => {
    const load = new Load({ url, requests: signedRequests(count), connections: 4 })
    await load.ended
    for (const vendorid of load.acknowledged) acknowledged.add(vendorid)
    return load
  }
  // An open reader keeps the WAL growing, up to the frame where its index must grow too.
  const reader = new Sqlite(databaseIn(folder), { readonly: true })
  reader.exec('begin')
  reader.prepare('select count(*) from events').get()
  const frames = () => (statSync(`${databaseIn(folder)}-wal`).size - walHeaderBytes) / walFrameBytes
  while (frames() < firstIndexFrames - 50) await send(20)
  const refusedAt = new Set<number>()
  const { blocks, bfree } = statfsSync(folder)
  for (let pages = blocks - bfree; frames() < firstIndexFrames + 50; pages++) {
    disks.mount('-o', `remount,size=${pages * 4096}`, folder)
    const load = await send(2)
    for (const { status } of load.sent) expect([200, 503]).toContain(status)
    if (load.count(503) > 0) refusedAt.add(Math.floor(frames()))
  }
  reader.close()
  disks.mount('-o', `remount,size=${64 * megabyte}`, folder)
  expect((await send(100)).count(200)).toBe(100)
  expect(refusedAt.size).toBeGreaterThan(5)
  expectKept(acknowledged, await inboxThroughApi(url))
  console.log(`disk that fills page by page: ${acknowledged.size} acknowledged, none lost`)
})
