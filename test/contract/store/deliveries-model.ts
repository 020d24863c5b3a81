// Whatever is done to deliveries in whatever order: the store says what a small model says, and counts what there is.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DeliveryState } from '../../../src/store/deliveries.ts'
import { at, type Desk, lane, settlement, subscribe } from './desk.ts'
import { type OpenStore, withInbox } from './inbox.ts'
import { minute, record, request, start } from './record.ts'

const eventCount = 40
const subjects = ['loan/A', 'loan/B', 'loan/C'] as const
const received = (sequence: number) => start + sequence * minute

interface Row {
  sequence: number
  state: DeliveryState
  attempts: number
  spent: number
  due: number
  lane: string | null
}

const unsettled = (state: DeliveryState) => ['waiting', 'pending', 'delivering', 'retrying'].includes(state)
const holds = ({ state, lane }: Row) => state === 'dead' && lane !== null

type Step =
  | { do: 'feed'; subjects: (string | null)[] }
  | { do: 'lease'; limit: number }
  | { do: 'settle'; which: number; end: 'succeeded' | 'retrying' | 'held' | 'skip' | 'given back' | 'stale' }
  | { do: 'wait'; ms: number }
  | { do: 'retry'; which: number }
  | { do: 'skipLane'; subject: string }
  | { do: 'expire'; sequence: number }
  | { do: 'begin' | 'retryDead' | 'cancel' }

const pick = <Value>(...values: Value[]) => fc.constantFrom(...values)
const place = fc.nat(50)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: pick('feed' as const), subjects: fc.array(pick(null, ...subjects), { maxLength: 6 }) }),
  },
  { weight: 8, arbitrary: fc.record({ do: pick('lease' as const), limit: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      do: pick('settle' as const),
      which: place,
      end: pick('succeeded', 'succeeded', 'retrying', 'held', 'skip', 'given back', 'stale'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: pick('wait' as const), ms: pick(1, 40, 100) }) },
  { weight: 2, arbitrary: fc.record({ do: pick('retry' as const), which: place }) },
  { weight: 2, arbitrary: fc.record({ do: pick('skipLane' as const), subject: pick(...subjects) }) },
  { weight: 1, arbitrary: fc.record({ do: pick('expire' as const), sequence: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ do: pick('begin' as const, 'retryDead' as const, 'cancel' as const) }) },
) as fc.Arbitrary<Step>

/** What ought to be, by the words of the interface. */
class Model {
  readonly first: number
  readonly last: number
  now = at
  fed: number
  rows: Row[] = []

  constructor(first: number, last: number) {
    this.first = first
    this.last = last
    this.fed = first
  }

  lane(name: string): Row | undefined {
    return this.rows.filter(row => row.lane === name).toSorted((a, b) => a.sequence - b.sequence)[0]
  }

  leave(row: Row, state: DeliveryState): void {
    const { lane: name } = row
    row.state = state
    row.lane = null
    if (name === null) return
    const next = this.lane(name)
    if (next?.state === 'waiting') Object.assign(next, { state: 'pending', due: this.now })
  }

  again(row: Row): void {
    Object.assign(row, { state: 'pending', spent: 0, due: this.now })
  }
}

async function take(desk: Desk, model: Model, given: Step, lapse: () => Promise<void>): Promise<void> {
  const { deliveries } = desk
  const { now, rows } = model
  switch (given.do) {
    case 'feed': {
      const matches: [number, string | null][] = []
      for (const subject of given.subjects.slice(0, model.last - model.fed)) {
        const sequence = ++model.fed
        const name = subject === null ? null : lane(subject)
        const state = name !== null && model.lane(name) !== undefined ? 'waiting' : 'pending'
        rows.push({ sequence, state, attempts: 0, spent: 0, due: now, lane: name })
        matches.push([sequence, name])
      }
      const from = (await desk.row()).cursor
      expect(await deliveries.feed({ subscription: desk.number, replay: 0, from, to: model.fed, matches, now })).toBe(
        true,
      )
      return
    }
    case 'lease': {
      const due = rows.filter(({ state, due }) => (state === 'pending' || state === 'retrying') && due <= now)
      const { leased, nextDue } = await desk.leaseAnswer(given.limit, now)
      expect(leased).toHaveLength(Math.min(given.limit, due.length))
      for (const { sequence, attempt, spent } of leased) {
        const row = due.find(each => each.sequence === sequence)!
        expect({ attempt, spent }).toEqual({ attempt: row.attempts + 1, spent: row.spent })
        if (row.lane !== null) expect(model.lane(row.lane), 'the first of its lane').toBe(row)
        Object.assign(row, { state: 'delivering', attempts: attempt, due: now })
      }
      const later = rows.filter(({ state }) => state === 'pending' || state === 'retrying').map(({ due }) => due)
      expect(nextDue).toBe(later.length === 0 ? null : Math.min(...later))
      return
    }
    case 'settle': {
      const under = rows.filter(({ state }) => state === 'delivering')
      const row = under[given.which % under.length]
      if (row === undefined) return
      const leased = { ...desk.key(row.sequence), attempt: row.attempts, spent: row.spent }
      if (given.end === 'stale') {
        expect(await desk.settle({ ...leased, attempt: row.attempts - 1 })).toBe(false)
        return
      }
      const state =
        given.end === 'given back'
          ? row.spent > 0
            ? 'retrying'
            : 'pending'
          : given.end === 'held' || given.end === 'skip'
            ? 'dead'
            : given.end
      const spent = row.spent + (given.end === 'succeeded' || given.end === 'given back' ? 0 : 1)
      const fields = { spent, due: now + (given.end === 'retrying' ? 50 : 0), holds: given.end === 'held' }
      expect(await deliveries.settle([settlement(leased, state, fields)], now)).toEqual([true])
      row.spent = spent
      if (state === 'retrying' || state === 'pending') Object.assign(row, { state, due: fields.due })
      else if (given.end === 'held' && row.lane !== null) row.state = 'dead'
      else model.leave(row, state)
      return
    }
    case 'wait':
      model.now += given.ms
      return
    case 'retry': {
      const row = rows[given.which % Math.max(1, rows.length)]
      if (row === undefined) return
      const can = ['dead', 'skipped', 'cancelled'].includes(row.state)
      expect(await deliveries.retry(desk.key(row.sequence), now)).toBe(can)
      if (can) model.again(row)
      return
    }
    case 'skipLane': {
      const first = model.lane(lane(given.subject))
      const can = first !== undefined && (first.state === 'dead' || first.state === 'retrying')
      const skipped = await deliveries.skipLane(desk.number, 'plain', given.subject, now)
      expect(skipped).toEqual(can ? desk.key(first.sequence) : undefined)
      if (can) model.leave(first, 'skipped')
      return
    }
    case 'expire': {
      const upTo = model.first + given.sequence
      await desk.store.expire(new Map(), received(upTo + 1), now, new AbortController().signal)
      for (const row of rows.filter(({ sequence }) => sequence <= upTo)) {
        if (row.state === 'expired') continue
        if (unsettled(row.state) || holds(row)) model.leave(row, 'expired')
        else rows.splice(rows.indexOf(row), 1)
      }
      // Events that it came to before the feed are gone too.
      model.fed = Math.max(model.fed, upTo)
      const { cursor } = await desk.row()
      if (cursor < model.fed) await desk.feed([], { from: cursor, to: model.fed })
      return
    }
    case 'begin':
      await lapse()
      await deliveries.releaseLost(now)
      for (const row of rows.filter(({ state }) => state === 'delivering')) {
        Object.assign(row, { state: row.spent > 0 ? 'retrying' : 'pending', due: now })
      }
      return
    case 'retryDead': {
      const dead = rows.filter(({ state }) => state === 'dead')
      expect(await deliveries.retryDead(desk.number, now)).toBe(dead.length)
      for (const row of dead) model.again(row)
      return
    }
    case 'cancel': {
      const open = rows.filter(row => unsettled(row.state) || holds(row))
      expect(await deliveries.cancel(desk.number, now)).toBe(open.length)
      for (const row of open) Object.assign(row, { state: 'cancelled', lane: null })
    }
  }
}

async function compare(desk: Desk, model: Model): Promise<void> {
  const all = (await desk.all()).toReversed()
  const told = all.map(({ sequence, state, attempts, spent, holds }) => ({ sequence, state, attempts, spent, holds }))
  const expected = model.rows
    .toSorted((a, b) => a.sequence - b.sequence)
    .map(row => ({
      sequence: row.sequence,
      state: row.state,
      attempts: row.attempts,
      spent: row.spent,
      holds: holds(row),
    }))
  expect(told).toEqual(expected)
  await desk.expectCounted()
}

export function testDeliveryModel(open: OpenStore): void {
  test('whatever is done to deliveries: the states, lanes and counts are those of a small model', async () => {
    await withInbox(open, async ({ store, lapse }) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60, size: 'max' }), async steps => {
          // Each run goes on in the log where the last one ended.
          const { head } = await store.extent()
          const records = Array.from({ length: eventCount }, (_, index) => {
            const sequence = head + index + 1
            return record(`e${sequence}`, { received: received(sequence) })
          })
          await store.append(records, request('many', { received: received(head + 1) }))
          const desk = await subscribe(store, { cursor: head })
          const model = new Model(head, head + eventCount)
          for (const given of steps) {
            await take(desk, model, given, lapse)
            await compare(desk, model)
          }
        }),
        { numRuns: 25, endOnFailure: true, interruptAfterTimeLimit: 6_000, markInterruptAsFailure: false },
      )
    })
  })
}
