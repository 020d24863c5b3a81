// The machine's clock jumps an hour ahead and back again while attempts are under way: no lease is freed by it, nothing
// is held back for an hour, and everybody gets everything.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { answers, slow } from '../support/subscriber.ts'
import { until } from '../support/until.ts'
import { deliveriesIn, expectInOrder, expectKnown, Subscribers, settledIn, taken } from './fan-out.ts'
import { databaseIn, get, newFolder, removeFolder, startIn } from './gateway.ts'
import { eventsOf } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

/** Debian's package of that name; its variant for programs with threads. */
const faketime = ['/usr/lib', '/usr/local/lib']
  .filter(folder => existsSync(folder))
  .flatMap(folder => [folder, ...readdirSync(folder).map(name => join(folder, name))])
  .map(folder => join(folder, 'faketime', 'libfaketimeMT.so.1'))
  .find(path => existsSync(path))

let folder: string
let subscribers: Subscribers
let gateway: GatewayProcess | undefined

beforeEach(() => {
  folder = newFolder()
  subscribers = new Subscribers()
})

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  await subscribers.close()
  removeFolder(folder)
})

test.skipIf(faketime === undefined)(
  'a clock that jumps an hour ahead and back frees no lease and loses nothing',
  async () => {
    await subscribers.start(name => (name === 'failing' ? answers(429, { 'retry-after': '2' }) : slow(3_000)))
    const { receipts } = subscribers
    const offset = join(folder, 'offset')
    const jump = (seconds: number) => writeFileSync(offset, `+${seconds}\n`)
    jump(0)
    gateway = await startIn(folder, {
      ...subscribers.env,
      LD_PRELOAD: faketime!,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      // Wall clocks jump; how long something takes is not measured by them.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    })
    const { url } = gateway
    const acknowledged: string[] = []
    const send = async () => {
      const load = new Load({ url, requests: signedRequests(60, 30), connections: 4 })
      await load.ended
      expect(load.summary()).toBe('200 × 60')
      acknowledged.push(...load.sent.map(({ event }) => event!))
    }
    await send()
    await until('attempts are under way', () => receipts.all.length >= 10 && receipts.ordered.length >= 10)
    const [all, ordered] = [receipts.all.length, receipts.ordered.length]
    jump(3_600)
    await send()
    await until('the gateway has met it', () =>
      received(url).then(times => times.some(time => time > Date.now() + 3e6)),
    )
    expect(new Set(receipts.all.map(({ event }) => event)).size, 'no lease was freed').toBe(receipts.all.length)
    expect(receipts.all.length).toBeGreaterThanOrEqual(all)
    expect(receipts.ordered.length).toBeGreaterThanOrEqual(ordered)
    // Everything that is to be tried again is so by a clock that is about to be an hour back.
    const tried = receipts.failing.length
    await until('retries are set by that clock', () => receipts.failing.length >= tried + 120)
    jump(0)
    await send()
    subscribers.react = () => 204
    await settledIn(folder, 60_000, gateway)

    const stored = eventsOf(databaseIn(folder))
    for (const name of ['all', 'ordered', 'failing', 'dying'] as const) {
      expectKnown(receipts[name], stored)
      expect(new Set(receipts[name].map(({ event }) => event)), name).toEqual(new Set(acknowledged))
      if (name !== 'failing') expect(receipts[name].length, `${name}: each once`).toBe(stored.size)
    }
    expect(taken(receipts.failing).size).toBe(stored.size)
    expectInOrder(receipts.ordered.map(receipt => ({ ...receipt, status: 204, answeredAt: receipt.at })))
    for (const [name, states] of deliveriesIn(folder).table) {
      if (name !== 'chosen') expect(states).toEqual({ succeeded: stored.size })
    }
  },
)

/** When the newest events were received, by the gateway's clock. */
async function received(url: string): Promise<number[]> {
  const page = (await (await get(`${url}/api/v1/events?limit=10`)).json()) as { items: { receivedtime: string }[] }
  return page.items.map(({ receivedtime }) => Date.parse(receivedtime))
}
