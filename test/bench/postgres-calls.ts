// Every call that the gateway makes of its store, as it would make it beside a large log: what reads the log and what
// waits beside it, what people ask of deliveries, and what the work does all day.
import { createHash } from 'node:crypto'
import { closedBreaker, deliveryStates, type Leased, type Settlement } from '../../src/store/deliveries.ts'
import type { EventFilter, Store } from '../../src/store/store.ts'
import { type Filled, replays, subscriptions } from './postgres-fill.ts'
import { arrival } from './prefill.ts'

/** What is called, with the number of the call. */
export type Call = readonly [name: string, call: (index: number) => Promise<unknown>, calls?: number]

const pageDefault = 50
const pageMax = 500
const hourMs = 3_600_000

/** Spread over what there is, the same in every run. */
function anywhere(index: number, size: number): number {
  return (index * 2_654_435_761) % size
}

export function readingCalls(store: Store, { count, from, to, loans, clients, banks }: Filled): Call[] {
  const subject = (index: number) => `loan/L${anywhere(index, loans)}`
  const time = (index: number) => from + anywhere(index, to - from - 24 * hourMs)
  const idOf = (number: number) => createHash('md5').update(`event ${number}`).digest()
  const filters: Record<string, (index: number) => EventFilter> = {
    source: () => ({ source: ['banclo'] }),
    'source by a glob': () => ({ source: ['emb*'] }),
    vendor: () => ({ vendor: ['embarc'] }),
    'common type': () => ({ type: ['loan.changed_2'] }),
    'rare type': () => ({ type: ['loan.defaulted'] }),
    'types by a glob': () => ({ type: ['loan.*'] }),
    'vendor type': () => ({ vendorType: ['VENDOR_TYPE_3'] }),
    'more kinds than are walked': () => ({ source: ['zoo'] }),
    'source that ended long ago': () => ({ source: ['archive'] }),
    'type that nobody sends': () => ({ type: ['nothing.at_all'] }),
    subject: index => ({ subject: subject(index) }),
    'ref: loan': index => ({ refs: [`loan:L${anywhere(index, loans)}`] }),
    'ref: bank': index => ({ refs: [`bank:B${index % banks}`] }),
    'refs: bank and client': index => ({ refs: [`bank:B${index % banks}`, `client:C${anywhere(index, clients)}`] }),
    'refs: bank and one that nobody has': index => ({ refs: [`bank:B${index % banks}`, 'partner:nobody'] }),
    'subject and type': index => ({ subject: subject(index), type: ['loan.changed_1'] }),
    'ref: bank, and rare type': index => ({ refs: [`bank:B${index % banks}`], type: ['loan.defaulted'] }),
    'an hour': index => ({ receivedAfter: time(index), receivedBefore: time(index) + hourMs }),
    'a day of a source': index => ({
      source: ['banclo'],
      receivedAfter: time(index),
      receivedBefore: time(index) + 24 * hourMs,
    }),
    'since a day of a rare type': index => ({ type: ['loan.defaulted'], receivedAfter: time(index) }),
    'an hour of a ref': index => ({
      refs: [`bank:B${index % banks}`],
      receivedAfter: time(index),
      receivedBefore: time(index) + hourMs,
    }),
  }
  const everything: EventFilter = { type: ['*'] }
  const list = (filter: EventFilter, more: { from?: number; limit?: number; order?: 'oldest' } = {}) =>
    store.list({ filter: { ...everything, ...filter }, order: 'newest', limit: pageDefault, ...more })
  const entries = (
    [
      ['quarantine', page => store.listQuarantine(page)],
      ['rejections', page => store.listRejections(page)],
      ['conflicts', page => store.listConflicts(page)],
    ] as [string, (page: { limit: number; cursor?: string; source?: string }) => Promise<unknown>][]
  ).flatMap(([name, read]): Call[] => [
    [`${name}`, () => read({ limit: pageDefault })],
    [`${name} from the middle`, index => read({ limit: pageDefault, cursor: String(1 + anywhere(index, 5_000)) })],
    [`${name} of a source with few`, () => read({ limit: pageDefault, source: 'rare' })],
  ])
  return [
    ['extent', () => store.extent()],
    ['health', () => store.health()],
    ['events', () => list({})],
    ['events, a full page', () => list({}, { limit: pageMax })],
    ['events from the middle', index => list({}, { from: anywhere(index, count) })],
    ['events, oldest first', index => list({}, { from: anywhere(index, count), order: 'oldest' })],
    ...Object.entries(filters).flatMap(([name, filter]): Call[] => [
      [`events by ${name}`, index => list(filter(index))],
      [`events by ${name}, oldest first`, index => list(filter(index), { order: 'oldest' })],
    ]),
    ['one event', index => store.event(idOf(1 + anywhere(index, count)))],
    ['one event that is not there', index => store.event(idOf(count + 1 + index))],
    ['raw request of an event', async index => store.requestOf((await store.event(idOf(1 + anywhere(index, count))))!)],
    ['a timeline', index => store.timeline({ subject: subject(index), limit: pageDefault })],
    [
      "a client's timeline",
      index => store.timeline({ subject: `client/C${anywhere(index, clients)}`, limit: pageDefault }),
    ],
    ['figures', () => store.stats(to)],
    [
      'originals of a page',
      async index => store.originals((await list({}, { from: anywhere(index, count) })).events, 4 * 1024 * 1024),
    ],
    ...entries,
    [
      'one of quarantine',
      index =>
        store.quarantined(
          createHash('md5')
            .update(`waits ${1 + index}`)
            .digest(),
        ),
    ],
    [
      'one of the rejections',
      index =>
        store.rejection(
          createHash('md5')
            .update(`no ${1 + index}`)
            .digest(),
        ),
    ],
    ['one conflict', index => store.conflict(1 + anywhere(index, 5_000))],
  ]
}

/** What people see of deliveries, and what a scrape counts. */
export function deliveryReadingCalls({ deliveries }: Store, { count }: Filled): Call[] {
  const key = (index: number) => ({ sequence: 1 + anywhere(index, count), subscription: subscriptions.busy, replay: 0 })
  const page = { limit: pageDefault }
  const middle = (index: number) => ({ limit: pageDefault, cursor: `${anywhere(index, count)}.1.0` })
  return [
    ['subscriptions', () => deliveries.subscriptions()],
    ['revision', () => deliveries.revision()],
    ['counts', () => deliveries.counts()],
    ...Object.entries(subscriptions).map(
      ([name, number]): Call => [`oldest unsettled: ${name}`, () => deliveries.oldestUnsettled(number)],
    ),
    ['one delivery', index => deliveries.delivery(key(index))],
    ['attempts of a delivery', index => deliveries.attempts(key(index))],
    ["an event's deliveries", index => deliveries.ofEvent(1 + anywhere(index, count))],
    ['deliveries', () => deliveries.list({}, page)],
    ['deliveries from the middle', index => deliveries.list({}, middle(index))],
    ...Object.entries(subscriptions).map(
      ([name, subscription]): Call => [`deliveries of ${name}`, () => deliveries.list({ subscription }, page)],
    ),
    ...deliveryStates.flatMap((state): Call[] => [
      [`deliveries: ${state}`, () => deliveries.list({ state }, page)],
      [`deliveries: ${state}, from the middle`, index => deliveries.list({ state }, middle(index))],
      [`deliveries of busy: ${state}`, () => deliveries.list({ subscription: subscriptions.busy, state }, page)],
    ]),
    ['running replays', () => deliveries.runningReplays()],
    ['one replay', () => deliveries.replay(replays.done)],
    ["a replay's counts", () => deliveries.replayCounts(replays.running)],
  ]
}

/** What appends, feeds, leases and settles all day. */
export function workingCalls(store: Store, { count, to }: Filled): Call[] {
  const { deliveries } = store
  const appended = (index: number) => arrival(index, to)
  const append = (index: number) => store.append(appended(index).events, appended(index).request)
  const hand: Leased[] = []
  const settle = (state: 'succeeded' | 'retrying') => () => {
    const now = Date.now()
    const end = { result: 'x', status: 204, reason: null, answer: null, startedAt: now, elapsedMs: 1, holds: false }
    const some = hand.splice(0, 64).map((leased): Settlement => ({ ...leased, ...end, state, due: now + 60_000 }))
    return deliveries.settle(some, now)
  }
  const lease = (subscription: number, limit: number) => async () => {
    hand.push(...(await deliveries.lease(subscription, limit, Date.now())).leased)
  }
  const fed = new Map<number, number>()
  const feed = (subscription: number, lane: (sequence: number) => string | null) => async () => {
    const from = fed.get(subscription) ?? 0
    const matches = Array.from({ length: 250 }, (_, index) => [from + index + 1, lane(from + index + 1)] as const)
    const to = from + matches.length
    if (!(await deliveries.feed({ subscription, replay: 0, from, to, matches, now: Date.now() }))) {
      throw new Error('the cursor stood elsewhere')
    }
    fed.set(subscription, to)
  }
  const { busy, ordered, behind, behindInOrder } = subscriptions
  return [
    ['append', index => append(index)],
    ['append of a duplicate', index => append(index)],
    ['append, 64 at once', index => Promise.all(Array.from({ length: 64 }, (_, n) => append(1e6 + index * 64 + n)))],
    [
      'append, 64 in order',
      index => store.appendInOrder(Array.from({ length: 64 }, (_, n) => appended(2e6 + index * 64 + n))),
    ],
    ['scan at the head', index => deliveries.scan(count - 10 - index, 2_000)],
    ['scan in the middle', index => deliveries.scan(anywhere(index, count), 2_000)],
    [
      '64 events by sequence',
      index => deliveries.events(Array.from({ length: 64 }, (_, n) => 1 + anywhere(index * 64 + n, count))),
    ],
    ['replay: scan', index => deliveries.filtered({ type: ['loan.*'] }, anywhere(index, count), 200)],
    [
      'replay: scan of a rare type',
      index => deliveries.filtered({ type: ['loan.defaulted'] }, anywhere(index, count), 200),
    ],
    ['feed of 250', feed(behind, () => null)],
    ['feed of 250 in lanes', feed(behindInOrder, sequence => `banclo\nloan/L${sequence % 1_000}`)],
    ['lease of 64', lease(busy, 64)],
    ['renewal of 64', () => deliveries.renew(hand.slice(-64))],
    ['settlement of 64', settle('succeeded')],
    ['lease of 16, one after another', lease(ordered, 16)],
    ['settlement of 64, of which lanes go on', settle('succeeded')],
    ['lease of 16 in new lanes', lease(behindInOrder, 16)],
    ['settlement of 64, to be tried again', settle('retrying')],
    ['lease where nothing is due', () => deliveries.lease(subscriptions.failing, 64, Date.now())],
    [
      'lease by a rate',
      async () => hand.push(...(await deliveries.lease(behind, 16, Date.now(), { limit: 64, intervalMs: 100 })).leased),
    ],
    ['what was leased by the dead', () => deliveries.releaseLost(Date.now())],
  ]
}

/** What people and retention do now and then; the last ones leave little behind. */
export function rareCalls(store: Store, { count, from, to }: Filled): Call[] {
  const { deliveries } = store
  const now = Date.now()
  const { busy, ordered, failing } = subscriptions
  const entry = (index: number) => ({ id: Buffer.from(`waits more ${String(index).padStart(5)}`), source: 'banclo' })
  const rejection = { status: 401, reason: 'bad signature', truncated: false, sealed: null }
  const limits = { countMax: 2_000, bytesMax: 1e9 }
  const waiting = (index: number) =>
    createHash('md5')
      .update(`waits ${1 + index}`)
      .digest()
  const rejected = (index: number) =>
    createHash('md5')
      .update(`no ${4_900 - index}`)
      .digest()
  const other = (index: number) => arrival(5e6 + index, to)
  const replay = { subscription: busy, filter: '{}', first: 1, last: 1, key: null, now }
  const put = { origin: 'config' as const, sealed: null, cursor: 0, now }
  const expire = (before: number, withinMs: number) => () =>
    store.expire(new Map(), before, now, AbortSignal.timeout(withinMs))
  return [
    ['quarantine', index => store.quarantine({ ...entry(index), reason: 'not understood' }, other(index).request)],
    ['release', index => store.release(waiting(index), other(index).events, other(index).request)],
    ['discard', index => store.discard(waiting(1_000 + index))],
    ['reject', index => store.reject({ ...entry(index), ...rejection }, other(index).request, limits)],
    ['admit', index => store.admit(rejected(index), other(9e5 + index).events, other(9e5 + index).request)],
    [
      'subscription put',
      index => deliveries.putSubscription({ ...put, name: 'subscription-1', spec: `{"n":${index}}` }),
    ],
    ['revision set', index => deliveries.setRevision(index)],
    ['pause', index => deliveries.pause(busy, index % 2 === 0 ? 'person' : null, now)],
    ['breaker', () => deliveries.swapBreaker(busy, closedBreaker, closedBreaker)],
    ['retry', index => deliveries.retry({ sequence: 1_000 * (1 + index), subscription: busy, replay: 0 }, now)],
    ['retry of all dead', () => deliveries.retryDead(busy, now), 2],
    ['skip of a lane', index => deliveries.skipLane(ordered, 'banclo', `loan/L${index}`, now)],
    ['replay asked for', () => deliveries.addReplay(replay)],
    ['replay done', index => deliveries.endReplay(3 + index, 'done', now)],
    ['replay cancelled', () => deliveries.endReplay(replays.running, 'cancelled', now), 2],
    ['clock set back', () => deliveries.bringForward(failing, { byMs: 1_000, waitsMs: [0], now }), 2],
    ['cancel of what was removed', () => deliveries.cancelRemoved(now - 7 * 24 * hourMs, now), 2],
    ['cancel of a subscription', () => deliveries.cancel(ordered, now), 2],
    ['retention, in small steps', expire(from + (to - from) / 20, 8_000), 1],
    ['retention, of a whole range', expire(from + (to - from) * Math.min(0.6, 1.1e6 / count), 8_000), 1],
  ]
}
