// Whatever several nodes do to the same deliveries at once: in the end all is counted, every lane has a first that can go
// or is held, and nobody ever waited for another in a circle.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Leased, Settlement } from '../../src/store/deliveries.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { at, Desk, lane, settlement, subscribe } from '../contract/store/desk.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { until } from '../support/until.ts'

const subjects = ['loan/A', 'loan/B', 'loan/C', null] as const
const pageSize = 12

let database: TestDatabase
let nodes: Store[]
beforeAll(async () => {
  database = await createDatabase()
  // The leases of one end at once: what it takes may be given to another while it works on it.
  const options = [3_600_000, 3_600_000, 0].map(leaseMs => postgresOptions(database.url, { leaseMs }))
  nodes = await Promise.all(options.map(each => openPostgresStore(each)))
})
afterAll(async () => {
  await Promise.all(nodes.map(node => node.close()))
  await database.drop()
})

type End = 'succeeded' | 'retrying' | 'held' | 'dead' | 'given back'
type Step =
  | { do: 'feed'; which: number; subjects: (string | null)[] }
  | { do: 'work'; which: number; limit: number; ends: End[] }
  | { do: 'retry'; which: number; sequence: number }
  | { do: 'skipLane'; which: number; subject: string }
  | { do: 'expire'; low: number; all: boolean }
  | { do: 'retryDead' | 'cancel' | 'replay'; which: number }
  | { do: 'releaseLost' }

const which = fc.nat(1)
const sequence = fc.integer({ min: 1, max: 60 })
const subject = fc.constantFrom('loan/A', 'loan/B', 'loan/C')
const of = <Do extends string>(...what: Do[]) => fc.constantFrom(...what)
const end = of<End>('succeeded', 'succeeded', 'retrying', 'held', 'dead', 'given back')
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: of('feed'),
      which,
      subjects: fc.array(fc.constantFrom(...subjects), { minLength: 1, maxLength: pageSize, size: 'max' }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: of('work'),
      which,
      limit: fc.integer({ min: 1, max: 8 }),
      ends: fc.array(end, { minLength: 8, maxLength: 8 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: of('retry'), which, sequence }) },
  { weight: 3, arbitrary: fc.record({ do: of('skipLane'), which, subject }) },
  { weight: 2, arbitrary: fc.record({ do: of('expire'), low: sequence, all: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: of('retryDead', 'cancel', 'replay'), which }) },
  { weight: 2, arbitrary: fc.record({ do: of('releaseLost') }) },
) as fc.Arbitrary<Step>

class Worker {
  readonly #desks: readonly Desk[]
  readonly #node: Store

  constructor(node: Store, desks: readonly Desk[]) {
    this.#node = node
    this.#desks = desks.map(({ number, name }) => new Desk(node, number, name))
  }

  async take(given: Step): Promise<void> {
    const { deliveries } = this.#node
    const desk = 'which' in given ? this.#desks[given.which]! : this.#desks[0]!
    switch (given.do) {
      case 'feed':
        return this.#feed(desk, given.subjects)
      case 'work': {
        const { leased } = await deliveries.lease(desk.number, given.limit, at)
        const ends = leased.map((each, index) => ended(each, given.ends[index % given.ends.length]!))
        // In no order, and all at once: the store finds its own.
        await Promise.all([
          deliveries.renew(leased),
          deliveries.settle(ends.toReversed(), at),
          deliveries.renew(leased.toReversed()),
        ])
        return
      }
      case 'retry':
        await deliveries.retry(desk.key(given.sequence), at)
        return
      case 'skipLane':
        await deliveries.skipLane(desk.number, 'plain', given.subject, at)
        return
      case 'expire': {
        const sequences = given.all ? null : [given.low, given.low + 2, given.low + 5]
        const parameters = [given.low, given.low + 5, sequences, at]
        await queryOnce(database.url, 'select postern_expire_deliveries($1, $2, $3::bigint[], $4)', parameters)
        return
      }
      case 'retryDead':
        await deliveries.retryDead(desk.number, at)
        return
      case 'cancel':
        await deliveries.cancel(desk.number, at)
        return
      case 'replay': {
        const fields = { subscription: desk.number, filter: '{}', first: 1, last: 60, key: null, now: at }
        const { replay } = await deliveries.addReplay(fields)
        const pairs = subjects.map((subject, index): [number, string | null] => [index + 1, subject && lane(subject)])
        const matches = [...pairs, ...pairs.map(([sequence, name]): [number, string | null] => [sequence + 4, name])]
        const page = { subscription: desk.number, replay: replay.number, from: 0, to: 60, matches, now: at }
        await deliveries.feed(page)
        if (replay.number % 3 === 0) await deliveries.endReplay(replay.number, 'cancelled', at)
        return
      }
      case 'releaseLost':
        await deliveries.releaseLost(at)
    }
  }

  /** Two that read on from one place: one of them writes. */
  async #feed(desk: Desk, subjects: readonly (string | null)[]): Promise<void> {
    const { cursor: from } = await desk.row()
    const matches = subjects.map((subject, index): [number, string | null] => [
      from + index + 1,
      subject && lane(subject),
    ])
    const to = from + matches.length
    await desk.deliveries.feed({ subscription: desk.number, replay: 0, from, to, matches, now: at })
  }
}

function ended(leased: Leased, end: End): Settlement {
  if (end === 'given back') return settlement(leased, leased.spent > 0 ? 'retrying' : 'pending')
  if (end === 'held' || end === 'dead') return settlement(leased, 'dead', { holds: end === 'held' })
  return settlement(leased, end)
}

/** Lanes whose first waits, or in which another than the first does not. */
const strayText = `
  select subscription, replay, lane, states from (
    select subscription, replay, lane, array_agg(state order by sequence) as states
    from deliveries where lane is not null group by 1, 2, 3) as lanes
  where states[1] not in (1, 2, 3, 5) or exists (select from unnest(states[2:]) as state where state <> 0)`

test('many change the same deliveries: what is counted is what there is, and every lane goes on', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 12, maxLength: 25, size: 'max' }), { minLength: 9, maxLength: 9 }),
      async plans => {
        const desks = [await subscribe(nodes[0]!), await subscribe(nodes[0]!)]
        await Promise.all(
          plans.map(async (plan, index) => {
            const worker = new Worker(nodes[index % nodes.length]!, desks)
            for (const given of plan) await worker.take(given)
          }),
        )
        expect(await queryOnce(database.url, strayText)).toEqual([])
        for (const desk of desks) await desk.expectCounted()
        const loose = await queryOnce(
          database.url,
          'select * from deliveries where (state = 2) <> (leaseduntil is not null) or (state = 0 and lane is null)',
        )
        expect(loose, 'a lease without an end, or one that waits for nobody').toEqual([])
      },
    ),
    { numRuns: 12, endOnFailure: true, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
  )
  await expectNoDeadlocks()
})

/** A deadlock is tried again by who lost in it, and would not show: the server has counted it, once its connections end. */
async function expectNoDeadlocks(): Promise<void> {
  await Promise.all(nodes.splice(0).map(node => node.close()))
  const server = new URL(database.url)
  server.pathname = '/postgres'
  const ask = <Row>(text: string) => queryOnce<Row>(server.href, text, [database.name])
  await until('all connections have ended', async () => {
    const rows = await ask('select from pg_stat_activity where datname = $1')
    return rows.length === 0
  })
  const [counted] = await ask<{ deadlocks: string; xact_commit: string }>(
    'select deadlocks, xact_commit from pg_stat_database where datname = $1',
  )
  expect(Number(counted!.xact_commit)).toBeGreaterThan(1_000)
  expect(Number(counted!.deadlocks)).toBe(0)
}
