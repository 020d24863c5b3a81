// The disk fills up while attempts are being settled: what cannot be written waits, what comes is refused, and with room
// the same process goes on and everybody gets everything.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { slow } from '../support/subscriber.ts'
import { until } from '../support/until.ts'
import { Disks, noMounts } from './disk.ts'
import { deliveriesIn, expectInOrder, expectKnown, names, Subscribers, settledIn } from './fan-out.ts'
import { databaseIn, startIn } from './gateway.ts'
import { eventsOf } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

const megabyte = 1024 * 1024

let disks: Disks
let subscribers: Subscribers
let gateway: GatewayProcess | undefined

beforeEach(() => {
  disks = new Disks()
  subscribers = new Subscribers()
})

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  await subscribers.close()
  disks.clear()
})

const unmountable = noMounts()

test.skipIf(unmountable !== undefined)(
  'a disk that is full while deliveries settle: it goes on afterwards, and nothing is lost',
  async () => {
    // Each attempt takes its time: some are under way at whatever moment the disk is full.
    await subscribers.start(() => slow(20))
    const { receipts } = subscribers
    const folder = disks.memory(4 * megabyte)
    gateway = await startIn(folder, subscribers.env)
    const load = new Load({ url: gateway.url, requests: signedRequests(30_000, 20), connections: 8 })
    await until('the disk is full', () => load.sent.some(({ status }) => status === 503), 60_000)
    await load.stop()
    const refused = 'the delivery could not go on; it is tried again'
    await until('the delivery has met it', () => gateway!.output().includes(refused), 60_000)
    expect(gateway.output()).toContain('the disk is full')

    disks.mount('-o', `remount,size=${128 * megabyte}`, folder)
    await settledIn(folder, 120_000, gateway)
    const later = new Load({ url: gateway.url, requests: signedRequests(100, 20), connections: 8 })
    await later.ended
    expect(later.count(200)).toBe(100)
    await settledIn(folder, 120_000, gateway)

    const stored = eventsOf(databaseIn(folder))
    const acknowledged = [...load.sent, ...later.sent].flatMap(({ event }) => (event === undefined ? [] : [event]))
    expect(
      acknowledged.filter(event => !stored.has(event)),
      'acknowledged and not in the log',
    ).toEqual([])
    for (const name of names) expectKnown(receipts[name], stored)
    for (const name of ['all', 'ordered', 'failing', 'dying'] as const) {
      expect(new Set(receipts[name].map(({ event }) => event)), name).toEqual(new Set(stored.keys()))
      // The lease was kept, and what became of the attempt with it: nothing is sent twice.
      expect(receipts[name].length, `${name}: sent once`).toBe(stored.size)
    }
    expectInOrder(receipts.ordered.map(receipt => ({ ...receipt, status: 204, answeredAt: receipt.at })))
    const { table, counted } = deliveriesIn(folder)
    expect(counted).toEqual(table)
    expect(table.get('all')).toEqual({ succeeded: stored.size })
    expect(await gateway.stop()).toEqual({ code: 0, signal: null })
    console.log(`full disk under the fan-out: ${load.summary()}; ${stored.size} delivered to each, none twice`)
  },
)
