// docs/metrics.md has every metric that there is, with its kind and its labels, and no other.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { DeliveryMetrics } from '../../src/observe/delivery-metrics.ts'
import { Metrics } from '../../src/observe/metrics.ts'
import { scraper } from '../../src/observe/scrape.ts'
import { SpoolMetrics } from '../../src/observe/spool-metrics.ts'
import type { Counts } from '../../src/store/deliveries.ts'
import { record } from '../contract/store/record.ts'
import { readScrape } from '../support/prometheus.ts'

const root = dirname(dirname(import.meta.dirname))
const page = readFileSync(join(root, 'docs/metrics.md'), 'utf8')
const ofProcess = /^postern_(process|nodejs)_/

/** A scrape in which everything has happened once, so that every label is there. */
async function fullScrape() {
  const metrics = new Metrics(['arix'])
  const thread = new DeliveryMetrics()
  const spool = new SpoolMetrics(metrics.registry)
  metrics.request('arix', 'accepted', 1)
  metrics.appended([record('1')], [{ id: 'evt_', status: 'accepted', sequence: 1, conflict: false }])
  metrics.committed(1, 1)
  thread.attempt('loan-book', 'succeeded', 1)
  thread.breaker('loan-book', 'open')
  thread.leasesLost('loan-book', 1)
  const scrape = scraper({
    metrics,
    store: {
      extent: async () => ({ head: 1, oldest: 1, epoch: 'e' }),
      listQuarantine: async () => ({ items: [], next: null }),
      search: { progress: async () => ({ indexedThrough: 0, behind: 1 }) },
    },
    health: async () => ({ ok: true }),
    clock: { now: () => 0 },
    deliveries: {
      subscriptions: async () => [
        {
          number: 1,
          name: 'loan-book',
          origin: 'config',
          spec: '{}',
          sealed: null,
          cursor: 0,
          paused: null,
          pausedAt: null,
          removedAt: null,
          breaker: { state: 'closed', failures: 0, opened: 0, until: null },
          createdAt: 0,
        },
      ],
      counts: async () => new Map<number, Counts>(),
      oldestUnsettled: async () => null,
    },
    deliveryText: () => thread.text(),
    spool: {
      metrics: spool,
      state: async () => ({ entries: 1, bytes: 1, bytesMax: 2, oldestSeconds: 1, refused: 0 }),
    },
  })
  const scraped = readScrape(await scrape())
  thread.close()
  return scraped
}

const rows = [...page.matchAll(/^\| `(postern_\w+)` \| (\w+) \|([^|]*)\|/gm)]

test('docs/metrics.md has every metric with its kind and labels, and no other', async () => {
  const { types, labels } = await fullScrape()
  const documented = rows.map(([, name, kind, cell]) => [
    name!,
    [kind, ...[...cell!.matchAll(/`(\w+)`/g)].map(([, label]) => label!).toSorted()],
  ])
  const real = [...types]
    .filter(([name]) => !ofProcess.test(name))
    .map(([name, kind]) => [name, [kind, ...[...(labels.get(name) ?? [])].filter(each => each !== 'le').toSorted()]])
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(real))
  expect(documented).toHaveLength(real.length)
})

test('whatever else it names is there', async () => {
  const { types } = await fullScrape()
  const known = (name: string) => types.has(name.replace(/_(bucket|sum|count)$/, '')) || types.has(name)
  const named = new Set([...page.matchAll(/\bpostern_[a-z0-9_]+(?!\*|\w)/g)].map(([name]) => name))
  expect(named.size).toBeGreaterThan(rows.length)
  expect([...named].filter(name => !known(name) && !page.includes(`${name}*`))).toEqual([])
})
