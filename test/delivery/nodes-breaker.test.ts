// One breaker over several engines: whoever opens it stops all, and one probe at a time is made by one of them.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failed, succeeded } from '../../src/delivery/destination.ts'
import type { MadeNode } from '../support/made-node.ts'
import { RunningNodes } from '../support/running-nodes.ts'

const bad = failed('answered 500', { status: 500 })
const never = () => undefined
const fields = {
  concurrency: 2,
  breaker: { failures: 2, coolDownMs: 10_000 },
  retry: { scheduleMs: [0, 1e6, 1e6, 1e6], jitter: 0 },
  timeoutMs: 15_000,
}

let running: RunningNodes

beforeEach(async () => {
  running = await RunningNodes.open()
  await running.subscribe('one', fields)
})
afterEach(() => running.remove())

const state = async () => (await running.base.row('one')).breaker.state
const opened = (nodes: readonly MadeNode[]) =>
  nodes.flatMap(node => node.heard('breakerChanged')).filter(([, , to]) => (to as { state: string }).state === 'open')

/** Opened by the first of them, with nothing under way. */
async function open(...names: string[]): Promise<MadeNode[]> {
  await running.append(60)
  const nodes = running.make(names, never)
  await running.start(...nodes)
  expect(running.underWay('one')).toBe(2 * nodes.length)
  for (const attempt of nodes[0]!.to('one').open) attempt.end(bad)
  await running.quiet()
  for (const node of nodes.slice(1)) for (const attempt of node.to('one').open) attempt.end(bad)
  await running.quiet()
  expect([await state(), running.underWay('one')]).toEqual(['open', 0])
  return nodes
}

test('that one node opens stops all, who give back what they have not begun; it is told of once', async () => {
  await running.append(60)
  const nodes = running.make(['a', 'b', 'c'], never)
  await running.start(...nodes)
  expect(running.underWay('one')).toBe(6)
  const delivering = (await running.base.counts('one')).delivering
  expect(delivering).toBeGreaterThan(20)
  for (const attempt of nodes[1]!.to('one').open) attempt.end(bad)
  await running.quiet()
  expect(await running.base.counts('one')).toMatchObject({ delivering: 4, retrying: 2 })
  await running.pass(9_000, 9)
  expect(running.attempted('one')).toHaveLength(6)
  expect(opened(nodes)).toHaveLength(1)
})

test('lets one probe through over all nodes, and closes for all of them', async () => {
  const nodes = await open('a', 'b', 'c')
  await running.pass(9_900, 9)
  expect(running.underWay('one')).toBe(0)
  await running.pass(14_000, 140)
  expect([await state(), running.underWay('one')]).toEqual(['half_open', 1])
  running.answer('one', () => succeeded())
  for (const node of nodes) node.endAll()
  await running.quiet()
  expect(await state()).toBe('closed')
  await running.pass(1_000, 10)
  expect(await running.base.counts('one')).toEqual({ succeeded: 54, retrying: 6 })
  expect(nodes.filter(node => node.to('one').sequences.length > 3).length).toBeGreaterThan(1)
})

test('is tried at once by one of them where a person asks for it', async () => {
  await open('a', 'b', 'c')
  running.answer('one', () => succeeded())
  const { number, breaker } = await running.base.row('one')
  await running.base.deliveries.swapBreaker(number, breaker, { ...breaker, until: Date.now() })
  await running.pass(6_000, 60)
  expect(await state()).toBe('closed')
})

test('whose probe fails is open again for twice as long, for all of them', async () => {
  const nodes = await open('a', 'b')
  running.answer('one', () => bad)
  await running.pass(10_100, 20)
  const after = running.attempted('one').length
  expect([await state(), after]).toEqual(['open', 5])
  await running.pass(19_000, 38)
  expect(running.attempted('one')).toHaveLength(after)
  await running.pass(2_000, 10)
  expect(running.attempted('one')).toHaveLength(after + 1)
  expect(opened(nodes)).toHaveLength(3)
})

test('a node that died while it probed blocks nobody', async () => {
  const [a, b] = (await open('a', 'b')) as [MadeNode, MadeNode]
  await running.pass(10_100, 20)
  expect([a.to('one').underWay, b.to('one').underWay]).toEqual([1, 0])
  running.shared.freeze('a')
  running.shared.die('a')
  const before = b.to('one').sequences.length
  await running.pass(19_000, 38)
  expect(b.to('one').sequences.length, 'as long as that probe may take').toBe(before)
  b.to('one').answer = () => succeeded()
  await running.pass(2_000, 20)
  expect(b.to('one').sequences.length).toBeGreaterThan(before)
  expect(await state()).toBe('closed')
})

test('a node that ends while it probes leaves that to others', async () => {
  const [a, b] = (await open('a', 'b')) as [MadeNode, MadeNode]
  await running.pass(10_100, 20)
  expect(a.to('one').underWay).toBe(1)
  b.to('one').answer = () => succeeded()
  const closing = a.close(1_000)
  await running.pass(2_000, 20)
  await closing
  expect(await state()).toBe('closed')
  expect(b.to('one').sequences.length).toBeGreaterThan(10)
})

test('is probed by others where the node that should does not', async () => {
  const [, b] = (await open('a', 'b')) as [MadeNode, MadeNode]
  running.shared.freeze('a')
  b.to('one').answer = () => succeeded()
  await running.pass(14_900, 30)
  expect(await state()).toBe('open')
  await running.pass(1_000, 10)
  expect(await state()).toBe('closed')
})

test('two that open it at one moment open it once', async () => {
  await running.append(60)
  const nodes = running.make(['a', 'b'], never)
  await running.start(...nodes)
  for (const node of nodes) for (const attempt of node.to('one').open) attempt.end(bad)
  await running.quiet()
  expect((await running.base.row('one')).breaker).toMatchObject({ state: 'open', opened: 1 })
  expect(await running.base.counts('one')).toMatchObject({ retrying: 4 })
})

test('a store that fails meanwhile leaves nobody with another state', async () => {
  await running.append(60)
  const nodes = running.make(['a', 'b'], never)
  await running.start(...nodes)
  running.shared.failing = true
  for (const attempt of nodes[0]!.to('one').open) attempt.end(bad)
  await running.pass(5_000, 10)
  expect(await state()).toBe('closed')
  running.shared.failing = false
  await running.pass(3_000, 10)
  expect(await state()).toBe('open')
  expect(await running.base.counts('one')).toMatchObject({ delivering: 2 })
})
