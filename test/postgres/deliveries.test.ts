// Several nodes at work on the deliveries of one PostgreSQL: what the shared suite cannot ask of an engine that one
// process holds.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Leased, Rate } from '../../src/store/deliveries.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { at, Desk, settlement, subscribe } from '../contract/store/desk.ts'
import { record, request } from '../contract/store/record.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'

const leaseMs = 3_600_000
let database: TestDatabase
/** The last one's leases have ended as soon as they are taken. */
let nodes: Store[]
beforeAll(async () => {
  database = await createDatabase()
  nodes = []
  for (const ms of [leaseMs, leaseMs, leaseMs, 0]) {
    nodes.push(await openPostgresStore(postgresOptions(database.url, { leaseMs: ms })))
  }
})
afterAll(async () => {
  await Promise.all(nodes.map(node => node.close()))
  await database.drop()
})

const range = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
/** The same subscription, as each node works on it. */
async function desksOf(count: number): Promise<Desk[]> {
  const { number, name } = await subscribe(nodes[0]!)
  return nodes.slice(0, count).map(node => new Desk(node, number, name))
}

describe('leases of several nodes', () => {
  test('never share a delivery, and leave none', async () => {
    const desks = await desksOf(3)
    await desks[0]!.feed(range(400))
    const taken: Leased[] = []
    await Promise.all(
      [...desks, ...desks].map(async desk => {
        for (;;) {
          const { leased, nextDue } = await desk.leaseAnswer(7)
          taken.push(...leased)
          if (leased.length === 0 && nextDue === null) return
        }
      }),
    )
    expect(taken.map(({ sequence }) => sequence).toSorted((a, b) => a - b)).toEqual(range(400))
    await desks[0]!.expectCounted()
  })

  test('of an event that retention has taken meanwhile expire, and hold no lane; of one that is there they stay', async () => {
    const [desk] = await desksOf(1)
    const [outcome] = await nodes[0]!.append([record('is kept')], request('a body'))
    const { sequence } = outcome!
    const gone = sequence + 1_000
    await desk!.feed([sequence, [gone, 'loan/A'], [gone + 1, 'loan/A']])
    expect(await desk!.lease()).toHaveLength(2)
    await desk!.deliveries.expire([sequence, gone], at + 5)
    expect(await desk!.states()).toEqual({ [sequence]: 'delivering', [gone]: 'expired', [gone + 1]: 'pending' })
    await desk!.expectCounted()
  })

  test('that have passed their end go to another, and the first one’s settlement counts no more', async () => {
    const [[here], frozen] = [await desksOf(1), nodes[3]!]
    const there = new Desk(frozen, here!.number, here!.name)
    await here!.feed([1, [2, 'loan/A'], [3, 'loan/A']])
    const lost = await there.lease()
    expect(lost).toHaveLength(2)
    expect(await nodes[0]!.deliveries.releaseLost(at + 5)).toBe(2)
    expect(await here!.states()).toEqual({ 1: 'pending', 2: 'pending', 3: 'waiting' })
    const again = await here!.lease(9, at + 5)
    expect(again.map(({ sequence, attempt, spent }) => [sequence, attempt, spent])).toEqual([
      [1, 2, 0],
      [2, 2, 0],
    ])
    expect(await frozen.deliveries.renew([...lost, ...again])).toEqual([false, false, true, true])
    for (const each of lost) expect(await there.settle(each), 'woken too late').toBe(false)
    expect(await here!.states()).toEqual({ 1: 'delivering', 2: 'delivering', 3: 'waiting' })
    for (const each of again) expect(await here!.settle(each)).toBe(true)
    expect(await here!.states()).toEqual({ 1: 'succeeded', 2: 'succeeded', 3: 'pending' })
    const attempts = await here!.deliveries.attempts(here!.key(1))
    expect(
      attempts.map(({ number }) => number),
      'what it did is told',
    ).toEqual([1, 2])
    await here!.expectCounted()
  })

  test('hold until their end, and for longer where they are renewed', async () => {
    const [here] = await desksOf(1)
    const there = new Desk(nodes[3]!, here!.number, here!.name)
    await here!.feed([1, 2, 3])
    const [held] = await here!.lease(1)
    const [renewed, lost] = await there.lease(2)
    expect(await here!.deliveries.renew([renewed!])).toEqual([true])
    expect(await here!.deliveries.releaseLost(at)).toBe(1)
    expect(await here!.states()).toEqual({ 1: 'delivering', 2: 'delivering', 3: 'pending' })
    for (const each of [held!, renewed!]) expect(await here!.settle(each)).toBe(true)
    expect(await here!.deliveries.renew([lost!, held!, { ...here!.key(99), attempt: 1 }])).toEqual([
      false,
      false,
      false,
    ])
    expect(await here!.deliveries.renew([])).toEqual([])
  })

  test('that were failing before go on failing, and are not charged for the loss', async () => {
    const [here] = await desksOf(1)
    const there = new Desk(nodes[3]!, here!.number, here!.name)
    await here!.feed([1])
    await here!.settle((await here!.lease())[0]!, 'retrying')
    await there.lease()
    expect(await nodes[1]!.deliveries.releaseLost(at + 9)).toBe(1)
    expect(await here!.deliveries.delivery(here!.key(1))).toMatchObject({ state: 'retrying', spent: 1, due: at + 9 })
    await here!.expectCounted()
  })
})

describe('a rate', () => {
  const leasedAt = async (subscription: number): Promise<number[]> => {
    const rows = await queryOnce<{ leaseduntil: string }>(
      database.url,
      'select leaseduntil from deliveries where subscription = $1 and state = 2 order by leaseduntil',
      [subscription],
    )
    return rows.map(({ leaseduntil }) => Number(leaseduntil) - leaseMs)
  }

  test('holds over all nodes: never more in any stretch of it', async () => {
    const rate: Rate = { limit: 12, intervalMs: 80 }
    const desks = await desksOf(3)
    await desks[0]!.feed(range(90))
    let limited = 0
    await Promise.all(
      desks.map(async desk => {
        for (;;) {
          const now = Date.now()
          const { leased, nextDue, limitedUntil } = await desk.deliveries.lease(desk.number, 5, now, rate)
          if (leased.length === 0 && nextDue === null) return
          if (limitedUntil !== undefined && limitedUntil !== null) {
            limited++
            expect(limitedUntil).toBeLessThanOrEqual(now + rate.intervalMs + 1)
          }
        }
      }),
    )
    const begun = await leasedAt(desks[0]!.number)
    expect(begun).toHaveLength(90)
    for (let index = rate.limit; index < begun.length; index++) {
      expect(begun[index]! - begun[index - rate.limit]!).toBeGreaterThan(rate.intervalMs)
    }
    expect(limited).toBeGreaterThan(0)
  })

  test('says when more may begin, in the time of who asks, and what is due meanwhile', async () => {
    const rate: Rate = { limit: 3, intervalMs: 3_600_000 }
    const [one, other] = await desksOf(2)
    await one!.feed(range(9))
    const now = at + 1_000_000
    const first = await one!.deliveries.lease(one!.number, 2, now, rate)
    expect(first.leased).toHaveLength(2)
    expect(first.limitedUntil ?? null, 'not yet').toBeNull()
    const last = await other!.deliveries.lease(other!.number, 5, now, rate)
    expect(last.leased).toHaveLength(1)
    for (const answer of [last, await one!.deliveries.lease(one!.number, 0, now, rate)]) {
      expect(answer.nextDue).toBe(at)
      expect(answer.limitedUntil! - now).toBeLessThanOrEqual(rate.intervalMs + 1)
      expect(answer.limitedUntil! - now, 'counted from the first that began').toBeGreaterThan(rate.intervalMs - 60_000)
    }
    expect((await one!.deliveries.lease(one!.number, 9, now, rate)).leased).toEqual([])
    expect((await one!.lease(4)).length, 'without a rate').toBe(4)
  })

  test('is not held up for longer by a clock that was set back', async () => {
    const [desk] = await desksOf(1)
    await desk!.feed([1, 2])
    const later = Date.now() + 86_400_000
    await queryOnce(database.url, 'insert into rate_starts values ($1, $2, 5)', [desk!.number, later])
    const answer = await desk!.deliveries.lease(desk!.number, 1, at, { limit: 1, intervalMs: 10_000 })
    expect(answer.leased).toEqual([])
    expect(answer.limitedUntil! - at).toBeLessThanOrEqual(10_001)
  })
})

describe('what several nodes change at once', () => {
  test('a breaker is swapped by one of them', async () => {
    const desks = await desksOf(3)
    const { breaker: known } = await desks[0]!.row()
    const open = { until: at, opened: 1, failures: 5, state: 'open' } as const
    const swap = (desk: Desk, from = known) => desk.deliveries.swapBreaker(desk.number, from, { ...open })
    expect((await Promise.all(desks.map(desk => swap(desk)))).toSorted()).toEqual([false, false, true])
    expect((await desks[1]!.row()).breaker).toEqual(open)
    expect(await swap(desks[2]!, { ...open }), 'whatever the order of its fields').toBe(true)
  })

  test('one that was forgotten is put again by all of them, and what is new is left alone', async () => {
    const [desk] = await desksOf(1)
    await desk!.feed([1, [2, 'loan/A'], [3, 'loan/A']])
    await desk!.deliveries.remove(desk!.number, at)
    const fields = { name: desk!.name, origin: 'api', spec: '{}', sealed: null, cursor: 50, now: at + 9 } as const
    const numbers = await Promise.all(
      nodes
        .flatMap(node => [node, node])
        .map(async ({ deliveries }, index) => {
          const number = await deliveries.putSubscription(fields)
          // Whoever is first feeds; the others are still about to put it.
          await deliveries.feed({
            subscription: number,
            replay: 0,
            from: 50,
            to: 51,
            matches: [[51, null]],
            now: at + index,
          })
          return number
        }),
    )
    expect(new Set(numbers)).toEqual(new Set([desk!.number]))
    expect(await desk!.states()).toEqual({ 1: 'cancelled', 2: 'cancelled', 3: 'cancelled', 51: 'pending' })
  })

  test('a lane’s deliveries begin one after another, whoever takes them', async () => {
    const desks = await desksOf(3)
    const subjects = ['loan/A', 'loan/B', 'loan/C', 'loan/D']
    const laneOf = (sequence: number) => subjects[sequence % subjects.length]!
    await desks[0]!.feed(range(160).map((sequence): [number, string] => [sequence, laneOf(sequence)]))
    const underWay = new Map<string, number>()
    const begun = new Map(subjects.map(subject => [subject, [] as number[]]))
    let left = 160
    await Promise.all(
      [...desks, ...desks].map(async (desk, worker) => {
        for (let round = worker; left > 0; round++) {
          const leased = await desk.lease(3)
          for (const { sequence, attempt } of leased) {
            expect(underWay.get(laneOf(sequence)), 'two of one lane').toBeUndefined()
            underWay.set(laneOf(sequence), sequence)
            if (attempt === 1) begun.get(laneOf(sequence))!.push(sequence)
          }
          const ends = leased.map(each =>
            settlement(each, (each.sequence + round) % 5 === 0 ? 'retrying' : 'succeeded'),
          )
          for (const { sequence, state } of ends) {
            underWay.delete(laneOf(sequence))
            if (state === 'succeeded') left--
          }
          expect(await desk.deliveries.settle(ends, at)).toEqual(ends.map(() => true))
        }
      }),
    )
    for (const subject of subjects) {
      expect(begun.get(subject)).toEqual(range(160).filter(sequence => laneOf(sequence) === subject))
    }
    expect(await desks[0]!.counts()).toEqual({ succeeded: 160 })
    await desks[0]!.expectCounted()
  })

  test('texts that PostgreSQL refuses name lanes and tell of attempts', async () => {
    const [desk] = await desksOf(1)
    const subjects = ['loan/\u0000', 'loan/\u00010', 'loan/\ud800', `loan/${'x'.repeat(1_000_000)}`]
    await desk!.feed(
      subjects.flatMap((subject, index): [number, string][] => [
        [index + 1, subject],
        [index + 11, subject],
      ]),
    )
    expect(await desk!.counts()).toEqual({ pending: 4, waiting: 4 })
    const leased = await desk!.lease()
    for (const [index, each] of leased.entries()) {
      await desk!.settle(each, 'dead', { holds: true, reason: `no: ${subjects[index]!.slice(0, 9)}` })
    }
    expect((await desk!.deliveries.attempts(desk!.key(1)))[0]).toMatchObject({ reason: 'no: loan/\u0000' })
    for (const [index, subject] of subjects.entries()) {
      const skipped = await desk!.deliveries.skipLane(desk!.number, 'plain', subject, at)
      expect([index, skipped]).toEqual([index, desk!.key(index + 1)])
    }
    expect(await desk!.counts()).toEqual({ skipped: 4, pending: 4 })
    await desk!.expectCounted()
  })
})
