// A clock that goes ahead and is set back: what became due by it is not as late as it was ahead.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { failed } from '../../src/delivery/destination.ts'
import { watchedClock } from '../../src/delivery/watched-clock.ts'
import { RunningEngine } from '../support/running-engine.ts'

const hour = 3_600_000
let running: RunningEngine

beforeEach(async () => {
  running = await RunningEngine.open()
})
afterEach(() => running.remove())

test('what is to be tried again is tried in its time, and nothing sooner', async () => {
  await running.subscribe('soon', { retry: { scheduleMs: [0, 5_000, 5_000], jitter: 0 } })
  await running.subscribe('late', { retry: { scheduleMs: [0, 7_200_000], jitter: 0 } })
  const [soon, late] = [running.to('soon'), running.to('late')]
  for (const to of [soon, late]) to.answer = () => failed('answered 500', { status: 500 })
  await running.append(1)
  await running.start()
  vi.setSystemTime(Date.now() + hour)
  await running.append(2)
  await running.quiet()
  vi.setSystemTime(Date.now() - hour)
  await running.append(1)
  await running.quiet()
  await running.pass(5_000, 2)
  await running.pass(5_000, 2)
  expect(soon.attempts).toHaveLength(12)
  expect(await running.counts('soon')).toEqual({ dead: 4 })
  expect(late.attempts.length, 'two hours are two hours').toBe(4)
  await running.pass(2 * hour, 8)
  expect(late.attempts.length).toBe(8)
})

test('one is under way, and those behind it, too', async () => {
  await running.subscribe('one', { concurrency: 1 })
  const to = running.to('one')
  to.answer = () => undefined
  await running.start()
  vi.setSystemTime(Date.now() + hour)
  await running.append(10)
  await running.quiet()
  expect(to.attempts).toHaveLength(1)
  vi.setSystemTime(Date.now() - hour)
  await running.pass(15_000)
  expect(to.attempts, 'its lease is its own').toHaveLength(1)
  for (let count = 1; count < 10; count++) {
    to.open[0]!.end()
    await running.quiet()
    expect(to.attempts).toHaveLength(count + 1)
  }
})

test('a clock tells once of each time that it was set back, and by how much', async () => {
  const told: number[] = []
  let now = 1_000_000
  const clock = watchedClock({ now: () => now }, byMs => told.push(Math.round(byMs / 1_000)))
  const look = async (time: number) => {
    now = time
    expect([clock.now(), clock.now()]).toEqual([time, time])
    await new Promise(resolve => setImmediate(resolve))
  }
  for (const time of [1_000_000, 1_500, 999_500, 8_000_000, 7_999_500, 1_000_000, 1_000_100]) await look(time)
  expect(told).toEqual([999, 7_000])
})
