// All subscriptions at work, over a real store: breakers, pauses, faults of the store, changes, and the end.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failed, type Outcome, succeeded } from '../../src/delivery/destination.ts'
import { closedBreaker } from '../../src/store/deliveries.ts'
import { record } from '../contract/store/record.ts'
import { MadeDestination } from '../support/made-destination.ts'
import { RunningEngine } from '../support/running-engine.ts'

let running: RunningEngine

beforeEach(async () => {
  running = await RunningEngine.open()
})
afterEach(() => running.remove())

const bad = failed('answered 500', { status: 500 })
const gone: Outcome = { ...bad, result: 'gone', status: 410 }
const never = () => undefined

async function pause(name: string, by: 'person' | null): Promise<void> {
  await running.deliveries.pause((await running.row(name)).number, by, Date.now())
  await running.engine.reload()
  await running.quiet()
}

/** What was leased and not begun is back as it was. */
async function expectUncharged(name: string): Promise<void> {
  for (const { state, spent } of await running.all(name)) if (state === 'pending') expect(spent).toBe(0)
}

describe('the breaker', () => {
  const breaker = { failures: 3, coolDownMs: 1_000 }

  test('opens after so many failures, and what was leased and not begun is given back', async () => {
    await running.subscribe('one', { concurrency: 3, breaker, retry: { scheduleMs: [0, 100_000], jitter: 0 } })
    await running.append(10)
    const to = running.to('one')
    to.answer = never
    await running.start()
    expect(await running.counts('one')).toMatchObject({ delivering: 10 })
    for (const attempt of to.open) attempt.end(bad)
    await running.quiet()
    expect(to.attempts).toHaveLength(3)
    expect(await running.counts('one')).toEqual({ retrying: 3, pending: 7 })
    await expectUncharged('one')
    expect((await running.row('one')).breaker).toMatchObject({ state: 'open', failures: 3, until: Date.now() + 1_000 })
    expect(running.told.filter(([what]) => what === 'breakerChanged')).toHaveLength(1)
  })

  test('lets one probe through at a time, waits twice as long after each bad one, and closes after a good one', async () => {
    await running.subscribe('one', { concurrency: 3, breaker, retry: { scheduleMs: [0, 1e6, 1e6], jitter: 0 } })
    await running.append(20)
    const to = running.to('one')
    to.answer = () => bad
    await running.start()
    const before = to.attempts.length
    to.answer = never
    for (const [probe, coolDown] of [1_000, 2_000, 4_000].entries()) {
      await running.pass(coolDown - 1)
      expect(to.underWay).toBe(0)
      await running.pass(1)
      expect([to.underWay, to.attempts.length]).toEqual([1, before + probe + 1])
      expect((await running.row('one')).breaker.state).toBe('half_open')
      await running.pass(60_000)
      expect(to.underWay, 'one is enough, however long it takes').toBe(1)
      if (coolDown < 4_000) to.open[0]!.end(bad)
      await running.quiet()
    }
    to.answer = () => succeeded()
    to.open[0]!.end()
    await running.quiet()
    expect((await running.row('one')).breaker).toEqual({ state: 'closed', failures: 0, opened: 0, until: null })
    expect((await running.counts('one')).pending).toBeUndefined()
  })

  test('of one subscription is nothing to another', async () => {
    await running.subscribe('bad', { breaker })
    await running.subscribe('good')
    running.to('bad').answer = () => bad
    await running.append(50)
    await running.start()
    await running.to('good').done(50)
    await running.quiet()
    expect(await running.counts('good')).toEqual({ succeeded: 50 })
  })

  test('goes on where it stood after a restart', async () => {
    const number = await running.subscribe('one', { breaker })
    const state = { state: 'open', failures: 3, opened: 2, until: Date.now() + 1_500 } as const
    await running.deliveries.swapBreaker(number, closedBreaker, state)
    await running.append(3)
    await running.start()
    await running.pass(1_499)
    expect(running.to('one').attempts).toEqual([])
    await running.pass(1)
    await running.to('one').done(3)
  })

  test('is not held open by a clock that was set back', async () => {
    await running.subscribe('one', { concurrency: 1, breaker: { failures: 1, coolDownMs: 1_000 } })
    await running.append(1)
    const to = running.to('one')
    to.answer = () => bad
    await running.start()
    expect(to.attempts).toHaveLength(1)
    vi.setSystemTime(Date.now() - 3_600_000)
    await running.append(1)
    await running.pass(2_000, 2)
    expect(to.attempts).toHaveLength(2)
  })
})

describe('a pause', () => {
  test('gives back what was not begun, lets the rest end, and begins nothing', async () => {
    await running.subscribe('one', { concurrency: 2 })
    await running.append(10)
    const to = running.to('one')
    to.answer = never
    await running.start()
    expect(await running.counts('one')).toMatchObject({ delivering: 10 })
    await pause('one', 'person')
    expect(await running.counts('one')).toEqual({ delivering: 2, pending: 8 })
    await expectUncharged('one')
    for (const attempt of to.open) attempt.end()
    await running.append(1)
    await running.pass(60_000, 4)
    expect(to.attempts).toHaveLength(2)
    expect(await running.counts('one')).toMatchObject({ succeeded: 2, pending: 8 })
    to.answer = () => succeeded()
    await pause('one', null)
    await to.done(11)
    await running.quiet()
    expect(await running.counts('one')).toEqual({ succeeded: 11 })
  })

  test('is there after a restart', async () => {
    const number = await running.subscribe('one')
    await running.deliveries.pause(number, 'gone', Date.now())
    await running.append(3)
    await running.start()
    await running.pass(60_000, 4)
    expect(running.to('one').attempts).toEqual([])
  })

  test('comes of a 410, once, and people end it', async () => {
    await running.subscribe('one', { concurrency: 2, retry: { scheduleMs: [0, 0, 0], jitter: 0 } })
    await running.append(6)
    const to = running.to('one')
    to.answer = never
    await running.start()
    for (const attempt of to.open) attempt.end(gone)
    await running.quiet()
    expect(await running.row('one')).toMatchObject({ paused: 'gone' })
    expect(running.told.filter(([what]) => what === 'gone')).toHaveLength(1)
    await running.append(1)
    await running.pass(60_000, 4)
    expect(to.attempts).toHaveLength(2)
    to.answer = () => succeeded()
    await pause('one', null)
    await to.done(9)
    await running.quiet()
    expect(await running.counts('one')).toEqual({ succeeded: 7 })
  })

  test('of a 410 holds though the store cannot write it down at once, and whatever else happens meanwhile', async () => {
    await running.subscribe('one', { retry: { scheduleMs: [0, 0, 0], jitter: 0 } })
    await running.append(1)
    const to = running.to('one')
    to.answer = () => gone
    running.fail('pause', 2)
    const write = running.hold('pause')
    await running.start()
    await to.done(1)
    const reloads = [running.engine.reload(), running.engine.reload()]
    await Promise.all(reloads)
    write()
    await running.append(3)
    await running.pass(15_000, 15)
    expect(to.attempts).toHaveLength(1)
    expect(await running.row('one')).toMatchObject({ paused: 'gone' })
  })
})

describe('a store that fails for a moment loses nothing', () => {
  for (const method of [
    'feed',
    'lease',
    'settle',
    'scan',
    'events',
    'swapBreaker',
    'subscriptions',
    'runningReplays',
  ] as const) {
    test(`at ${method}`, async () => {
      await running.subscribe('one', { concurrency: 2, order: 'subject', breaker: { failures: 2, coolDownMs: 100 } })
      await running.append(
        Array.from({ length: 20 }, (_, index) => record(`e${index}`, { subject: index % 3 === 0 ? 'loan/A' : null })),
      )
      const to = running.to('one')
      to.answer = ({ number, event }) => (number === 1 && event.sequence % 4 === 0 ? bad : succeeded())
      if (method !== 'subscriptions' && method !== 'runningReplays') running.fail(method, 2)
      await running.start()
      running.fail(method, 3)
      await running.engine.reload().catch(() => {})
      await running.append(5)
      await running.pass(60_000, 60)
      expect(await running.counts('one')).toEqual({ succeeded: 25 })
      expect(new Set(to.sequences).size).toBe(25)
    })
  }

  test('a feed that was written though the lease beside it failed is gone on from', async () => {
    await running.subscribe('one')
    await running.start()
    running.fail('lease', 1)
    await running.append(5)
    await running.pass(5_000, 5)
    expect(running.to('one').sequences.toSorted()).toEqual([1, 2, 3, 4, 5])
    await running.append(2)
    await running.to('one').done(7)
    expect(running.failures).toBe(1)
  })

  test('what was leased though the feed beside it failed is attempted', async () => {
    const number = await running.subscribe('one', { retry: { scheduleMs: [0], jitter: 0 } })
    await running.append(1)
    const to = running.to('one')
    to.answer = () => bad
    await running.start()
    expect(await running.states('one')).toEqual(['dead'])
    to.answer = () => succeeded()
    await running.deliveries.retry({ sequence: 1, subscription: number, replay: 0 }, Date.now())
    running.fail('feed', 1)
    await running.append(1)
    await running.pass(5_000, 5)
    expect(running.failures).toBe(1)
    expect(await running.states('one')).toEqual(['succeeded', 'succeeded'])
  })

  test('a cursor that stands elsewhere is looked up', async () => {
    const number = await running.subscribe('one')
    await running.start()
    await running.append(1)
    await running.to('one').done(1)
    await running.quiet()
    const feeding = running.hold('feed')
    await running.append(2)
    await running.quiet()
    await running.deliveries.feed({
      subscription: number,
      replay: 0,
      from: 1,
      to: 2,
      matches: [[2, null]],
      now: Date.now(),
    })
    feeding()
    await running.pass(5_000, 5)
    expect(running.to('one').sequences).toEqual([1, 2, 3])
  })

  test('a subscription that could not be taken up is taken up later', async () => {
    await running.start()
    await running.append(1)
    running.fail('subscriptions', 1)
    await running.subscribe('one').catch(() => {})
    await running.pass(30_000, 2)
    expect(running.to('one').attempts).toHaveLength(1)
  })
})

describe('a change', () => {
  test('lets what is under way end first, and then goes on with the new options', async () => {
    await running.subscribe('one', { concurrency: 2, order: 'subject' })
    await running.append([1, 2, 3, 4].map(index => record(`a${index}`, { subject: 'loan/A' })))
    const old = running.to('one')
    old.answer = never
    await running.start()
    expect(old.underWay).toBe(1)
    const fresh = new MadeDestination()
    running.destinations.set('one', fresh)
    await running.subscribe('one', { concurrency: 4, order: 'subject', timeoutMs: 5_000 })
    await running.quiet()
    expect([old.closed, fresh.attempts.length]).toEqual([0, 0])
    old.open[0]!.end()
    await fresh.done(3)
    await running.quiet()
    expect(old.closed).toBe(1)
    expect(old.sequences).toEqual([1])
    expect(fresh.sequences).toEqual([2, 3, 4])
    expect(fresh.attempts[0]).toMatchObject({ timeoutMs: 5_000 })
    expect(await running.counts('one')).toEqual({ succeeded: 4 })
  })

  test('ends what does not end by itself, uncharged', async () => {
    await running.subscribe('one', { timeoutMs: 2_000 })
    await running.append(1)
    running.to('one').answer = never
    await running.start()
    const fresh = new MadeDestination()
    running.destinations.set('one', fresh)
    await running.subscribe('one', { concurrency: 9 })
    await running.pass(10_000, 5)
    expect(await running.all('one')).toMatchObject([{ state: 'succeeded', spent: 0 }])
    expect(fresh.sequences).toEqual([1])
  })

  test('in the middle of a feed begins where that feed ended', async () => {
    await running.subscribe('one')
    await running.start()
    const feeding = running.hold('feed')
    await running.append(3)
    await running.quiet()
    await running.subscribe('one', { concurrency: 9 })
    await running.quiet()
    expect(running.opened, 'the old one is still at it').toHaveLength(1)
    feeding()
    await running.quiet()
    expect(running.opened).toHaveLength(2)
    await running.append(2)
    await running.pass(5_000, 5)
    expect(running.to('one').sequences.toSorted()).toEqual([1, 2, 3, 4, 5])
    expect(running.failures).toBe(0)
  })

  test('of one subscription holds up no other', async () => {
    await running.subscribe('slow')
    await running.subscribe('other')
    running.to('slow').answer = never
    await running.append(1)
    await running.start()
    await running.subscribe('slow', { concurrency: 9 })
    await running.append(1)
    await running.to('other').done(2)
    expect(running.opened).toHaveLength(2)
  })

  test('that removes a subscription ends it', async () => {
    const number = await running.subscribe('one')
    await running.start()
    await running.deliveries.remove(number, Date.now())
    await running.engine.reload()
    await running.append(2)
    await running.pass(20_000, 2)
    expect(running.to('one')).toMatchObject({ attempts: [], closed: 1 })
    expect(running.engine.destination('one')).toBeUndefined()
  })
})

describe('a clock that was set back', () => {
  test('holds nothing back for as long, and lets no more through at once', async () => {
    await running.subscribe('one', { concurrency: 3, rate: { limit: 2, intervalMs: 10_000 } })
    await running.append(30)
    const to = running.to('one')
    to.answer = never
    await running.start()
    expect(to.attempts).toHaveLength(2)
    vi.setSystemTime(Date.now() - 3_600_000)
    await running.append(10)
    await running.pass(16_000, 4)
    await running.pass(60_000, 12)
    expect(to.attempts).toHaveLength(3)
    for (const attempt of to.open) attempt.end()
    await running.pass(11_000, 4)
    expect(to.attempts.length).toBeGreaterThan(3)
    expect(to.most).toBe(3)
  })
})

describe('replays', () => {
  test('bring a range once more, show how far they are, and end', async () => {
    await running.subscribe('one')
    await running.append(450)
    await running.start()
    const to = running.to('one')
    await to.done(450)
    const replay = await running.replay('one', { first: 100, last: 420 })
    await to.done(450 + 321)
    await running.quiet()
    const again = to.attempts.slice(450)
    expect(again.map(({ event }) => event.sequence).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 321 }, (_, index) => index + 100),
    )
    expect(new Set(again.map(({ replay }) => replay)).size).toBe(1)
    expect(again[0]!.replay).toMatch(/^rpl_/)
    expect(await running.deliveries.replay(replay.number)).toMatchObject({ state: 'done', matched: 321, cursor: 420 })
    expect(await running.deliveries.replayCounts(replay.number)).toMatchObject({ succeeded: 321 })
  })

  test('are bounded, and can be cancelled', async () => {
    await running.subscribe('one')
    await running.append(3_000)
    await running.start()
    const to = running.to('one')
    await to.done(3_000)
    await running.quiet()
    to.answer = never
    const replay = await running.replay('one', { first: 1, last: 3_000 })
    await to.begun(3_001)
    await running.quiet()
    const under = (await running.deliveries.replay(replay.number))!
    expect(under).toMatchObject({ state: 'running' })
    expect(under.matched).toBeLessThanOrEqual(500)
    await running.deliveries.endReplay(replay.number, 'cancelled', Date.now())
    await running.engine.reload()
    to.answer = () => succeeded()
    for (const attempt of to.open) attempt.end()
    await running.append(1)
    await running.pass(30_000, 4)
    const counts = await running.deliveries.replayCounts(replay.number)
    expect(counts.cancelled).toBe(under.matched)
    expect(to.sequences.at(-1)).toBe(3_001)
  })

  test('of several at once all come to their end, those asked for meanwhile too', async () => {
    await running.subscribe('one', { order: 'subject' })
    await running.append(
      Array.from({ length: 230 }, (_, index) => record(`e${index}`, { subject: `loan/${index % 2}` })),
    )
    await running.start()
    const to = running.to('one')
    await to.done(230)
    const replays = await Promise.all([1, 2, 3].map(() => running.replay('one', { first: 1, last: 230 })))
    await to.done(230 * 4)
    await running.quiet()
    for (const { number } of replays) {
      expect(await running.deliveries.replay(number)).toMatchObject({ state: 'done', matched: 230 })
      expect(await running.deliveries.replayCounts(number)).toMatchObject({ succeeded: 230 })
    }
  })

  test('are not lost where the store fails for a moment', async () => {
    await running.subscribe('one')
    await running.append(10)
    await running.start()
    await running.to('one').done(10)
    await running.quiet()
    running.fail('filtered', 1)
    running.fail('endReplay', 1)
    const replay = await running.replay('one', { first: 1, last: 10 })
    await running.pass(20_000, 20)
    expect(await running.deliveries.replay(replay.number)).toMatchObject({ state: 'done', matched: 10 })
    expect(await running.deliveries.replayCounts(replay.number)).toMatchObject({ succeeded: 10 })
  })
})

describe('the end', () => {
  test('waits for what is under way, and gives back what was not begun, uncharged', async () => {
    await running.subscribe('one', { concurrency: 2 })
    await running.append(10)
    const to = running.to('one')
    to.answer = never
    await running.start()
    const closing = running.engine.close(10_000)
    await running.quiet()
    expect(await running.counts('one')).toEqual({ delivering: 2, pending: 8 })
    await expectUncharged('one')
    for (const attempt of to.open) attempt.end()
    await closing
    expect(await running.counts('one')).toEqual({ succeeded: 2, pending: 8 })
    expect(to).toMatchObject({ closed: 1, underWay: 0 })
  })

  test('ends what does not end by itself after the grace, uncharged', async () => {
    await running.subscribe('one', { concurrency: 2 })
    await running.append(3)
    const to = running.to('one')
    to.answer = never
    await running.start()
    let closed = false
    const closing = running.engine.close(10_000).then(() => {
      closed = true
    })
    await running.pass(9_999)
    expect([closed, to.attempts.some(({ signal }) => signal.aborted)]).toEqual([false, false])
    await running.pass(1)
    await closing
    expect(to.attempts.every(({ signal }) => signal.aborted)).toBe(true)
    expect(await running.all('one')).toMatchObject([1, 2, 3].map(() => ({ state: 'pending', spent: 0 })))
  })

  test('keeps its grace though a subscription is being changed', async () => {
    await running.subscribe('one', { timeoutMs: 600_000 })
    await running.append(1)
    running.to('one').answer = never
    await running.start()
    await running.subscribe('one', { concurrency: 9 })
    let closed = false
    const closing = running.engine.close(10_000).then(() => {
      closed = true
    })
    await running.pass(10_000)
    expect(closed).toBe(true)
    await closing
    expect(await running.all('one')).toMatchObject([{ state: 'pending', spent: 0 }])
  })

  test('begins nothing, whatever comes', async () => {
    await running.subscribe('one')
    await running.start()
    await running.engine.close(0)
    await running.engine.reload().catch(() => {})
    await running.store.append([record('late')], nothing)
    await running.pass(60_000, 4)
    expect(running.to('one').attempts).toEqual([])
  })

  test('leaves nothing leased, though a lease was on its way', async () => {
    await running.subscribe('one')
    await running.start()
    const leasing = running.hold('lease')
    await running.append(3)
    await running.quiet()
    const closing = running.engine.close(1_000)
    leasing()
    await closing
    expect(await running.counts('one')).toEqual({ pending: 3 })
  })

  test('writes down what the store refused a moment before', async () => {
    await running.subscribe('one')
    await running.append(1)
    running.fail('settle', 1)
    await running.start()
    await running.to('one').done(1)
    await running.engine.close(0)
    expect(await running.counts('one')).toEqual({ succeeded: 1 })
  })
})

const nothing = {
  received: 0,
  method: 'POST',
  rest: '',
  query: '',
  headers: [],
  address: '192.0.2.1',
  body: Buffer.from('late'),
  sha256: null,
  redacted: [],
}
