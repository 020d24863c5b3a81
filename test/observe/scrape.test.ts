// A scrape over parts that fail, hang and change: it answers, leaves out what it cannot have, and asks for nothing but
// counts that are kept.
import { afterEach, describe, expect, test } from 'vitest'
import { DeliveryMetrics } from '../../src/observe/delivery-metrics.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { type ScrapeParts, scraper } from '../../src/observe/scrape.ts'
import { SpoolMetrics } from '../../src/observe/spool-metrics.ts'
import type { Counts, SubscriptionRow } from '../../src/store/deliveries.ts'
import { deliveryStates } from '../../src/store/deliveries.ts'
import type { SearchProgress } from '../../src/store/store.ts'
import { readScrape, type Scrape } from '../support/prometheus.ts'

const now = Date.parse('2026-03-01T10:00:00Z')

function row(number: number, name: string, more: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    number,
    name,
    origin: 'config',
    spec: '{}',
    sealed: null,
    cursor: 0,
    paused: null,
    pausedAt: null,
    removedAt: null,
    breaker: { state: 'closed', failures: 0, opened: 0, until: null },
    createdAt: 0,
    ...more,
  }
}

const counts = (some: Partial<Counts> = {}): Counts => ({
  ...(Object.fromEntries(deliveryStates.map(state => [state, 0])) as Counts),
  held: 0,
  ...some,
})

/** Only what is given may be asked for: anything else, a list of deliveries above all, fails the scrape's part. */
function parts(more: Partial<ScrapeParts> = {}): ScrapeParts {
  return {
    metrics: new Metrics(['arix']),
    store: {
      extent: async () => ({ head: 0, oldest: 0, epoch: 'e' }),
      listQuarantine: async () => ({ items: [], next: null }),
      search: { progress: async () => null },
    },
    health: async () => ({ ok: true }),
    clock: { now: () => now },
    waitMs: 50,
    ...more,
  }
}

const never = () => new Promise<never>(() => {})
const fails = () => Promise.reject(new Error('the disk is gone'))
const read = async (given: ScrapeParts): Promise<Scrape> => readScrape(await scraper(given)())

describe('subscriptions', () => {
  test('are shown with their states, backlog, age, lanes, breaker and pause', async () => {
    let rows = [
      row(1, 'loan-book', { cursor: 40, breaker: { state: 'open', failures: 5, opened: 1, until: now } }),
      row(2, 'ledger', {
        cursor: 100,
        paused: 'gone',
        breaker: { state: 'half_open', failures: 5, opened: 1, until: 0 },
      }),
      row(3, 'gone-by-now', { removedAt: 5 }),
    ]
    const deliveries: ScrapeParts['deliveries'] = {
      subscriptions: async () => rows,
      counts: async () => new Map([[1, counts({ succeeded: 30, dead: 2, waiting: 7, held: 2 })]]),
      oldestUnsettled: async number => (number === 1 ? now - 90_500 : null),
    }
    const store = { ...parts().store, extent: async () => ({ head: 100, oldest: 1, epoch: 'e' }) }
    const scrape = scraper(parts({ deliveries, store }))
    const { samples } = readScrape(await scrape())
    const of = (name: string, subscription: string, more = '') =>
      samples.get(`postern_${name}{subscription="${subscription}"${more}}`)
    expect(of('deliveries', 'loan-book', ',state="succeeded"')).toBe(30)
    expect(of('deliveries', 'loan-book', ',state="dead"')).toBe(2)
    expect(of('deliveries', 'ledger', ',state="dead"')).toBe(0)
    expect([of('lanes_held', 'loan-book'), of('lanes_held', 'ledger')]).toEqual([2, 0])
    expect([of('backlog_events', 'loan-book'), of('backlog_events', 'ledger')]).toEqual([60, 0])
    expect([of('oldest_unsettled_seconds', 'loan-book'), of('oldest_unsettled_seconds', 'ledger')]).toEqual([90.5, 0])
    expect([of('breaker_state', 'loan-book'), of('breaker_state', 'ledger')]).toEqual([2, 1])
    expect([of('subscription_paused', 'loan-book'), of('subscription_paused', 'ledger')]).toEqual([0, 1])
    const states = [...samples.keys()].filter(key => key.startsWith('postern_deliveries{subscription="ledger"'))
    expect(states).toHaveLength(deliveryStates.length)
    expect([...samples.keys()].filter(key => key.includes('gone-by-now'))).toEqual([])

    rows = rows.slice(0, 1)
    const later = readScrape(await scrape())
    expect([...later.samples.keys()].filter(key => key.includes('ledger'))).toEqual([])
  })

  test('a cursor ahead of the head that was read, and a clock that was put back, give nothing negative', async () => {
    const deliveries = {
      subscriptions: async () => [row(1, 'a', { cursor: 9 })],
      counts: async () => new Map(),
      oldestUnsettled: async () => now + 5_000,
    }
    const { samples } = await read(parts({ deliveries }))
    expect(samples.get('postern_backlog_events{subscription="a"}')).toBe(0)
    expect(samples.get('postern_oldest_unsettled_seconds{subscription="a"}')).toBe(0)
  })
})

describe('while the store fails', () => {
  const deliveries = (answer: () => Promise<never>) => ({
    subscriptions: answer,
    counts: answer,
    oldestUnsettled: answer,
  })

  test.each([
    ['rejects', fails],
    ['hangs', never],
  ])('or %s, what is counted here is there, and the rest is left out', async (_, answer) => {
    const metrics = new Metrics(['arix'])
    metrics.request('arix', 'failed', 3)
    const broken = parts({
      metrics,
      store: { extent: answer, listQuarantine: answer, search: { progress: answer } },
      deliveries: deliveries(answer),
      health: answer,
      deliveryText: answer,
    })
    const { samples } = await read(broken)
    expect(samples.get('postern_requests_total{source="arix",verdict="failed"}')).toBe(1)
    for (const part of ['health', 'quarantine', 'search', 'deliveries', 'thread']) {
      expect(samples.get(`postern_scrape_part_up{part="${part}"}`)).toBe(0)
    }
    const names = [...samples.keys()].join('\n')
    expect(names).not.toMatch(/^postern_(store_up|quarantine_entries|search_behind|deliveries|backlog|attempts)/m)
    expect(names).toContain('postern_process_cpu_seconds_total')
  })

  test('and is well again, everything is back', async () => {
    let health = fails as () => Promise<{ ok: boolean }>
    const scrape = scraper(parts({ health: () => health() }))
    expect(readScrape(await scrape()).samples.has('postern_store_up')).toBe(false)
    health = async () => ({ ok: false })
    expect(readScrape(await scrape()).samples.get('postern_store_up')).toBe(0)
    health = async () => ({ ok: true })
    const { samples } = readScrape(await scrape())
    expect(samples.get('postern_store_up')).toBe(1)
    expect(samples.get('postern_scrape_part_up{part="health"}')).toBe(1)
  })

  test('it is not asked again for what it has not answered', async () => {
    let asked = 0
    const extent = () => {
      asked++
      return never()
    }
    const subscriptions = async () => [row(1, 'a')]
    const oldestUnsettled = async () => null
    const store = { ...parts().store, extent }
    const scrape = scraper(
      parts({ store, deliveries: { subscriptions, counts: async () => new Map(), oldestUnsettled } }),
    )
    for (let index = 0; index < 3; index++) await scrape()
    expect(asked).toBe(1)
  })
})

describe('the delivery’s thread', () => {
  const made: DeliveryMetrics[] = []
  afterEach(() => {
    for (const metrics of made.splice(0)) metrics.close()
  })
  const delivery = () => {
    const metrics = new DeliveryMetrics()
    made.push(metrics)
    return metrics
  }

  test('adds what it counts, under names that are not there yet', async () => {
    const thread = delivery()
    thread.attempt('loan-book', 'succeeded', 12)
    thread.attempt('loan-book', 'succeeded', 30_000)
    thread.attempt('loan-book', 'failed', 90_000)
    thread.breaker('loan-book', 'open')
    const { samples } = await read(parts({ deliveryText: () => thread.text() }))
    expect(samples.get('postern_attempts_total{subscription="loan-book",result="succeeded"}')).toBe(2)
    expect(samples.get('postern_attempts_total{subscription="loan-book",result="failed"}')).toBe(1)
    expect(samples.get('postern_attempt_seconds_bucket{le="0.025",subscription="loan-book"}')).toBe(1)
    expect(samples.get('postern_attempt_seconds_bucket{le="60",subscription="loan-book"}')).toBe(2)
    expect(samples.get('postern_attempt_seconds_count{subscription="loan-book"}')).toBe(3)
    expect(samples.get('postern_breaker_transitions_total{subscription="loan-book",state="open"}')).toBe(1)
    for (const quantile of ['0.5', '0.99', '1']) {
      const delay = samples.get(`postern_delivery_loop_delay_seconds{quantile="${quantile}"}`)
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThan(60)
    }
  })

  test('forgets a subscription that is gone, and no other', async () => {
    const thread = delivery()
    for (const name of ['a', 'b']) {
      thread.attempt(name, 'succeeded', 1)
      thread.breaker(name, 'open')
    }
    thread.forget('a')
    thread.forget('never there')
    const { samples } = readScrape(await thread.text())
    const named = [...samples.keys()].filter(key => key.includes('subscription='))
    expect(named.filter(key => key.includes('"a"'))).toEqual([])
    expect(named.filter(key => key.includes('"b"')).length).toBeGreaterThan(3)
    thread.attempt('a', 'failed', 1)
    expect(
      readScrape(await thread.text()).samples.get('postern_attempts_total{subscription="a",result="failed"}'),
    ).toBe(1)
  })
})

test('how far the search index is behind is shown where something is searched', async () => {
  let progress: SearchProgress | null = { indexedThrough: 7, behind: 3 }
  const scrape = scraper(parts({ store: { ...parts().store, search: { progress: async () => progress } } }))
  const { samples } = readScrape(await scrape())
  expect(samples.get('postern_search_behind_events')).toBe(3)
  expect(samples.get('postern_scrape_part_up{part="search"}')).toBe(1)
  progress = null
  const without = readScrape(await scrape()).samples
  expect(without.has('postern_search_behind_events')).toBe(false)
  expect(without.get('postern_scrape_part_up{part="search"}')).toBe(1)
})

test('scrapes at the same time share one', async () => {
  let asked = 0
  const health = async () => {
    asked++
    return { ok: true }
  }
  const scrape = scraper(parts({ health }))
  const texts = await Promise.all([scrape(), scrape(), scrape()])
  expect([asked, new Set(texts).size]).toEqual([1, 1])
  await scrape()
  expect(asked).toBe(2)
})

test('two gateways of one process do not share what they count', async () => {
  const [one, other] = [new Metrics(['a']), new Metrics(['a'])]
  one.request('a', 'accepted', 1)
  expect(
    (await read(parts({ metrics: other }))).samples.get('postern_requests_total{source="a",verdict="accepted"}'),
  ).toBe(0)
})

test('a spool is shown as it is, or not at all; the store is not up while it stands in for it', async () => {
  const metrics = new Metrics(['arix'])
  const counted = new SpoolMetrics(metrics.registry)
  counted.drained(5)
  counted.refused(2)
  let state = async () => ({ entries: 3, bytes: 4096, bytesMax: 8192, oldestSeconds: 1.5, refused: 2 })
  const spool = { metrics: counted, state: () => state() }
  const scrape = scraper(parts({ metrics, spool, health: async () => ({ ok: true, degraded: 'spooling' }) }))
  const { samples } = readScrape(await scrape())
  const names = ['entries', 'bytes', 'oldest_seconds', 'drained_total', 'refused_total']
  expect(names.map(name => samples.get(`postern_spool_${name}`))).toEqual([3, 4096, 1.5, 5, 2])
  expect(samples.get('postern_store_up')).toBe(0)
  expect(samples.get('postern_scrape_part_up{part="spool"}')).toBe(1)
  state = fails
  const later = readScrape(await scrape()).samples
  expect(names.map(name => later.get(`postern_spool_${name}`))).toEqual([undefined, undefined, undefined, 5, 2])
  expect(later.get('postern_scrape_part_up{part="spool"}')).toBe(0)
})
