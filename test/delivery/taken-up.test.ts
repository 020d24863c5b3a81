// A subscription that is changed, or deleted and made again, while it is at work: what follows goes on from where the
// store says that it stands.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failed, succeeded } from '../../src/delivery/destination.ts'
import { closedBreaker } from '../../src/store/deliveries.ts'
import { RunningEngine } from '../support/running-engine.ts'

let running: RunningEngine

beforeEach(async () => {
  running = await RunningEngine.open()
})
afterEach(() => running.remove())

test('one that is changed while a feed is on its way goes on behind what that feed brought', async () => {
  await running.subscribe('one')
  await running.start()
  const release = running.hold('feed')
  await running.append(3)
  await running.subscribe('one', { timeoutMs: 1_234 })
  await running.quiet()
  release()
  await running.quiet()
  await running.append(2)
  await running.pass(5_000, 5)
  expect(running.failures).toBe(0)
  expect(await running.counts('one')).toEqual({ succeeded: 5 })
})

test('one that is deleted and made again just as it was begins where it was told to', async () => {
  const fields = { origin: 'api' as const }
  await running.subscribe('one', fields)
  await running.append(3)
  await running.start()
  expect(await running.counts('one')).toEqual({ succeeded: 3 })
  const { number, spec, sealed } = await running.row('one')
  await running.deliveries.putSubscription({ name: 'one', origin: 'api', spec, sealed, cursor: 0, now: Date.now() })
  // Before anybody has heard of the first.
  await running.deliveries.remove(number, Date.now())
  await running.deliveries.putSubscription({ name: 'one', origin: 'api', spec, sealed, cursor: 1, now: Date.now() })
  await running.engine.reload()
  await running.append(2)
  await running.pass(5_000, 5)
  expect((await running.row('one')).cursor).toBe(5)
  expect(await running.counts('one')).toEqual({ succeeded: 5 })
})

describe('a breaker that is open', () => {
  const breaker = { failures: 1, coolDownMs: 600_000 }
  const bad = failed('answered 500', { status: 500 })
  const open = async () => {
    await running.subscribe('one', { breaker, retry: { scheduleMs: [0], jitter: 0 } })
    await running.append(1)
    running.to('one').answer = () => bad
    await running.start()
    expect((await running.row('one')).breaker.state).toBe('open')
    running.to('one').answer = () => succeeded()
  }
  const goesOn = async () => {
    await running.append(1)
    await running.pass(2_000, 2)
    expect((await running.row('one')).breaker).toEqual(closedBreaker)
    expect(await running.counts('one')).toMatchObject({ succeeded: 1 })
  }

  test('is closed when what it failed by may have been changed', async () => {
    await open()
    await running.subscribe('one', { breaker, retry: { scheduleMs: [0], jitter: 0 }, timeoutMs: 1_234 })
    await goesOn()
  })

  test('is none of a new subscription that has the name of a deleted one', async () => {
    await open()
    const { number, spec, cursor } = await running.row('one')
    const now = Date.now()
    await running.deliveries.putSubscription({ name: 'one', origin: 'api', spec, sealed: null, cursor, now })
    await running.deliveries.remove(number, now)
    await running.engine.reload()
    await running.deliveries.putSubscription({ name: 'one', origin: 'api', spec, sealed: null, cursor, now })
    expect((await running.row('one')).breaker).toEqual(closedBreaker)
  })

  test('stays so over a restart', async () => {
    await open()
    await running.stop()
    await running.start()
    await running.append(1)
    await running.pass(2_000, 2)
    expect((await running.row('one')).breaker.state).toBe('open')
  })
})
