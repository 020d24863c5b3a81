// A gateway that nobody sends anything to, with subscriptions that wait for it: what it costs to do nothing.
import { readFileSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { names, Subscribers, settledIn } from './fan-out.ts'
import { newFolder, removeFolder, startIn } from './gateway.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

const measuredMs = 5_000
/** Windows that are looked at, until one is idle: what it does for nobody it does in all of them. */
const windows = 4
/** Of a core; it is to be under 0.01, and what it is is printed. A machine under load counts more for the same. */
const shareMax = 0.03

const folder = newFolder()
const subscribers = new Subscribers()
let gateway: GatewayProcess | undefined

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  await subscribers.close()
  removeFolder(folder)
})

test.skipIf(process.platform !== 'linux')('an idle gateway with five subscriptions is idle', async () => {
  await subscribers.start()
  gateway = await startIn(folder, subscribers.env)
  const load = new Load({ url: gateway.url, requests: signedRequests(200, 5) })
  await load.ended
  await settledIn(folder, 60_000, gateway)
  // What it compiled and collected for the load ends by itself.
  await after(2_000)
  let share = 1
  for (let window = 0; window < windows && share >= shareMax; window++) {
    const [from, before] = [performance.now(), cpuMs(gateway.pid)]
    await after(measuredMs)
    share = (cpuMs(gateway.pid) - before) / (performance.now() - from)
    console.log(`idle with ${names.length} subscriptions: ${(share * 100).toFixed(2)} % of a core`)
  }
  expect(share).toBeLessThan(shareMax)
})

/** Of all its threads, in user and kernel; in steps of a hundredth of a second. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
