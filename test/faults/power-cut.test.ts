// A power cut: only what was flushed is on the disk that the next start finds. The image of the disk is copied while
// the gateway stands still in mid-load, and what was answered 200 until then must be on the copy.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { Disks, type LoopDisk, noMounts } from './disk.ts'
import { freeze } from './freeze.ts'
import { databaseIn, startIn } from './gateway.ts'
import { expectKept, type Inbox, inboxOf, inboxThroughApi, lost } from './inbox.ts'
import { Load } from './load.ts'
import { chance, type SignedRequest, seedOfRun, signedRequests } from './requests.ts'

const cuts = 20
const perRound = 4_000
const megabytes = 256

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

/** Cuts the power under the load, and resolves with the disk as it is found afterwards. */
async function cutPower(disk: LoopDisk, running: GatewayProcess, load: Load): Promise<LoopDisk> {
  await freeze(running)
  const image = await disk.snapshot()
  void load.stop()
  running.kill('SIGKILL')
  await running.ended
  await load.ended
  disk.unmount()
  return disks.loop(megabytes, image)
}

test('invariants 1 and 3: 20 power cuts under load lose nothing acknowledged and double nothing', async () => {
  const random = chance(seedOfRun('power cuts'))
  const acknowledged = new Set<string>()
  const begun: SignedRequest[] = []
  let inbox: Inbox | undefined
  let disk = disks.loop(megabytes)
  gateway = await startIn(disk.folder)
  for (let cut = 0; cut < cuts; cut++) {
    const requests = signedRequests(perRound)
    const load = new Load({ url: gateway.url, requests, duplicates: 0.1, random })
    // The moment of the cut is the fault itself.
    await after(150 + random() * 450)
    disk = await cutPower(disk, gateway, load)
    const fresh = new Set(load.sent.map(({ vendorid }) => vendorid))
    begun.push(...requests.filter(({ vendorid }) => fresh.has(vendorid)))
    for (const vendorid of load.acknowledged) acknowledged.add(vendorid)
    gateway = await startIn(disk.folder)
    const now = inboxOf(databaseIn(disk.folder))
    expectKept(acknowledged, now, inbox)
    inbox = now
  }
  expect(acknowledged.size).toBeGreaterThan(cuts * 2)
  const retry = new Load({ url: gateway.url, requests: begun })
  await retry.ended
  expect(retry.count(200)).toBe(begun.length)
  const last = inboxOf(databaseIn(disk.folder))
  expectKept(acknowledged, last, inbox)
  expect(last.sequences.size).toBe(begun.length)
  expect((await inboxThroughApi(gateway.url)).sequences).toEqual(last.sequences)
  console.log(
    `power cuts: ${cuts}, ${acknowledged.size} acknowledged, 0 lost, 0 doubled; after the retry ${last.sequences.size} of ${begun.length}`,
  )
}, 150_000)

test.each(['OFF', 'NORMAL'])('the same test notices a store that flushes less: synchronous=%s', async level => {
  const random = chance(seedOfRun(`power cuts with synchronous=${level}`))
  const preload = fileURLToPath(new URL('./flush-less.ts', import.meta.url))
  let missing = 0
  let acknowledged = 0
  // NORMAL flushes now and then: a cut right after that loses nothing.
  for (let cut = 0; cut < cuts && missing === 0; cut++) {
    const disk = disks.loop(megabytes)
    gateway = await startIn(disk.folder, { NODE_OPTIONS: `--import ${preload}`, FAULTS_SYNCHRONOUS: level })
    const load = new Load({ url: gateway.url, requests: signedRequests(perRound), duplicates: 0.1, random })
    await load.acknowledgedSome(50 + Math.floor(random() * 300))
    const found = await cutPower(disk, gateway, load)
    acknowledged += load.acknowledged.size
    missing += lost(load.acknowledged, whatIsLeft(found)).length
    found.unmount()
  }
  console.log(`power cuts with synchronous=${level}: ${missing} of ${acknowledged} acknowledged are lost`)
  expect(missing).toBeGreaterThan(0)
})

test('the token that a first start made survives a power cut', async () => {
  const disk = disks.loop(megabytes)
  // One secret, written once: ext4 itself flushes a file that replaces another.
  const minting = { POSTERN_ADMIN_TOKEN: '' }
  const secrets = (folder: string) => readFileSync(join(folder, 'secrets.json'), 'utf8')
  gateway = await startIn(disk.folder, minting)
  const made = secrets(disk.folder)
  const found = await cutPower(disk, gateway, new Load({ url: gateway.url, requests: [] }))
  expect(secrets(found.folder)).toBe(made)
  gateway = await startIn(found.folder, minting)
  expect(secrets(found.folder)).toBe(made)
})

/** Without flushes there may be no database to open at all. */
function whatIsLeft(disk: LoopDisk): Inbox {
  try {
    return inboxOf(databaseIn(disk.folder))
  } catch {
    return { sequences: new Map(), doubles: [] }
  }
}
