// One subscription at work, over a real store: what it takes, what it gives back, and what becomes of each attempt.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failed, type Outcome, succeeded } from '../../src/delivery/destination.ts'
import { record } from '../contract/store/record.ts'
import { released } from '../support/made-destination.ts'
import { RunningEngine } from '../support/running-engine.ts'

let running: RunningEngine

beforeEach(async () => {
  running = await RunningEngine.open()
})
afterEach(() => running.remove())

const bad = failed('answered 500', { status: 500 })
const never = () => undefined
const outcome = (result: Outcome['result'], more: Partial<Outcome> = {}): Outcome => ({ ...bad, result, ...more })
const loan = (key: string, subject: string | null) => record(key, { subject, namespace: 'plain' })

describe('an attempt', () => {
  test('is given what a destination needs, and its end is kept', async () => {
    const number = await running.subscribe('one')
    await running.append([record('first')])
    running.to('one').answer = () => succeeded(202, 'thanks')
    await running.start()
    await running.quiet()
    const [attempt] = running.to('one').attempts
    expect(attempt).toMatchObject({ number: 1, replay: null, timeoutMs: 15_000, now: Date.now() })
    expect(attempt!.delivery).toMatch(/^dlv_/)
    expect(attempt!.traceparent).toMatch(/^00-/)
    expect(JSON.parse(attempt!.json)).toMatchObject({ type: 'plain.happened', sequence: '0000000000000001' })
    const key = { sequence: 1, subscription: number, replay: 0 }
    expect(await running.deliveries.attempts(key)).toMatchObject([
      { number: 1, result: 'succeeded', status: 202, reason: null, answer: 'thanks' },
    ])
    expect(await running.counts('one')).toEqual({ succeeded: 1 })
  })

  test('that fails is made again by the schedule, until the budget is spent', async () => {
    await running.subscribe('one')
    await running.append(1)
    const to = running.to('one')
    to.answer = () => bad
    await running.start()
    expect(to.attempts).toHaveLength(1)
    await running.pass(999)
    expect(to.attempts).toHaveLength(1)
    await running.pass(1)
    expect(to.attempts).toHaveLength(2)
    await running.pass(4_999)
    expect(to.attempts).toHaveLength(2)
    await running.pass(1)
    expect(to.attempts.map(({ number }) => number)).toEqual([1, 2, 3])
    await running.pass(100_000)
    expect(to.attempts).toHaveLength(3)
    expect(await running.all('one')).toMatchObject([{ state: 'dead', attempts: 3, spent: 3, holds: false }])
    expect(running.told.filter(([what]) => what === 'died')).toHaveLength(1)
  })

  test('waits as long as it was asked to, with chance added', async () => {
    await running.subscribe('one', { retry: { scheduleMs: [0, 1_000, 1_000], jitter: 0.5 } })
    await running.append(1)
    running.random = 0.5
    const to = running.to('one')
    to.answer = ({ number }) => (number === 1 ? bad : outcome('failed', { retryAfterMs: 7_000 }))
    await running.start()
    await running.pass(1_249)
    expect(to.attempts).toHaveLength(1)
    await running.pass(1)
    expect(to.attempts).toHaveLength(2)
    await running.pass(6_999)
    expect(to.attempts).toHaveLength(2)
    await running.pass(1)
    expect(to.attempts).toHaveLength(3)
  })

  test('first waits too, where the schedule says so', async () => {
    await running.subscribe('one', { retry: { scheduleMs: [2_000, 1_000], jitter: 0 } })
    await running.append(1)
    await running.start()
    await running.pass(1_999)
    expect(running.to('one').attempts).toHaveLength(0)
    await running.pass(1)
    expect(running.to('one').attempts).toHaveLength(1)
  })

  test('that waits for days is made in its time', async () => {
    const days = 3 * 86_400_000
    await running.subscribe('one', { retry: { scheduleMs: [0, days], jitter: 0 } })
    await running.append(1)
    running.to('one').answer = () => bad
    await running.start()
    await running.pass(days - 1, 3)
    expect(running.to('one').attempts).toHaveLength(1)
    await running.pass(1)
    expect(running.to('one').attempts).toHaveLength(2)
  })

  test('that throws, or rejects, is a failed one', async () => {
    await running.subscribe('one', { order: 'subject' })
    await running.append(2)
    const to = running.to('one')
    to.answer = ({ event, number }) => {
      if (number > 1) return succeeded()
      if (event.sequence === 1) throw new Error('thrown')
      return Promise.reject(new Error('rejected'))
    }
    await running.start()
    expect(await running.states('one')).toEqual(['retrying', 'retrying'])
    const [first] = await running.all('one')
    expect(await running.deliveries.attempts(first!)).toMatchObject([{ result: 'failed', reason: /thrown/ }])
    await running.pass(1_000)
    expect(await running.counts('one')).toEqual({ succeeded: 2 })
  })

  test('of which the destination says that it is hopeless is the last', async () => {
    await running.subscribe('one')
    await running.append(1)
    running.to('one').answer = () => outcome('dead', { status: 400 })
    await running.start()
    await running.pass(100_000)
    expect(await running.all('one')).toMatchObject([{ state: 'dead', attempts: 1, spent: 1 }])
  })

  test('that failed by our own fault is made again and charges nobody', async () => {
    await running.subscribe('one')
    await running.append(1)
    const to = running.to('one')
    to.answer = ({ number }) => (number < 6 ? released : succeeded())
    await running.start()
    await running.pass(10_000, 10)
    expect(await running.all('one')).toMatchObject([{ state: 'succeeded', attempts: 6, spent: 0 }])
    expect(running.told.filter(([what]) => what === 'breakerChanged')).toEqual([])
  })
})

describe('lanes', () => {
  test('a dead one holds its lane, and no other', async () => {
    await running.subscribe('one', { order: 'subject', retry: { scheduleMs: [0], jitter: 0 } })
    await running.append([loan('a1', 'loan/A'), loan('a2', 'loan/A'), loan('b1', 'loan/B'), loan('b2', 'loan/B')])
    running.to('one').answer = ({ event }) => (event.sequence === 1 ? bad : succeeded())
    await running.start()
    expect(await running.states('one')).toEqual(['dead', 'waiting', 'succeeded', 'succeeded'])
    expect(await running.counts('one')).toMatchObject({ held: 1 })
    await running.deliveries.skipLane((await running.row('one')).number, 'plain', 'loan/A', Date.now())
    await running.engine.reload()
    await running.to('one').done(4)
    await running.quiet()
    expect(await running.states('one')).toEqual(['skipped', 'succeeded', 'succeeded', 'succeeded'])
  })

  test('a dead one is left behind where the subscription says skip', async () => {
    await running.subscribe('one', { order: 'subject', onDead: 'skip', retry: { scheduleMs: [0], jitter: 0 } })
    await running.append([loan('a1', 'loan/A'), loan('a2', 'loan/A'), loan('a3', 'loan/A')])
    running.to('one').answer = ({ event }) => (event.sequence === 1 ? bad : succeeded())
    await running.start()
    await running.to('one').done(3)
    await running.quiet()
    expect(await running.states('one')).toEqual(['dead', 'succeeded', 'succeeded'])
  })

  test('a failing one holds up none of the other lanes, nor events without a subject', async () => {
    await running.subscribe('one', { order: 'subject', concurrency: 2 })
    const records = Array.from({ length: 60 }, (_, index) =>
      loan(`e${index}`, index % 3 === 0 ? 'loan/bad' : index % 3 === 1 ? `loan/${index % 4}` : null),
    )
    await running.append(records)
    const to = running.to('one')
    to.answer = ({ event }) => (event.subject === 'loan/bad' ? bad : succeeded())
    await running.start()
    await running.quiet()
    expect(await running.counts('one')).toEqual({ succeeded: 40, retrying: 1, waiting: 19 })
    to.answer = () => succeeded()
    await running.pass(1_000)
    expect(await running.counts('one')).toEqual({ succeeded: 60 })
    const lane = to.attempts.filter(({ event }) => event.subject === 'loan/bad').map(({ event }) => event.sequence)
    expect(lane).toEqual([1, ...Array.from({ length: 20 }, (_, index) => index * 3 + 1)])
  })

  test('whatever comes of its attempts, a lane is strictly one after another, by sequence', async () => {
    const subjects = ['loan/A', 'loan/B', 'loan/C', null]
    const ends = ['succeeded', 'succeeded', 'succeeded', 'failed', 'failed', 'dead', 'released'] as const
    let round = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...subjects), { minLength: 5, maxLength: 30, size: 'max' }),
        fc.infiniteStream(fc.constantFrom(...ends)),
        fc.infiniteStream(fc.nat(9)),
        fc.constantFrom('hold' as const, 'skip' as const),
        fc.integer({ min: 1, max: 5 }),
        async (events, outcomes, order, onDead, concurrency) => {
          const name = `round-${++round}`
          const { head } = await running.store.extent()
          const to = running.to(name)
          to.answer = never
          await running.append(events.map((subject, index) => loan(`${name} ${index}`, subject)))
          if (round === 1) await running.start()
          await running.subscribe(
            name,
            { order: 'subject', onDead, concurrency, retry: { scheduleMs: [0, 10, 10], jitter: 0 } },
            head,
          )
          const settled = new Set<number>()
          for (let steps = 0; steps < 400; steps++) {
            await running.quiet()
            const { open } = to
            if (open.length === 0) {
              const due = (await running.all(name)).some(({ state }) => state === 'retrying' || state === 'pending')
              if (!due) break
              await running.pass(1_000)
              continue
            }
            const lanes = open.flatMap(({ event }) => event.subject ?? [])
            expect(new Set(lanes).size, 'one of a lane at a time').toBe(lanes.length)
            for (const { event } of open) {
              if (event.subject === null) continue
              for (let before = head + 1; before < event.sequence; before++) {
                if (events[before - head - 1] === event.subject) expect(settled, `${before} is over`).toContain(before)
              }
            }
            expect(open.length).toBeLessThanOrEqual(concurrency)
            const attempt = open[order.next().value % open.length]!
            const result = outcomes.next().value
            if (
              result === 'succeeded' ||
              ((result === 'dead' || (result === 'failed' && budgetIsSpent(to, attempt.event.sequence))) &&
                onDead === 'skip')
            ) {
              settled.add(attempt.event.sequence)
            }
            attempt.end(result === 'succeeded' ? succeeded() : outcome(result))
          }
          const counts = await running.counts(name)
          expect((counts.succeeded ?? 0) + (counts.dead ?? 0) + (counts.waiting ?? 0)).toBe(events.length)
          if (onDead === 'skip') expect(counts.waiting).toBeUndefined()
          running.told.length = 0
        },
      ),
      { numRuns: 12, endOnFailure: true, interruptAfterTimeLimit: 8_000, markInterruptAsFailure: false },
    )
  })
})

/** The third failure that is charged is the last. */
function budgetIsSpent(to: ReturnType<RunningEngine['to']>, sequence: number): boolean {
  return to.attempts.filter(({ event, ended }) => ended && event.sequence === sequence).length >= 2
}

describe('what it takes', () => {
  test('is no more than its concurrency, at any time', async () => {
    await running.subscribe('one', { concurrency: 3 })
    await running.append(40)
    const to = running.to('one')
    to.answer = never
    await running.start()
    for (let ended = 0; ended < 40; ended++) {
      expect(to.underWay).toBe(Math.min(3, 40 - ended))
      to.open[ended % to.open.length]!.end()
      await running.quiet()
    }
    expect(to.most).toBe(3)
    expect(await running.counts('one')).toEqual({ succeeded: 40 })
  })

  test('of a long backlog is little, while a destination does not answer', async () => {
    await running.append(6_000)
    await running.subscribe('one', { concurrency: 4 })
    await running.subscribe('lane', { order: 'subject' })
    running.to('one').answer = never
    running.to('lane').answer = never
    await running.start()
    for (let polls = 0; polls < 5; polls++) {
      await running.append(1)
      await running.pass(15_000)
    }
    const made = (await running.all('one')).length
    expect(made).toBeGreaterThanOrEqual(8)
    expect(made).toBeLessThanOrEqual(500)
    expect((await running.row('one')).cursor).toBeLessThan(1_000)
  })

  test('comes to the end of a long backlog, each event once, in order', async () => {
    await running.append(3_000)
    await running.subscribe('one', { concurrency: 50 })
    await running.start()
    await running.to('one').done(3_000)
    await running.quiet()
    expect(await running.counts('one')).toEqual({ succeeded: 3_000 })
    expect(new Set(running.to('one').sequences).size).toBe(3_000)
  })

  test('is what its filter takes, over as many pages as that needs', async () => {
    const records = Array.from({ length: 2_600 }, (_, index) =>
      record(`e${index}`, { data: JSON.stringify({ refs: { loan: index % 650 === 649 ? 'K1' : 'K2' } }) }),
    )
    await running.append(records)
    await running.subscribe('one', { filter: 'data.refs.loan == `"K1"`' })
    await running.start()
    await running.to('one').done(4)
    await running.quiet()
    expect(running.to('one').sequences).toEqual([650, 1_300, 1_950, 2_600])
    expect((await running.row('one')).cursor).toBe(2_600)
  })

  test('are no events about ourselves, unless it names them', async () => {
    await running.append([
      record('theirs'),
      record('ours', { source: 'postern', vendor: 'postern', type: 'postern.delivery.died' }),
    ])
    await running.subscribe('everything', { types: ['*'] })
    await running.subscribe('unsaid', {})
    await running.subscribe('ours', { types: ['postern.*'] })
    await running.start()
    await Promise.all(['everything', 'unsaid', 'ours'].map(name => running.to(name).done(1)))
    await running.quiet()
    expect(['everything', 'unsaid', 'ours'].map(name => running.to(name).sequences)).toEqual([[1], [1], [2]])
  })

  test('is under way at once when it is appended, and costs nothing where nothing is', async () => {
    await running.subscribe('one')
    await running.start()
    await running.append(1)
    await running.to('one').done(1)
    await running.append(1)
    await running.to('one').done(2)
  })
})

describe('the rate', () => {
  test('holds in any stretch of its length', async () => {
    await running.subscribe('one', { concurrency: 20, rate: { limit: 5, intervalMs: 1_000 } })
    await running.append(23)
    const begun: number[] = []
    running.to('one').answer = ({ now }) => {
      begun.push(now)
      return succeeded()
    }
    await running.start()
    await running.pass(350)
    await running.append(4)
    await running.pass(7_000, 140)
    expect(begun).toHaveLength(27)
    for (const [index, time] of begun.entries()) {
      expect(begun.slice(index).filter(each => each < time + 1_000).length).toBeLessThanOrEqual(5)
    }
    expect(begun.at(-1)! - begun[0]!, 'nor is it slower than it may be').toBeLessThanOrEqual(6_500)
  })

  test('holds with a concurrency below it, too', async () => {
    await running.subscribe('one', { concurrency: 2, rate: { limit: 3, intervalMs: 1_000 } })
    await running.append(9)
    await running.start()
    await running.pass(100)
    expect(running.to('one').attempts).toHaveLength(3)
    await running.pass(1_000)
    expect(running.to('one').attempts).toHaveLength(6)
    expect(running.to('one').most).toBeLessThanOrEqual(2)
  })

  test('is not used up by what was given back', async () => {
    const number = await running.subscribe('one', { concurrency: 9, rate: { limit: 2, intervalMs: 60_000 } })
    await running.append(20)
    await running.start()
    expect(running.to('one').attempts).toHaveLength(2)
    for (const by of ['person', null] as const) {
      await running.deliveries.pause(number, by, Date.now())
      await running.engine.reload()
      await running.quiet()
    }
    await running.pass(60_000)
    expect(running.to('one').attempts).toHaveLength(4)
  })
})
