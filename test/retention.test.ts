// When retention runs, and by whom: at the start, every hour, and soon after its duty came to this node.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { startRetention } from '../src/retention.ts'
import type { Store } from '../src/store/store.ts'

const minute = 60_000
const silent = { request() {}, info() {}, warn() {}, error() {}, async flush() {} }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function node(owner: { is: boolean }) {
  const runs: number[] = []
  const store = {
    owns: (duty: string) => duty === 'retention' && owner.is,
    expire: async () => {
      runs.push(Date.now())
      return 0
    },
    deliveries: { cancelRemoved: async () => 0 },
    audit: { expire: async () => 0 },
    tokens: { forget: async () => 0 },
  } as unknown as Store
  const retention = startRetention({ store, sources: [], days: 90, clock: { now: () => Date.now() }, log: silent })
  return { runs, retention }
}

test('runs at the start and then every hour', async () => {
  const { runs, retention } = node({ is: true })
  const start = Date.now()
  await vi.advanceTimersByTimeAsync(180 * minute)
  await retention.stop()
  expect(runs.map(time => (time - start) / minute)).toEqual([0, 60, 120, 180])
  await vi.advanceTimersByTimeAsync(180 * minute)
  expect(runs).toHaveLength(4)
})

test('runs where it is this node’s duty, and within a minute of becoming it', async () => {
  const owner = { is: false }
  const { runs, retention } = node(owner)
  const start = Date.now()
  await vi.advanceTimersByTimeAsync(90 * minute)
  expect(runs).toEqual([])
  owner.is = true
  await vi.advanceTimersByTimeAsync(61 * minute)
  owner.is = false
  await vi.advanceTimersByTimeAsync(300 * minute)
  await retention.stop()
  expect(runs.map(time => (time - start) / minute)).toEqual([91, 151])
})
