import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Settlements } from '../../src/delivery/settlements.ts'
import type { Settlement } from '../../src/store/deliveries.ts'
import { settlement } from '../contract/store/desk.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const settled = (sequence: number) => settlement({ sequence, subscription: 1, replay: 0, attempt: 1, spent: 0 })

/** A store that writes down what it is given, or refuses it. */
function written(leaseMs: number | null = null) {
  const batches: number[][] = []
  const failures: unknown[] = []
  const state = { refuse: 0, wait: undefined as Promise<void> | undefined }
  const settlements = new Settlements({
    store: {
      leaseMs,
      async settle(given: readonly Settlement[]) {
        await state.wait
        if (state.refuse > 0) {
          state.refuse--
          throw new Error('busy')
        }
        batches.push(given.map(({ sequence }) => sequence))
        // Of the second one the lease is another's.
        return given.map(({ sequence }) => sequence !== 2)
      },
    },
    now: () => 0,
    failed: error => failures.push(error),
  })
  return { settlements, batches, failures, state }
}

test('what ends in one turn of the event loop is written together', async () => {
  const { settlements, batches } = written()
  for (const sequence of [1, 2, 3]) settlements.add(settled(sequence))
  expect(batches).toEqual([])
  await turn()
  settlements.add(settled(4))
  await turn()
  expect(batches).toEqual([[1, 2, 3], [4]])
})

test('no transaction is larger than an append may wait for', async () => {
  const { settlements, batches } = written()
  for (let sequence = 0; sequence < 600; sequence++) settlements.add(settled(sequence))
  settlements.flush()
  await turn()
  expect(batches.map(({ length }) => length)).toEqual([250, 250, 100])
  expect(batches.flat()).toEqual(Array.from({ length: 600 }, (_, index) => index))
})

test('over the network few are under way at once, and what ends meanwhile is written together', async () => {
  const { settlements, batches, state } = written(30_000)
  const { promise, resolve } = Promise.withResolvers<void>()
  state.wait = promise
  for (const sequence of [1, 2, 3, 4, 5, 6]) {
    settlements.add(settled(sequence))
    await turn()
  }
  resolve()
  await turn()
  expect(batches).toEqual([[1], [2], [3], [4, 5, 6]])
})

test('who settled is told whether it counted', async () => {
  const { settlements } = written()
  const counted: boolean[] = []
  for (const sequence of [1, 2]) settlements.add(settled(sequence), each => counted.push(each))
  await settlements.close()
  expect(counted).toEqual([true, false])
})

test('what the store refuses is written later, in front of what came since', async () => {
  const { settlements, batches, failures, state } = written()
  state.refuse = 2
  settlements.add(settled(1))
  await turn()
  expect(failures).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(500)
  expect(failures).toHaveLength(2)
  settlements.add(settled(2))
  await turn()
  await vi.advanceTimersByTimeAsync(500)
  expect(batches.flat()).toEqual([1, 2])
})

test('closing writes what was refused before, once more, and waits for what is on its way', async () => {
  const { settlements, batches, failures, state } = written()
  state.refuse = 1
  settlements.add(settled(1))
  await turn()
  const { promise, resolve } = Promise.withResolvers<void>()
  state.wait = promise
  let closed = false
  const closing = settlements.close().then(() => {
    closed = true
  })
  await turn()
  expect([closed, failures.length]).toEqual([false, 1])
  resolve()
  await closing
  expect(batches).toEqual([[1]])
})

test('closing ends though the store refuses for good: the next start makes the leases void', async () => {
  const { settlements, batches, failures, state } = written()
  state.refuse = Number.POSITIVE_INFINITY
  for (const sequence of [1, 2]) settlements.add(settled(sequence))
  await settlements.close()
  expect(batches).toEqual([])
  expect(failures.length).toBeGreaterThan(0)
})
