import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SharedRate } from '../../src/delivery/shared-rate.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('is leased by for an interval that is longer by what may be late, and no later is in time', () => {
  const rate = new SharedRate({ limit: 5, intervalMs: 1_000 })
  expect(rate.leased).toEqual({ limit: 5, intervalMs: 1_100 })
  const asked = performance.now()
  vi.advanceTimersByTime(100)
  expect(rate.isInTime(asked)).toBe(true)
  vi.advanceTimersByTime(1)
  expect(rate.isInTime(asked)).toBe(false)
  rate.wasLate()
  expect([rate.leased?.intervalMs, rate.isInTime(asked)]).toEqual([1_200, true])
  for (let times = 0; times < 20; times++) rate.wasLate()
  expect(rate.leased?.intervalMs).toBe(11_000)
})

test('without one everything is in time', () => {
  const none = new SharedRate(null)
  vi.advanceTimersByTime(1e9)
  expect([none.leased, none.isInTime(0)]).toEqual([null, true])
})

test('whenever what is leased begins, as long as it is in time, the rate holds', () => {
  const rate = { limit: 3, intervalMs: 1_000 }
  const { intervalMs } = new SharedRate(rate).leased!
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(100)), { minLength: 1, maxLength: 60 }), steps => {
      const leased: number[] = []
      const begun: number[] = []
      let now = 0
      for (const [wait, late] of steps) {
        now += wait
        // As the store counts.
        if (leased.filter(at => at > now - intervalMs).length >= rate.limit) continue
        leased.push(now)
        begun.push(now + late)
      }
      for (const time of begun) {
        expect(begun.filter(each => each >= time && each < time + rate.intervalMs).length).toBeLessThanOrEqual(3)
      }
    }),
  )
})
