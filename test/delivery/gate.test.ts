import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Gate } from '../../src/delivery/gate.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** What passes the gate, and how each of it ends. */
function passing(gate: Gate) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    add: (name: string) =>
      gate.add(() => {
        begun.push(name)
        return new Promise<void>(resolve => ends.set(name, resolve))
      }),
    async end(name: string) {
      ends.get(name)!()
      await vi.advanceTimersByTimeAsync(0)
    },
  }
}

test('lets through as many as may be under way, and the next when one ends', async () => {
  const { begun, add, end } = passing(new Gate({ concurrency: 2, rate: null }))
  for (const name of ['a', 'b', 'c', 'd']) add(name)
  expect(begun).toEqual(['a', 'b'])
  await end('b')
  expect(begun).toEqual(['a', 'b', 'c'])
})

test('has room for some ahead of those under way, and for none ahead of a rate', async () => {
  const plain = new Gate({ concurrency: 2, rate: null })
  expect(plain.room).toBe(10)
  const through = passing(plain)
  for (const name of ['a', 'b', 'c']) through.add(name)
  expect(plain.room).toBe(7)
  for (const name of ['d', 'e', 'f', 'g', 'h', 'i', 'j']) through.add(name)
  expect(plain.room).toBe(0)
  await through.end('a')
  expect(plain.room).toBe(1)
  // However many may be under way, what is leased ahead of them is bounded.
  expect(new Gate({ concurrency: 500, rate: null }).room).toBe(564)

  const limited = new Gate({ concurrency: 9, rate: { limit: 2, intervalMs: 1_000 } })
  expect(limited.room).toBe(2)
  const slowly = passing(limited)
  for (const name of ['a', 'b', 'c']) slowly.add(name)
  expect([slowly.begun, limited.room]).toEqual([['a', 'b'], 0])
  await vi.advanceTimersByTimeAsync(1_000)
  expect([slowly.begun, limited.room]).toEqual([['a', 'b', 'c'], 2])
})

test('what is taken out never begins, and uses up nothing of the rate', async () => {
  const gate = new Gate({ concurrency: 9, rate: { limit: 1, intervalMs: 1_000 } })
  const { begun, add } = passing(gate)
  for (const name of ['a', 'b', 'c']) add(name)
  gate.clear()
  add('d')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(begun).toEqual(['a', 'd'])
})

test('started anew it forgets when attempts began, and not that they are under way', async () => {
  const gate = new Gate({ concurrency: 2, rate: { limit: 2, intervalMs: 1_000 } })
  const { begun, add, end } = passing(gate)
  for (const name of ['a', 'b', 'c']) add(name)
  vi.setSystemTime(Date.now() - 3_600_000)
  gate.restart()
  for (const name of ['d', 'e']) add(name)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(begun).toEqual(['a', 'b'])
  await end('a')
  expect(begun).toEqual(['a', 'b', 'd'])
})
