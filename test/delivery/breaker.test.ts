import { expect, test } from 'vitest'
import { Breaker } from '../../src/delivery/breaker.ts'
import type { BreakerState } from '../../src/store/deliveries.ts'

const closed: BreakerState = { state: 'closed', failures: 0, opened: 0, until: null }
const options = { failures: 3, coolDownMs: 1_000 }
const made = (state: BreakerState = closed, now = 0) => new Breaker(options, state, now)
const all = Number.POSITIVE_INFINITY

/** Fails its probes until it has opened so many times. */
function opened(times: number): { breaker: Breaker; now: number } {
  const breaker = made()
  let now = 0
  for (let failures = 0; failures < options.failures; failures++) breaker.failed(now)
  for (let time = 1; time < times; time++) {
    now = breaker.state.until!
    breaker.probing()
    breaker.failed(now)
  }
  return { breaker, now }
}

test('opens after so many failures in a row, and not before', () => {
  const breaker = made()
  expect([breaker.failed(5), breaker.failed(6)]).toEqual([false, false])
  expect(breaker.allowance(6)).toBe(all)
  expect(breaker.failed(7)).toBe(true)
  expect(breaker.state).toEqual({ state: 'open', failures: 3, opened: 1, until: 1_007 })
  expect([breaker.allowance(7), breaker.allowance(1_006), breaker.allowance(1_007)]).toEqual([0, 0, 1])
})

test('a success between starts the count anew', () => {
  const breaker = made()
  breaker.failed(1)
  breaker.failed(2)
  expect(breaker.succeeded(), 'it was not open').toBe(false)
  breaker.failed(3)
  breaker.failed(4)
  expect(breaker.allowance(4)).toBe(all)
})

test('failures of attempts that had begun before it opened lengthen nothing', () => {
  const { breaker } = opened(1)
  const { until } = breaker.state
  for (let late = 0; late < 5; late++) expect(breaker.failed(900)).toBe(false)
  expect(breaker.state).toMatchObject({ state: 'open', opened: 1, until })
})

test('one probe at a time: a good one closes it, a bad one opens it for twice as long', () => {
  const { breaker } = opened(1)
  expect(breaker.probing()).toBe(true)
  expect(breaker.state.state).toBe('half_open')
  expect(breaker.probing(), 'told once').toBe(false)
  expect(breaker.allowance(1_000)).toBe(1)
  expect(breaker.failed(1_500)).toBe(true)
  expect(breaker.state).toMatchObject({ state: 'open', opened: 2, until: 3_500 })
  breaker.probing()
  expect(breaker.succeeded()).toBe(true)
  expect(breaker.state).toEqual(closed)
  expect(breaker.allowance(3_500)).toBe(all)
})

test('the cool-down doubles up to twenty times its first length', () => {
  const lengths = [1, 2, 3, 4, 5, 6, 7, 40, 1_500].map(times => {
    const { breaker, now } = opened(times)
    return breaker.state.until! - now
  })
  expect(lengths).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000, 20_000, 20_000])
})

test('after it was closed it begins with the first length again', () => {
  const { breaker, now } = opened(4)
  breaker.probing()
  breaker.succeeded()
  for (let failures = 0; failures < options.failures; failures++) breaker.failed(now)
  expect(breaker.state).toMatchObject({ opened: 1, until: now + 1_000 })
})

test('goes on after a restart as it stood', () => {
  const { breaker } = opened(3)
  const { state } = breaker
  const after = made({ ...state }, state.until! - 1)
  expect(after.allowance(state.until! - 1)).toBe(0)
  expect(after.allowance(state.until!)).toBe(1)
  after.probing()
  after.failed(state.until!)
  expect(after.state.until! - state.until!).toBe(8_000)
})

test('a clock that was set back keeps it open for no longer than its cool-down, at a start or while it runs', () => {
  const far = 1e12
  const running = made()
  for (let failures = 0; failures < options.failures; failures++) running.failed(far)
  expect(running.allowance(5)).toBe(0)
  expect(running.state.until).toBe(1_005)
  expect(running.allowance(1_005)).toBe(1)
  const started = made({ state: 'open', failures: 9, opened: 3, until: far }, 5)
  expect(started.allowance(5)).toBe(0)
  expect(started.state.until).toBe(4_005)
  expect(started.allowance(4_005)).toBe(1)
})
