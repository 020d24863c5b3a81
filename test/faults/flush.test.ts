// Flushes that fail, and flushes that take their time.
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { databaseIn, newFolder, removeFolder, startIn } from './gateway.ts'
import { expectKept, inboxOf, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { type SignedRequest, signedRequests } from './requests.ts'
import { noStrace, type Tracing, traceFlushes } from './strace.ts'

let folder: string
let gateway: GatewayProcess | undefined
let tracing: Tracing | undefined

beforeEach(context => {
  const problem = noStrace()
  context.skip(problem !== undefined, problem)
  folder = newFolder()
})

afterEach(async () => {
  await tracing?.end()
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  tracing = undefined
  removeFolder(folder)
})

const record = () => join(folder, 'flushes')

async function expectAllAfterRestart(acknowledged: Iterable<string>, requests: readonly SignedRequest[]) {
  gateway = await startIn(folder)
  expectKept(acknowledged, inboxOf(databaseIn(folder)))
  const retry = new Load({ url: gateway.url, requests })
  await retry.ended
  expect(retry.count(200)).toBe(requests.length)
  const inbox = await inboxThroughApi(gateway.url)
  expectKept(retry.acknowledged, inbox)
  expect(inbox.sequences.size).toBe(requests.length)
}

test('invariant 1: when flushes fail, nothing is answered 200 and the process ends with 70', async () => {
  gateway = await startIn(folder)
  const earlier = signedRequests(200)
  const before = new Load({ url: gateway.url, requests: earlier })
  await before.ended
  tracing = await traceFlushes(gateway.pid, 'error=EIO', record())
  const requests = signedRequests(2_000)
  const during = new Load({ url: gateway.url, requests })
  expect(await gateway.ended).toEqual({ code: 70, signal: null })
  await during.ended
  expect(during.count(200)).toBe(0)
  expect(during.count(503), 'what was in flight is answered').toBeGreaterThanOrEqual(32)
  for (const { status, retryAfter } of during.sent) if (status === 503) expect(Number(retryAfter)).toBeGreaterThan(0)
  expect(gateway.output()).toContain('the store failed and is not written to again')
  await tracing.end()
  expect(tracing.flushes(), 'a failed flush is not tried again').toBe(1)
  console.log(`fsync fails: during ${during.summary()}; flushes tried ${tracing.flushes()}`)
  await expectAllAfterRestart(before.acknowledged, [...earlier, ...requests.slice(0, during.sent.length)])
})

test('invariant 1: when a flush fails in mid-load, nothing is acknowledged after it', async () => {
  gateway = await startIn(folder)
  tracing = await traceFlushes(gateway.pid, 'error=EIO:when=40', record())
  const requests = signedRequests(8_000)
  const load = new Load({ url: gateway.url, requests })
  expect(await gateway.ended).toEqual({ code: 70, signal: null })
  await load.ended
  expect(load.acknowledged.size).toBeGreaterThan(0)
  expect(load.count(503)).toBeGreaterThan(0)
  const firstRefused = Math.min(...load.sent.filter(({ status }) => status === 503).map(sent => sent.answeredAt!))
  const sentAfterwards = load.sent.filter(({ sentAt }) => sentAt !== undefined && sentAt > firstRefused)
  expect(sentAfterwards.filter(({ status }) => status === 200)).toEqual([])
  await tracing.end()
  // Only the fortieth would have failed: the next would have lied.
  expect(tracing.flushes()).toBe(40)
  console.log(`fsync fails in mid-load: ${load.summary()}`)
  await expectAllAfterRestart(load.acknowledged, requests.slice(0, load.sent.length))
})

test('slow flushes make larger commits, and service goes on', async () => {
  gateway = await startIn(folder)
  tracing = await traceFlushes(gateway.pid, 'delay_exit=50000', record())
  const requests = signedRequests(1_500)
  const load = new Load({ url: gateway.url, requests })
  await load.ended
  expect(load.summary()).toBe('200 × 1500')
  await tracing.end()
  const perFlush = requests.length / tracing.flushes()
  // Of 32 connections some wait for the flush that runs, and the others for the next.
  expect(perFlush).toBeGreaterThan(4)
  expectKept(load.acknowledged, inboxOf(databaseIn(folder)))
  console.log(
    `slow fsync: ${load.summary()}, ${tracing.flushes()} flushes of 50 ms, ${perFlush.toFixed(1)} events each`,
  )
  await until('it is ready', async () => (await fetch(`${gateway!.url}/readyz`)).status === 200)
})
