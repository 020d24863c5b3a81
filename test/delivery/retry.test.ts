import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { failed, type Outcome, succeeded } from '../../src/delivery/destination.ts'
import { afterAttempt } from '../../src/delivery/retry.ts'

const now = 1_000_000
const hour = 3_600_000
const retry = { scheduleMs: [0, 5_000, 60_000], jitter: 0.2 }
const held = { retry, onDead: 'hold' } as const
const next = (spent: number, outcome: Outcome, random = 0, spec: Parameters<typeof afterAttempt>[0] = held) =>
  afterAttempt(spec, spent, outcome, now, () => random)
const bad = failed('answered 500', { status: 500 })
const ended = (result: Outcome['result']): Outcome => ({ ...bad, result })

test('as many attempts as the schedule has entries, each after its own wait, and then dead', () => {
  expect(next(0, bad)).toEqual({ state: 'retrying', spent: 1, due: now + 5_000, holds: false })
  expect(next(1, bad)).toEqual({ state: 'retrying', spent: 2, due: now + 60_000, holds: false })
  expect(next(2, bad)).toEqual({ state: 'dead', spent: 3, due: now, holds: true })
  const once = { retry: { scheduleMs: [0], jitter: 0 }, onDead: 'skip' } as const
  expect(next(0, bad, 0, once)).toEqual({ state: 'dead', spent: 1, due: now, holds: false })
})

test('a budget that a shorter schedule made too large is spent', () => {
  expect(next(7, bad)).toMatchObject({ state: 'dead', spent: 8 })
})

test('chance adds up to the share that jitter says, and takes nothing away', () => {
  expect(next(0, bad, 0.5).due).toBe(now + 5_500)
  const spec = fc.record({
    wait: fc.integer({ min: 0, max: 24 * hour }),
    jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  })
  fc.assert(
    fc.property(spec, ({ wait, jitter, random }) => {
      const { due } = next(0, bad, random, { retry: { scheduleMs: [0, wait], jitter }, onDead: 'hold' })
      expect(Number.isInteger(due)).toBe(true)
      expect(due).toBeGreaterThanOrEqual(now + wait)
      expect(due).toBeLessThanOrEqual(now + Math.ceil(wait * (1 + jitter)))
    }),
  )
})

test('Retry-After lengthens a wait and never shortens it', () => {
  expect(next(0, { ...bad, retryAfterMs: 90_000 }, 0.9).due).toBe(now + 90_000)
  expect(next(0, { ...bad, retryAfterMs: 10 }, 0.5).due).toBe(now + 5_500)
  expect(next(0, { ...bad, retryAfterMs: 24 * hour }).due).toBe(now + 24 * hour)
  expect(next(2, { ...bad, retryAfterMs: 10 }), 'there is nothing left to wait for').toMatchObject({ state: 'dead' })
})

describe('what is charged', () => {
  test('a success is not', () => {
    expect(next(2, succeeded(204))).toEqual({ state: 'succeeded', spent: 2, due: now, holds: false })
  })

  test('what is dead at once is, whatever budget is left', () => {
    expect(next(0, ended('dead'))).toEqual({ state: 'dead', spent: 1, due: now, holds: true })
  })

  test('a 410 is, and can be tried again', () => {
    expect(next(0, ended('gone'))).toEqual({ state: 'retrying', spent: 1, due: now + 5_000, holds: false })
  })

  test('a failure of our own is not, and is tried again soon, by the state that it had', () => {
    const fresh = next(0, ended('released'))
    expect(fresh).toMatchObject({ state: 'pending', spent: 0, holds: false })
    expect(fresh.due - now).toBeLessThanOrEqual(1_000)
    expect(next(2, ended('released'))).toMatchObject({ state: 'retrying', spent: 2 })
  })
})
