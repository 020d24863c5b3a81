// Leases by the clocks alone: what is renewed and when, what may be begun, and who may free what others left.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Leases } from '../../src/delivery/leases.ts'
import { storeClock } from '../../src/delivery/store-clock.ts'

const leaseMs = 30_000
let leases: Leases

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(async () => {
  await leases.close()
  vi.useRealTimers()
})

const leased = (sequence: number) => ({ sequence, subscription: 1, replay: 0, attempt: 1, spent: 0 })

function made(length: number | null = leaseMs) {
  const state = { away: false, notHeld: [] as number[], calls: [] as string[], released: 0, lost: [] as number[] }
  const answer = <Value>(call: string, value: Value) => {
    state.calls.push(call)
    return state.away ? Promise.reject(new Error('away')) : Promise.resolve(value)
  }
  leases = new Leases({
    store: {
      leaseMs: length,
      renew: keys =>
        answer(
          `renew ${keys.map(({ sequence }) => sequence)}`,
          keys.map(each => !state.notHeld.includes(each.sequence)),
        ),
      releaseLost: () => answer('release', 1),
    },
    clock: { now: () => Date.now() },
    now: () => Date.now(),
    released: () => state.released++,
    failed: () => {},
  })
  const take = (sequence: number) => leases.take(leased(sequence), leases.moment(), () => state.lost.push(sequence))
  return { state, take }
}

test('all in hand are renewed in one call every third of their time, and what others lost is freed', async () => {
  const { state, take } = made()
  take(1)
  const second = take(2)
  await vi.advanceTimersByTimeAsync(10_000)
  leases.end(second)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(state.calls).toEqual(['renew 1,2', 'renew 1', 'release'])
  expect(state.released).toBe(1)
})

test('nothing is begun in the last sixth of a time that was not renewed, by either clock', async () => {
  const { state, take } = made()
  const one = take(1)
  state.away = true
  await vi.advanceTimersByTimeAsync(24_900)
  expect(leases.mayBegin(one)).toBe(true)
  await vi.advanceTimersByTimeAsync(200)
  expect(leases.mayBegin(one)).toBe(false)
  state.away = false
  await vi.advanceTimersByTimeAsync(10_000)
  expect(leases.mayBegin(one), 'it was renewed').toBe(true)
  // The machine slept: its steady clock stood still.
  vi.setSystemTime(Date.now() + 26_000)
  expect(leases.mayBegin(one)).toBe(false)
})

test('what the store says is not held any more is told, once', async () => {
  const { state, take } = made()
  take(1)
  take(2)
  state.notHeld = [1]
  await vi.advanceTimersByTimeAsync(20_000)
  expect(state.lost).toEqual([1])
  expect(state.calls).toEqual(['renew 1,2', 'renew 2', 'release'])
})

test('after the store was away nobody’s leases are freed before all had the time to renew theirs', async () => {
  const { state } = made()
  const callsIn = async (ms: number) => {
    state.calls.length = 0
    await vi.advanceTimersByTimeAsync(ms)
    return [...state.calls]
  }
  expect(await callsIn(20_000)).toEqual(['renew ', 'release'])
  state.away = true
  expect(await callsIn(50_000)).toEqual(['release', 'renew ', 'renew ', 'renew ', 'renew '])
  state.away = false
  expect(await callsIn(10_000)).toEqual(['renew '])
  expect(await callsIn(10_000)).toEqual(['release'])
})

test('leases without an end are renewed by nobody, and hold', async () => {
  const { state, take } = made(null)
  const one = take(1)
  await vi.advanceTimersByTimeAsync(1_000_000)
  expect([leases.mayBegin(one), state.calls]).toEqual([true, []])
})

test('the store’s clock is this machine’s and what it is ahead by, and no setting of this one moves it', () => {
  made()
  let skew = -5_000
  const clock = storeClock({ now: () => Date.now() }, () => skew)
  const begun = Date.now()
  expect(clock.now()).toBe(begun - 5_000)
  vi.advanceTimersByTime(1_000)
  vi.setSystemTime(Date.now() + 3_600_000)
  expect(clock.now()).toBe(begun - 4_000)
  skew = -3_605_000
  expect(clock.now()).toBe(begun - 4_000)
})
