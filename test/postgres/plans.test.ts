// How PostgreSQL goes about all that a gateway asks of it, at volume: nothing reads through a large table. The plans are
// those of a real gateway at its work, heard on the way; once as the server makes them for what is asked, and once as it
// makes them for anything that could be asked.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { http } from '../../src/config/http.ts'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { fillLargeLog, largeLog } from '../support/large-log.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { explainAll, type PlanNode, type PlanTap, startPlanTap } from '../support/plan-tap.ts'
import { queryOnce, type TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { cutSmall } from '../support/small-ranges.ts'
import { answers, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'

const rowsMax = 10_000
const dayMs = 86_400_000
const timeoutMs = 300_000

let template: TestDatabase
let now: number
beforeAll(async () => {
  template = await createDatabase()
  await (await openPostgresStore(postgresOptions(template.url))).close()
  await cutSmall(template, largeLog.count / 3, 5)
  now = Date.now()
  await fillLargeLog(template, now)
}, timeoutMs)
afterAll(() => template?.drop())

describe.each([
  ['made for what is asked', {}],
  ['made for anything', { plan_cache_mode: 'force_generic_plan' }],
] as const)('plans %s', (_, settings) => {
  let database: TestDatabase
  let tap: PlanTap
  let gateway: TestGateway
  let well: Subscriber
  let broken: Subscriber
  let large: ReadonlySet<string>

  const start = () =>
    startTestGateway({
      env: { POSTERN_DATABASE: tap.url },
      config: {
        // Some of what the last one has sent is too old already.
        sources: { north: plain(), south: plain(), rare: plain({ retentionDays: 57 }) },
        subscriptions: {
          live: { types: ['*'], to: http({ url: well.url }) },
          busy: {
            types: ['*'],
            order: 'subject',
            rate: { limit: 50, intervalMs: 1_000 },
            breaker: { failures: 100_000 },
            to: http({ url: broken.url }),
          },
        },
      },
    })
  beforeAll(async () => {
    database = await createDatabase(template.name)
    const tables = `select relname as name from pg_class where relkind = 'r' and reltuples > $1`
    large = new Set((await queryOnce<{ name: string }>(database.url, tables, [rowsMax])).map(({ name }) => name))
    await explainAll(database, settings)
    tap = await startPlanTap(database)
    well = await startSubscriber()
    broken = await startSubscriber({ behaviour: answers(500, { 'content-type': 'text/plain' }, 'out of order') })
    gateway = await start()
  }, timeoutMs)
  afterAll(async () => {
    await gateway?.close()
    await tap?.close()
    await Promise.all([well?.close(), broken?.close()])
    await database?.drop()
  })

  const ok = async (path: string, body?: unknown) => {
    const answer = await gateway.api(path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })
    expect([path, answer.status, answer.status < 300 ? '' : answer.text]).toEqual([path, expect.any(Number), ''])
    return answer.json as { items: { id: string }[]; next: string | null }
  }
  /** The plans that read through a large table, and of which query. */
  const offences = () => [
    ...new Set(
      tap.plans.flatMap(({ Plan, 'Query Text': text }) => {
        const scanned = scannedBy(Plan).filter(name => large.has(name))
        return scanned.length === 0 ? [] : [`${[...new Set(scanned)].join(', ')}: ${text.replace(/\s+/g, ' ')}`]
      }),
    ),
  ]

  test('the tables are large, and what is read through would be seen', async () => {
    const tables = ['events_p1', 'events_p80001', 'requests_p1', 'refs_p1', 'attempts_p1', 'deliveries', 'identities']
    const others = ['minutes', 'quarantine', 'rejections', 'conflicts']
    expect([...large]).toEqual(expect.arrayContaining([...tables, ...others]))
    const offended = await startPlanTap(database)
    try {
      await queryOnce(offended.url, 'select max(length(data)) from events')
      expect(offended.plans.flatMap(({ Plan }) => scannedBy(Plan))).toContain('events_p1')
    } finally {
      await offended.close()
    }
  })

  test('lists of events, by every filter', async () => {
    const day = (days: number) => new Date(now - days * dayMs).toISOString()
    const filters = [
      '', 'source=north', 'source=rare', 'source=n*', 'vendor=plain', 'type=loan.created', 'type=task.*',
      'type=loan.*&type=client.*', 'vendorType=T36', 'vendorType=T3*', 'vendorType=T1*&vendorType=T2*&vendorType=T3*',
      'type=nothing.*', 'subject=loan/L7', 'subject=loan/nobody',
      'ref=loan:L7', 'ref=client:C7', 'ref=bank:B0', 'ref=bank:B0&ref=loan:L8', 'ref=bank:B0&ref=client:C9&ref=loan:L9',
      'ref=loan:L7&source=rare', `receivedAfter=${day(1)}`, `receivedAfter=${day(59)}`, `receivedBefore=${day(30)}`,
      `receivedAfter=${day(40)}&receivedBefore=${day(39)}`, `receivedAfter=${day(30)}&source=rare&vendorType=T36`,
      `subject=loan/L7&receivedBefore=${day(50)}`, 'include=original',
    ] // biome-ignore format: a few lines
    for (const filter of filters) {
      for (const order of ['newest', 'oldest']) {
        const page = await ok(`/events?limit=20&order=${order}&${filter}`)
        if (page.next !== null)
          await ok(`/events?limit=20&order=${order}&${filter}&cursor=${encodeURIComponent(page.next)}`)
      }
      await ok(`/events?after=0000000000060000&limit=100&${filter}`)
      await ok(`/events?after=0000000000119990&limit=100&${filter}`)
    }
    expect(offences()).toEqual([])
  })

  test('one event, its bytes and its deliveries', async () => {
    for (const { id } of [
      ...(await ok('/events?limit=3')).items,
      ...(await ok('/events?limit=3&order=oldest')).items,
    ]) {
      await ok(`/events/${id}`)
      expect((await gateway.api(`/events/${id}/raw`)).status).toBe(200)
      await ok(`/events/${id}/deliveries`)
    }
    expect(offences()).toEqual([])
  })

  test('timelines, exports and figures', async () => {
    for (const subject of ['loan/L7', 'client/C7', 'loan/nobody']) {
      for (const query of ['', '&namespace=north&limit=3']) {
        const page = await ok(`/timeline?subject=${subject}${query}`)
        if (page.next !== null) await ok(`/timeline?subject=${subject}${query}&cursor=${encodeURIComponent(page.next)}`)
      }
    }
    for (const query of [
      'source=rare',
      'ref=loan:L7',
      'subject=loan/L8&order=newest',
      'subject=loan/L9&include=original',
    ])
      expect((await gateway.api(`/events/export?${query}`)).status).toBe(200)
    await ok('/stats')
    expect(offences()).toEqual([])
  })

  test('quarantine, rejections and conflicts', async () => {
    for (const list of ['quarantine', 'rejections', 'conflicts']) {
      for (const filter of ['', '&source=north', '&source=rare', '&source=south']) {
        if (list === 'conflicts' && filter !== '') continue
        const page = await ok(`/${list}?limit=5${filter}`)
        if (page.next !== null) await ok(`/${list}?limit=5${filter}&cursor=${encodeURIComponent(page.next)}`)
      }
    }
    const [waiting] = (await ok('/quarantine?limit=1')).items
    await ok(`/quarantine/${waiting!.id}`)
    await ok(`/quarantine/${waiting!.id}/discard`, {})
    expect(offences()).toEqual([])
  })

  test('receiving, and what becomes of it', async () => {
    const send = async (key: string) => {
      const refs = { loan: 'L7', client: 'C7' }
      const events = [1, 2].map(at => ({
        key: `${key} ${at}`,
        soft: key,
        subject: 'loan/L7',
        type: 'loan.created',
        refs,
      }))
      expect((await gateway.post('/hooks/north', plainBody(...events))).status).toBe(200)
    }
    for (let round = 0; round < 8; round++) await send(`new ${round}`)
    await send('new 1')
    expect((await gateway.post('/hooks/north', 'not understood')).status).toBe(200)
    await until('all are delivered', () => well.received.length >= 16)
    expect(offences()).toEqual([])
  })

  test('deliveries, by subscription and state, and what people do to them', async () => {
    const states = ['', 'waiting', 'pending', 'delivering', 'retrying', 'succeeded', 'dead', 'skipped', 'cancelled']
    for (const state of [...states, 'expired']) {
      for (const subscription of ['', 'live', 'busy']) {
        const filter = `limit=50${state && `&state=${state}`}${subscription && `&subscription=${subscription}`}`
        const page = await ok(`/deliveries?${filter}`)
        if (page.next !== null) await ok(`/deliveries?${filter}&cursor=${encodeURIComponent(page.next)}`)
        if (page.items[0] !== undefined) await ok(`/deliveries/${page.items[0].id}`)
      }
    }
    const dead = (await ok('/deliveries?state=dead&subscription=busy&limit=2')).items
    for (const { id } of dead) await ok(`/deliveries/${id}/retry`, {})
    await ok('/subscriptions')
    await gateway.api('/lanes/skip', {
      method: 'POST',
      body: JSON.stringify({ subscription: 'busy', namespace: 'north', subject: 'loan/L6' }),
    })
    expect(offences()).toEqual([])
  })

  test('a paused subscription that goes on, retries and waits in its lanes', async () => {
    const before = broken.received.length
    await ok('/subscriptions/busy/resume', {})
    await until('some are tried', () => broken.received.length >= before + 20)
    await ok('/subscriptions/busy/pause', {})
    await gateway.gateway.store.deliveries.bringForward(2, { byMs: 1_000, waitsMs: [0, 1_000], now: now + dayMs })
    expect(offences()).toEqual([])
  })

  test('replays', async () => {
    const replay = { filter: { subject: 'loan/L7' }, subscription: 'live' }
    await ok('/replays', { ...replay, dryRun: true })
    const { id } = (await ok('/replays', replay)) as unknown as { id: string }
    const done = async () => ((await ok(`/replays/${id}`)) as unknown as { state: string }).state === 'done'
    await until('it is done', done)
    const other = { ...replay, filter: { vendorType: ['T2'] } }
    const running = (await ok('/replays', other)) as unknown as { id: string }
    await ok(`/replays/${running.id}/cancel`, {})
    expect(offences()).toEqual([])
  })

  test('what is measured, and whether it is well', async () => {
    const metrics = await gateway.request('/metrics', { headers: { authorization: `Bearer ${gateway.gateway.token}` } })
    expect(metrics.status).toBe(200)
    expect((await gateway.request('/readyz')).status).toBe(200)
    expect(offences()).toEqual([])
  })

  test(
    'retention: what is past, whole ranges and in steps; and what was cancelled long ago',
    async () => {
      const store = await openPostgresStore(postgresOptions(tap.url))
      try {
        let steps = 0
        const signal = { get aborted() {
        return steps++ > 700
      } } as AbortSignal // biome-ignore format: short
        // The first of three ranges and a little more; then identities in their time.
        const cutoff = now - 40 * dayMs + dayMs / 10
        const deleted = await store.expire(new Map(), cutoff, now, signal)
        expect(deleted).toBeGreaterThan(38_000)
        expect(deleted).toBeLessThan(60_000)
        await store.expire(new Map(), cutoff, now + 30 * dayMs, new AbortController().signal)
        await store.deliveries.cancel(1, now)
        await store.deliveries.cancelRemoved(now, now)
        await store.deliveries.releaseLost(now + dayMs)
      } finally {
        await store.close()
      }
      expect(offences()).toEqual([])
    },
    timeoutMs,
  )
})

function scannedBy({ 'Node Type': type, 'Relation Name': name, Plans = [] }: PlanNode): string[] {
  return [...(type === 'Seq Scan' && name !== undefined ? [name] : []), ...Plans.flatMap(scannedBy)]
}
