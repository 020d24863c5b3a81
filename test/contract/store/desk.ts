// One subscription as a flow would work on it: what it feeds, leases and settles, with what a test cares about and
// nothing else.
import { expect } from 'vitest'
import {
  type Counts,
  type Deliveries,
  type Delivery,
  type DeliveryKey,
  type DeliveryState,
  deliveryStates,
  type LeaseAnswer,
  type Leased,
  laneOf,
  type Settlement,
} from '../../../src/store/deliveries.ts'
import type { Store } from '../../../src/store/store.ts'
import { day, start } from './record.ts'

/** When everything happens, unless a test says otherwise. */
export const at = start + day

/** `plain` is the namespace of these tests' records. */
export const lane = (subject: string) => laneOf('plain', subject)

export type Match = number | readonly [sequence: number, subject: string]

let made = 0

export async function subscribe(store: Store, fields: { name?: string; cursor?: number } = {}): Promise<Desk> {
  const { name = `desk-${++made}`, cursor = 0 } = fields
  const number = await store.deliveries.putSubscription({
    name, origin: 'config', spec: '{}', sealed: null, cursor, now: at,
  }) // biome-ignore format: one line
  return new Desk(store, number, name)
}

export class Desk {
  readonly store: Store
  readonly number: number
  readonly name: string

  constructor(store: Store, number: number, name: string) {
    this.store = store
    this.number = number
    this.name = name
  }

  get deliveries(): Deliveries {
    return this.store.deliveries
  }

  key(sequence: number, replay = 0): DeliveryKey {
    return { sequence, subscription: this.number, replay }
  }

  async row() {
    return (await this.deliveries.subscriptions()).find(({ number }) => number === this.number)!
  }

  /** From where the cursor stands, up to the last match. */
  async feed(matches: readonly Match[], more: { from?: number; to?: number; replay?: number; now?: number } = {}) {
    const { replay = 0, now = at } = more
    const pairs = matches.map((match): [number, string | null] =>
      typeof match === 'number' ? [match, null] : [match[0], lane(match[1])],
    )
    const from =
      more.from ?? (replay === 0 ? (await this.row()).cursor : (await this.deliveries.replay(replay))!.cursor)
    const to = more.to ?? Math.max(from, ...pairs.map(([sequence]) => sequence))
    return this.deliveries.feed({ subscription: this.number, replay, from, to, matches: pairs, now })
  }

  leaseAnswer(limit = 100, now = at): Promise<LeaseAnswer> {
    return this.deliveries.lease(this.number, limit, now)
  }

  async lease(limit = 100, now = at): Promise<Leased[]> {
    return (await this.leaseAnswer(limit, now)).leased
  }

  /** Whether it counted. */
  async settle(
    leased: Leased,
    state: Settlement['state'] = 'succeeded',
    more: Partial<Settlement> & { now?: number } = {},
  ) {
    const { now = at, ...fields } = more
    const [held] = await this.deliveries.settle([settlement(leased, state, fields)], now)
    return held!
  }

  /** Every delivery, newest first. */
  async all(state?: DeliveryState): Promise<Delivery[]> {
    const found: Delivery[] = []
    let cursor: string | undefined
    do {
      const filter = { subscription: this.number, ...(state === undefined ? {} : { state }) }
      const page = await this.deliveries.list(filter, { limit: 50, ...(cursor === undefined ? {} : { cursor }) })
      found.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return found
  }

  /** State by sequence, of the live flow or of one replay. */
  async states(replay = 0): Promise<Record<number, DeliveryState>> {
    const all = (await this.all()).filter(each => each.replay === replay)
    return Object.fromEntries(all.map(({ sequence, state }) => [sequence, state]))
  }

  async counts(): Promise<Partial<Counts>> {
    return some((await this.deliveries.counts()).get(this.number) ?? {})
  }

  /** What is counted is what there is. */
  async expectCounted(): Promise<void> {
    const all = await this.all()
    expect(await this.counts()).toEqual(tally(all))
    for (const replay of new Set(all.map(each => each.replay))) {
      if (replay === 0) continue
      const { held: _, ...states } = tally(all.filter(each => each.replay === replay))
      expect(some(await this.deliveries.replayCounts(replay))).toEqual(states)
    }
  }
}

export function settlement(
  leased: Leased,
  state: Settlement['state'] = 'succeeded',
  fields: Partial<Settlement> = {},
): Settlement {
  const charged = state === 'retrying' || state === 'dead' ? 1 : 0
  return {
    ...leased,
    state,
    spent: leased.spent + charged,
    due: at,
    holds: false,
    startedAt: at - 20,
    elapsedMs: 20,
    result: state === 'succeeded' ? 'succeeded' : 'failed',
    status: state === 'succeeded' ? 204 : 500,
    reason: state === 'succeeded' ? null : 'answered 500',
    answer: null,
    ...fields,
  }
}

function tally(all: readonly Delivery[]): Partial<Counts> {
  const counts = Object.fromEntries([...deliveryStates, 'held'].map(state => [state, 0])) as Counts
  for (const { state, holds } of all) {
    counts[state]++
    if (holds) counts.held++
  }
  return some(counts)
}

function some<Value extends object>(counts: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)) as Partial<Value>
}
