// An inbox with something of everything that a gateway keeps, made through the store itself; and all that can be read of
// one, to compare two.

import {
  type DeliveryKey,
  type DeliveryState,
  deliveryStates,
  laneOf,
  type Settlement,
} from '../../src/store/deliveries.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Page, Store } from '../../src/store/store.ts'
import { appendAll, day, entryId, logOf, record, rejected, request, start, waiting } from '../contract/store/record.ts'

const strange = 'before\u0000after\u0000\u0001 ü€😀 \\u0000 "\'\r\n\u2028'
const limits = { countMax: 3, bytesMax: 1_000_000 }

/** `extra`: that many plain events more. */
export async function fillInbox(path: string, extra = 0): Promise<void> {
  const store = await openSqliteStore(path)
  await fillLog(store, extra)
  await fillEntries(store)
  await fillDeliveries(store)
  await fillTokens(store)
  await store.close()
}

async function fillLog(store: Store, extra: number): Promise<void> {
  const types = ['plain.happened', 'loan.created', 'payment.received']
  await appendAll(
    store,
    Array.from({ length: 360 }, (_, index) =>
      record(`event ${index}`, {
        source: index % 7 === 0 ? 'other' : 'plain',
        type: types[index % 3]!,
        environment: index % 5 === 0 ? 'sandbox' : null,
        subject: index % 4 === 0 || index < 60 ? null : `loan/L${index % 12}`,
        vendorid: `id ${index}`,
        vendortime: index % 2 === 0 ? '2026-01-01 00:00:00.123456' : null,
        time: index % 6 === 0 ? '2026-01-01T00:00:00.123456Z' : null,
        // The first are old enough for retention to take them below.
        received: index < 40 ? start - 100 * day + index : start + index * 60_000,
        refs: { loan: `L${index % 12}`, payment: `P${index}` },
        soft: index % 10 === 3 ? 7_000_000_000_000_000 + (index % 20) : null,
        traceparent: index % 3 === 0 ? '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' : null,
        content: index % 9 === 0 ? Buffer.alloc(8, index) : null,
      }),
    ),
  )
  await store.append(
    ['a', 'b', 'c'].map(key => record(`of one request ${key}`, { refs: { batch: key } })),
    request(Buffer.from([0, 255, 128, 10]), {
      method: 'PUT',
      rest: 'deep/er',
      query: 'a=b&c',
      sha256: Buffer.alloc(32, 7),
      redacted: ['a.b', strange],
      headers: [['x-text', strange]],
    }),
  )
  const data = JSON.stringify({ refs: { loan: strange, [strange]: 'x' }, text: strange, number: 0 })
  await store.append(
    [
      record('strange', {
        data: data.replace('"number":0', '"number":1e400000'),
        refs: { loan: strange, [strange]: 'x' },
      }),
    ],
    request(Buffer.alloc(300_000, 'ü')),
  )
  await store.append([record('event 1', { content: Buffer.alloc(8, 99) })], request('another content'))
  await appendAll(
    store,
    Array.from({ length: extra }, (_, index) =>
      record(`more ${index}`, { received: start + index, refs: { loan: `M${index % 50}`, payment: `M${index}` } }),
    ),
  )
}

async function fillEntries(store: Store): Promise<void> {
  for (const name of ['first', strange, 'last']) await store.quarantine(waiting(name), request(name))
  // The newest number is gone, and must not come again.
  await store.discard(entryId('last'))
  for (const name of ['one', 'two', strange, 'four', 'five']) {
    await store.reject(rejected(name, { sealed: name === 'four' ? null : Buffer.from(name) }), request(name), limits)
  }
}

async function fillDeliveries(store: Store): Promise<void> {
  const { deliveries } = store
  const put = (name: string, origin: 'config' | 'api' = 'config') =>
    deliveries.putSubscription({
      name,
      origin,
      spec: JSON.stringify({ text: strange }),
      sealed: origin === 'api' ? Buffer.from([1, 0, 2]) : null,
      cursor: 0,
      now: start,
    })
  const [all, lanes, gone, removed] = [
    await put('all'),
    await put('lanes'),
    await put('gone', 'api'),
    await put('removed'),
  ]
  const { head } = await store.extent()
  const events = await deliveries.events(Array.from({ length: head }, (_, index) => index + 1))
  const feed = (
    subscription: number,
    from: number,
    to: number,
    matches: readonly (readonly [number, string | null])[],
  ) => deliveries.feed({ subscription, replay: 0, from, to, matches, now: start })
  await feed(
    all,
    0,
    head - 2,
    events.slice(0, -2).map(({ sequence }) => [sequence, null] as const),
  )
  const inLanes = events.flatMap(({ sequence, namespace, subject }) =>
    subject === null ? [] : [[sequence, laneOf(namespace, subject)] as const],
  )
  await feed(lanes, 0, head, inLanes)

  const settle = async (subscription: number, count: number, fields: (index: number) => Partial<Settlement>) => {
    const { leased } = await deliveries.lease(subscription, count, start)
    await deliveries.settle(
      leased.map((key, index) => ({
        ...key,
        startedAt: start + index,
        elapsedMs: 12,
        result: 'answered',
        status: 500,
        reason: strange,
        answer: index % 2 === 0 ? strange : null,
        state: 'succeeded',
        due: start + 3_600_000,
        holds: false,
        ...fields(index),
      })),
      start + 1_000,
    )
  }
  await settle(all, 150, index => (index % 5 === 0 ? { state: 'retrying', spent: 1 } : { status: null, reason: null }))
  await settle(all, 20, () => ({ state: 'dead', spent: 11 }))
  await settle(all, 4, () => ({ state: 'pending', due: start + 60_000 }))
  // Of these some lanes are held by what is dead, one is skipped, and behind others the next is due.
  await settle(lanes, 6, index => (index < 4 ? { state: 'dead', spent: 11, holds: true } : {}))
  const [held] = (await deliveries.list({ subscription: lanes, state: 'dead' }, { limit: 1 })).items
  const [event] = await deliveries.events([held!.sequence])
  await deliveries.skipLane(lanes, event!.namespace, event!.subject!, start)

  const addReplay = (subscription: number, key: string | null) =>
    deliveries.addReplay({ subscription, filter: JSON.stringify({ q: strange }), first: 50, last: 80, key, now: start })
  const { replay } = await addReplay(all, `key ${strange}`)
  const matches = Array.from({ length: 10 }, (_, index) => [60 + index, null] as const)
  const feedReplay = (number: number) =>
    deliveries.feed({ subscription: all, replay: number, from: 49, to: 80, matches, now: start - 1 })
  await feedReplay(replay.number)
  const { replay: cancelled } = await addReplay(all, null)
  await feedReplay(cancelled.number)
  await deliveries.endReplay(cancelled.number, 'cancelled', start + 5)
  const { replay: done } = await addReplay(lanes, null)
  await deliveries.endReplay(done.number, 'done', start + 6)

  // Under way when the gateway ends: live ones, replayed ones, and such that had failed before.
  await deliveries.lease(all, 9, start + 7_200_000)
  await deliveries.lease(lanes, 3, start + 7_200_000)
  await deliveries.swapBreaker(
    all,
    { state: 'closed', failures: 0, opened: 0, until: null },
    { state: 'open', failures: 6, opened: 2, until: start + 30_000 },
  )
  await deliveries.pause(lanes, 'person', start)
  await deliveries.pause(gone, 'gone', start + 1)
  await deliveries.remove(removed, start + 2)
  await deliveries.setRevision(17)
  const cutoffs = new Map([['other', start - 200 * day]])
  await store.expire(cutoffs, start - 50 * day, start, new AbortController().signal)
}

async function fillTokens({ tokens, audit }: Store): Promise<void> {
  for (const name of ['robot', 'revoked', strange]) {
    await tokens.add({
      id: entryId(`token ${name}`),
      name,
      hash: Buffer.alloc(32, name),
      scopes: ['read', 'operate'],
      sources: name === 'robot' ? null : ['plain', strange],
      createdAt: start,
      expiresAt: name === 'robot' ? start + day : null,
    })
  }
  await tokens.used(entryId('token robot'), start + 60_000)
  await tokens.revoke(entryId('token revoked'), start + 1)
  for (const target of ['one', strange, 'three']) {
    const fields = { actor: strange, tokenId: target === 'one' ? 'tok_1' : null, action: 'event.raw', target }
    const id = entryId(`audit ${target}`)
    await audit.begin({ id, at: start, ...fields, detail: JSON.stringify({ strange }), address: '192.0.2.1' })
    if (target !== 'three') await audit.end(id, 200)
  }
}

/** What is under way, which a copy makes due again. */
export async function underWay(store: Store): Promise<DeliveryKey[]> {
  return (await pages(cursor =>
    store.deliveries.list({ state: 'delivering' }, { limit: 100, ...cursor }),
  )) as DeliveryKey[]
}

/** Everything that can be read through the interface, by each of its ways. */
export async function readAll(store: Store): Promise<Record<string, unknown>> {
  const { deliveries } = store
  const log = await logOf(store)
  const list = async (filter: Parameters<Store['list']>[0]['filter']) =>
    (await store.list({ filter, order: 'newest', limit: 500 })).events.map(({ sequence }) => sequence)
  const subscriptions = await deliveries.subscriptions()
  const of = async <Value>(read: (number: number) => Promise<Value>) =>
    Promise.all(subscriptions.map(({ number }) => read(number)))
  const byState = async (state: DeliveryState) => pages(cursor => deliveries.list({ state }, { limit: 100, ...cursor }))
  const live = await pages(cursor => deliveries.list({}, { limit: 500, ...cursor }))
  const quarantine = await pages(cursor => store.listQuarantine({ limit: 2, ...cursor }))
  const rejections = await pages(cursor => store.listRejections({ limit: 2, ...cursor }))
  const tokens = await pages(cursor => store.tokens.list({ limit: 2, revoked: true, ...cursor }))
  const conflicts = await pages(cursor => store.listConflicts({ limit: 2, ...cursor }))
  return {
    extent: await store.extent(),
    log,
    requests: await Promise.all(log.map(event => store.requestOf(event))),
    byId: await Promise.all(log.slice(0, 50).map(({ id }) => store.event(id))),
    byRef: await list({ refs: ['loan:L3'] }),
    byRefs: await list({ refs: ['payment:P99', 'loan:L3'] }),
    byStrangeRef: await list({ refs: [`loan:${strange}`] }),
    bySubject: await list({ subject: 'loan/L5' }),
    byKind: await list({ type: ['loan.*'], source: ['other'] }),
    byTime: await list({ receivedAfter: start + 3_600_000, receivedBefore: start + 7_200_000 }),
    quarantine,
    quarantined: await Promise.all(quarantine.map(({ id }) => store.quarantined(id))),
    rejections,
    rejected: await Promise.all(rejections.map(({ id }) => store.rejection(id))),
    conflicts,
    conflict: await Promise.all(conflicts.map(({ number }) => store.conflict(number))),
    tokens,
    token: await Promise.all(tokens.map(({ id }) => store.tokens.find(id))),
    audit: await pages(cursor => store.audit.list({}, { limit: 2, ...cursor })),
    subscriptions,
    revision: await deliveries.revision(),
    live,
    states: await Promise.all(deliveryStates.map(byState)),
    attempts: await Promise.all(live.map(key => deliveries.attempts(key))),
    ofEvent: sorted(await deliveries.ofEvent(65)),
    counts: [...(await deliveries.counts())],
    oldestUnsettled: await of(number => deliveries.oldestUnsettled(number)),
    replays: await Promise.all([1, 2, 3, 4].map(number => deliveries.replay(number))),
    runningReplays: await deliveries.runningReplays(),
    replayCounts: await Promise.all([1, 2, 3].map(number => deliveries.replayCounts(number))),
  }
}

function sorted<Key extends DeliveryKey>(keys: readonly Key[]): Key[] {
  return keys.toSorted((a, b) => a.subscription - b.subscription || a.replay - b.replay)
}

async function pages<Item>(read: (cursor: { cursor?: string }) => Promise<Page<Item>>): Promise<Item[]> {
  const items: Item[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<Item> = await read(cursor === undefined ? {} : { cursor })
    items.push(...page.items)
    cursor = page.next
  }
  return items
}
