// Three engines on one PostgreSQL, each with a pool of its own that a test can cut off: what holds over all of them.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failed, succeeded } from '../../src/delivery/destination.ts'
import { feedDuty } from '../../src/delivery/feeder.ts'
import type { SubscriptionSpec } from '../../src/delivery/subscription.ts'
import { type Counts, laneOf } from '../../src/store/deliveries.ts'
import { connectPostgresStore } from '../../src/store/postgres/connection.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store, StoreConnection } from '../../src/store/store.ts'
import { record, request } from '../contract/store/record.ts'
import type { Answer } from '../support/made-destination.ts'
import { MadeNode } from '../support/made-node.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { type SpecFields, spec } from '../support/running-engine.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

interface Node extends MadeNode {
  connection: StoreConnection
  proxy: TcpProxy
}

const leaseMs = 3_000
const bad = failed('answered 500', { status: 500 })
const never = () => undefined
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

let database: TestDatabase
let store: Store
let nodes: Node[]
let specs: Map<string, SubscriptionSpec>
let number: number

beforeEach(async () => {
  database = await createDatabase()
  store = await openPostgresStore(postgresOptions(database.url))
  nodes = []
  specs = new Map()
})
afterEach(async () => {
  for (const { proxy } of nodes) await proxy.recover()
  const closing = nodes.map(node => node.close(0))
  for (const node of nodes) node.endAll()
  await Promise.all(closing)
  for (const { connection, proxy } of nodes) {
    await connection.close()
    await proxy.close()
  }
  await store.close()
  await database.drop()
})

async function subscribe(fields: SpecFields): Promise<void> {
  specs.set('one', spec('one', fields))
  const put = { name: 'one', origin: 'config', spec: '{}', sealed: null, cursor: 0, now: Date.now() } as const
  number = await store.deliveries.putSubscription(put)
}

/** Each comes to know all others before any of them starts. */
async function start(names: readonly string[], answer: Answer): Promise<Node[]> {
  for (const name of names) {
    const proxy = await startTcpProxy(Number(new URL(database.url).port))
    const options = postgresOptions(proxy.through(database.url), { node: name, leaseMs, ackTimeoutMs: 2_000 })
    const connection = await connectPostgresStore(options)
    nodes.push(Object.assign(new MadeNode(name), { connection, proxy }))
  }
  await until('all know one feeder', () => nodes.filter(node => owns(node)).length === 1)
  for (const node of nodes) node.to('one').answer = answer
  await Promise.all(nodes.map(node => node.start(node.connection.deliveries, specs)))
  return nodes
}

const owns = (node: Node) => node.connection.deliveries.owns(feedDuty(number))
const feeder = () => nodes.find(owns)!
const attempts = () => nodes.flatMap(node => node.to('one').attempts)
const sequences = () => sorted(attempts().map(({ event }) => event.sequence))
const underWay = () => nodes.reduce((sum, node) => sum + node.to('one').underWay, 0)
const breaker = async () => (await store.deliveries.subscriptions())[0]!.breaker
const failures = () => nodes.flatMap(node => node.heard('failed'))

async function counts(): Promise<Partial<Counts>> {
  const all = (await store.deliveries.counts()).get(number) ?? {}
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count !== 0))
}

async function settled(count: number): Promise<void> {
  await until(`${count} are settled`, async () => (await counts()).succeeded === count, 30_000)
}

let records = 0
async function append(count: number, subject: (index: number) => string | null = () => null): Promise<void> {
  const made = Array.from({ length: count }, (_, index) => record(`made ${++records}`, { subject: subject(index) }))
  for (let at = 0; at < made.length; at += 50) await store.append(made.slice(at, at + 50), request('a body'))
}

test('every delivery is attempted once, by whichever, while events come in and from a backlog', async () => {
  await subscribe({ concurrency: 5 })
  await append(500)
  await start(['a', 'b', 'c'], () => succeeded())
  await Promise.all([append(150), append(150), append(200)])
  await settled(1_000)
  expect(sequences()).toEqual(upTo(1_000))
  expect(nodes.filter(node => node.to('one').attempts.length > 50).length, 'not one alone').toBeGreaterThan(1)
  expect(failures()).toEqual([])
})

test('one whose event retention took between the feed and the lease holds up nobody behind it', async () => {
  await subscribe({ order: 'subject' })
  await append(3, () => 'loan/A')
  const lane = laneOf('plain', 'loan/A')
  const matches = [1, 2, 3].map(sequence => [sequence, lane] as const)
  await store.deliveries.feed({ subscription: number, replay: 0, from: 0, to: 3, matches, now: 0 })
  await queryOnce(database.url, 'delete from events where sequence = 1')
  await start(['a'], () => succeeded())
  await settled(2)
  expect(attempts().map(({ event }) => event.sequence)).toEqual([2, 3])
  expect(await counts()).toEqual({ succeeded: 2, expired: 1 })
})

test('lanes are in order over all nodes, also where some are tried again', async () => {
  await subscribe({ order: 'subject', concurrency: 5, retry: { scheduleMs: [0, 50, 50, 50, 50], jitter: 0 } })
  await append(300, index => `loan/${index % 15}`)
  const began = new Map<string, number[]>()
  const open = new Set<string>()
  const doubled: string[] = []
  await start(['a', 'b', 'c'], async ({ event, number }) => {
    const subject = event.subject!
    if (open.has(subject)) doubled.push(subject)
    open.add(subject)
    began.set(subject, [...(began.get(subject) ?? []), event.sequence])
    await new Promise(resolve => setImmediate(resolve))
    open.delete(subject)
    return event.sequence % 7 === 0 && number < 3 ? bad : succeeded()
  })
  await settled(300)
  for (const own of began.values()) expect(own).toEqual(sorted(own))
  expect(doubled).toEqual([])
})

test('a breaker that one opens stops all, and one probe at a time is made', async () => {
  const retry = { scheduleMs: [0, 1e6, 1e6, 1e6], jitter: 0 }
  await subscribe({ concurrency: 2, breaker: { failures: 2, coolDownMs: 1_000 }, retry })
  await append(60)
  const [a] = await start(['a', 'b', 'c'], never)
  await until('all are at it', () => underWay() === 6)
  for (const attempt of a!.to('one').open) attempt.end(bad)
  await until('it is open', async () => (await breaker()).state === 'open')
  await until('nobody has more in hand', async () => (await counts()).delivering === 4)
  for (const node of nodes) for (const attempt of node.to('one').open) attempt.end(bad)
  await until('the probe is made', () => underWay() === 1)
  expect((await breaker()).state).toBe('half_open')
  const before = attempts().length
  // All look again, and stay away.
  for (let times = 0; times < 3; times++) await Promise.all(nodes.map(node => node.reload()))
  expect([underWay(), attempts().length]).toEqual([1, before])
  for (const node of nodes) node.to('one').answer = () => succeeded()
  for (const node of nodes) for (const attempt of node.to('one').open) attempt.end()
  await settled(54)
  expect((await breaker()).state).toBe('closed')
  const opened = nodes.flatMap(node => node.heard('breakerChanged')).filter(([, , state]) => isOpen(state))
  expect(opened).toHaveLength(1)
})

test('a rate holds over all nodes', async () => {
  const rate = { limit: 10, intervalMs: 500 }
  await subscribe({ concurrency: 20, rate })
  await append(60)
  const begun: number[] = []
  await start(['a', 'b', 'c'], () => {
    begun.push(performance.now())
    return succeeded()
  })
  await settled(60)
  expect(begun).toHaveLength(60)
  for (const time of begun) {
    expect(begun.filter(each => each >= time && each < time + rate.intervalMs).length).toBeLessThanOrEqual(rate.limit)
  }
})

test('the feed moves on from a node that falls silent, and what it had in hand with it; nothing of its counts then', async () => {
  await subscribe({ concurrency: 2, timeoutMs: 60_000 })
  await start(['a', 'b', 'c'], never)
  await append(30)
  await until('all are at it', () => underWay() === 6)
  const silent = feeder()
  silent.proxy.stall()
  const others = nodes.filter(node => node !== silent)
  const open = silent.to('one').open.map(({ event }) => event.sequence)
  expect(open).toHaveLength(2)
  for (const node of others) {
    node.to('one').answer = () => succeeded()
    for (const attempt of node.to('one').open) attempt.end()
  }
  await append(30)
  await until('others have fed and attempted all', async () => (await counts()).succeeded === 60, 40_000)
  // It wakes up: what it began fails, and is none of its business any more.
  silent.to('one').answer = () => succeeded()
  for (const attempt of silent.to('one').open) attempt.end(bad)
  await silent.proxy.recover()
  await until('it has seen what it lost', () => lost(silent) >= 2, 20_000)
  await append(10)
  await settled(70)
  expect(silent.to('one').sequences.filter(sequence => sequence <= 60)).toEqual(open)
  for (const sequence of open) {
    const delivery = (await store.deliveries.ofEvent(sequence))[0]!
    expect(delivery).toMatchObject({ state: 'succeeded', spent: 0, attempts: 2 })
  }
})

test('a node that ends leaves what it has not begun, and its duties, to the others at once', async () => {
  await subscribe({ concurrency: 2, timeoutMs: 60_000 })
  await start(['a', 'b'], never)
  await append(15)
  await until('both are at it', () => underWay() === 4)
  const ending = feeder()
  const other = nodes.find(node => node !== ending)!
  const open = ending.to('one').open.map(({ event }) => event.sequence)
  other.to('one').answer = () => succeeded()
  for (const attempt of other.to('one').open) attempt.end()
  const begun = performance.now()
  const closing = ending.close(30_000)
  await append(5)
  await until('the other has all the rest', async () => (await counts()).succeeded === 18)
  expect(performance.now() - begun, 'by news, not by looking').toBeLessThan(3_500)
  for (const attempt of ending.to('one').open) attempt.end()
  await closing
  await settled(20)
  expect(sequences()).toEqual(upTo(20))
  expect(ending.to('one').sequences).toEqual(expect.arrayContaining(open))
})

function lost(node: MadeNode): number {
  return node.heard('leasesLost').reduce((sum, [, , count]) => sum + (count as number), 0)
}

function isOpen(state: unknown): boolean {
  return (state as { state: string }).state === 'open'
}
