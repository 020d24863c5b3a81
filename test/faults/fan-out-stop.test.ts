// SIGTERM while attempts are under way: what can end ends, what cannot is given back and charged to nobody, and after
// the next start everybody has everything.
import Sqlite from 'better-sqlite3'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { never, slow } from '../support/subscriber.ts'
import { until } from '../support/until.ts'
import { deliveriesIn, expectInOrder, expectKnown, names, Subscribers, settledIn, taken } from './fan-out.ts'
import { databaseIn, newFolder, removeFolder, startIn } from './gateway.ts'
import { eventsOf } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

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

test('SIGTERM with attempts under way: 0, nothing charged, and all of it comes after the next start', async () => {
  // One answers within the time that is given, one does not answer at all.
  await subscribers.start(name => (name === 'ordered' ? slow(400) : name === 'failing' ? never : 204))
  const { receipts } = subscribers
  gateway = await startIn(folder, subscribers.env)
  const load = new Load({ url: gateway.url, requests: signedRequests(20_000, 8), connections: 4 })
  await load.acknowledgedSome(100)
  await until('attempts are under way', () => receipts.ordered.length > 0 && receipts.failing.length > 0)
  const at = performance.now()
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
  console.log(`SIGTERM of the fan-out: ended in ${Math.round(performance.now() - at)} ms`)
  await load.ended

  const { table, counted } = deliveriesIn(folder)
  expect(counted).toEqual(table)
  for (const [name, states] of table) expect(states.delivering, `${name}: left leased`).toBeUndefined()
  // Those that answered in time were let end.
  expect(table.get('ordered')?.succeeded).toBe(receipts.ordered.length)
  expect(charges()).toEqual([{ result: 'released', reason: 'the gateway ended', most: 0 }])

  subscribers.react = () => 204
  gateway = await startIn(folder, subscribers.env)
  await settledIn(folder, 120_000, gateway)
  const stored = eventsOf(databaseIn(folder))
  const acknowledged = load.sent.flatMap(({ event }) => (event === undefined ? [] : [event]))
  expect(acknowledged.filter(event => !stored.has(event))).toEqual([])
  for (const name of names) expectKnown(receipts[name], stored)
  for (const name of ['all', 'failing', 'dying'] as const) {
    expect([...taken(receipts[name])].sort(), name).toEqual([...stored.keys()].sort())
  }
  expect(new Set(receipts.ordered.map(({ event }) => event))).toEqual(new Set(stored.keys()))
  expectInOrder(receipts.dying)
  expect(Object.fromEntries(deliveriesIn(folder).table).failing).toEqual({ succeeded: stored.size })
})

/** How the attempts ended that did not succeed, and the most that a delivery was charged. */
function charges() {
  const db = new Sqlite(databaseIn(folder), { readonly: true })
  try {
    return db
      .prepare(
        `select distinct result, reason, (select max(spent) from deliveries) as most
         from attempts where result <> 'succeeded' and reason not in ('it was not begun')`,
      )
      .all()
  } finally {
    db.close()
  }
}
