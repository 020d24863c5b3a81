// A crash at any moment: what was answered 200 is there once, and the vendor's retries make nothing twice.
import { setTimeout as after } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { databaseIn, newFolder, removeFolder, startIn } from './gateway.ts'
import { expectKept, type Inbox, inboxOf, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { chance, type SignedRequest, seedOfRun, signedRequests } from './requests.ts'

const rounds = 10
const perRound = 6_000

const folder = newFolder()
let gateway: GatewayProcess | undefined

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  removeFolder(folder)
})

test('invariants 1 and 3: kill -9 under load loses nothing acknowledged and doubles nothing', async () => {
  const random = chance(seedOfRun('kill -9'))
  const acknowledged = new Set<string>()
  const events = new Map<string, string>()
  const begun: SignedRequest[] = []
  let unanswered = 0
  let inbox: Inbox | undefined
  gateway = await startIn(folder)
  for (let round = 0; round < rounds; round++) {
    const requests = signedRequests(perRound)
    const load = new Load({ url: gateway.url, requests, duplicates: 0.1, random })
    // The moment of the crash is the fault itself.
    await after(300 + random() * 500)
    gateway.kill('SIGKILL')
    await gateway.ended
    await load.ended
    const fresh = new Set(load.sent.map(({ vendorid }) => vendorid))
    begun.push(...requests.filter(({ vendorid }) => fresh.has(vendorid)))
    for (const { vendorid, status, event } of load.sent) {
      if (status === undefined) unanswered++
      else expect(status).toBe(200)
      if (event === undefined) continue
      expect(events.get(vendorid) ?? event, 'one event for a request and its duplicates').toBe(event)
      events.set(vendorid, event)
      acknowledged.add(vendorid)
    }
    gateway = await startIn(folder)
    const now = inboxOf(databaseIn(folder))
    expectKept(acknowledged, now, inbox)
    inbox = now
  }
  expect((await inboxThroughApi(gateway.url)).sequences).toEqual(inbox?.sequences)
  expect(acknowledged.size).toBeGreaterThan(rounds * 5)
  expect(unanswered, 'no crash met a request in flight').toBeGreaterThan(0)

  const retry = new Load({ url: gateway.url, requests: begun })
  await retry.ended
  expect(retry.count(200)).toBe(begun.length)
  const last = inboxOf(databaseIn(folder))
  expectKept(acknowledged, last, inbox)
  expect([...last.sequences.keys()].sort()).toEqual(begun.map(({ vendorid }) => vendorid).sort())
  expect((await inboxThroughApi(gateway.url)).sequences).toEqual(last.sequences)
  console.log(
    `kill -9: ${rounds} crashes, ${acknowledged.size} acknowledged, 0 lost, 0 doubled, ${unanswered} in flight, ` +
      `${(inbox?.sequences.size ?? 0) - acknowledged.size} stored and not answered; after the retry ${last.sequences.size} of ${begun.length}`,
  )
}, 120_000)
