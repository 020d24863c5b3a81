// One scrape: what was counted, what the store says of deliveries, and the process. What cannot be had is left out: a
// scrape works while the store fails. It reads counts that are kept, and never a table of deliveries.
import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import {
  type BreakerState,
  type Counts,
  type Deliveries,
  deliveryStates,
  type SubscriptionRow,
} from '../store/deliveries.ts'
import type { SpooledStore, Store, StoreHealth } from '../store/store.ts'
import { measureLoopDelay } from './loop-delay.ts'
import type { Metrics } from './metrics.ts'
import { gauge } from './series.ts'
import type { SpoolMetrics } from './spool-metrics.ts'

export interface ScrapeParts {
  metrics: Metrics
  store: Pick<Store, 'extent' | 'listQuarantine' | 'search'>
  health(): Promise<StoreHealth>
  clock: Clock
  /** Undefined where nothing is delivered. */
  deliveries?: Pick<Deliveries, 'subscriptions' | 'counts' | 'oldestUnsettled'> | undefined
  /** What the delivery's thread counts: the text of its DeliveryMetrics. */
  deliveryText?: (() => Promise<string>) | undefined
  /** Where there is one. */
  spool?: { state: SpooledStore['spool']; metrics: SpoolMetrics } | undefined
  /** How long a scrape waits for each of them. Default 3,000 ms. */
  waitMs?: number
}

const waitMsDefault = 3_000
/** So many entries are counted, and no more: one by one, since nobody keeps their number. */
const quarantineCountMax = 100
const breakerValues: Record<BreakerState['state'], number> = { closed: 0, half_open: 1, open: 2 }

/** The text for Prometheus; scrapes at the same time share one. */
export function scraper(parts: ScrapeParts): () => Promise<string> {
  const registry = new Registry()
  const up = gauge(registry, 'postern_scrape_part_up', 'Whether this part of the scrape could be had.', ['part'])
  const storeUp = gauge(registry, 'postern_store_up', 'Whether the store can commit.', [])
  const waiting = gauge(
    registry,
    'postern_quarantine_entries',
    `Requests that wait in quarantine; ${quarantineCountMax} stands for as many or more.`,
    [],
  )
  const behind = gauge(registry, 'postern_search_behind_events', 'Places of the log that cannot be searched yet.', [])
  const subscriptions = subscriptionGauges(registry)
  const process = processRegistry()
  const wait = parts.waitMs ?? waitMsDefault
  const ask = {
    health: patient(wait),
    quarantine: patient(wait),
    search: patient(wait),
    deliveries: patient(wait),
    thread: patient(wait),
    spool: patient(wait),
  }

  /** Asks for one part, shows whether it came, and what it said. */
  async function part<Value>(
    name: keyof typeof ask,
    question: () => Promise<Value>,
    show: (value: Value | undefined) => void,
  ) {
    const value = (await ask[name](question)) as Value | undefined
    up.set({ part: name }, value === undefined ? 0 : 1)
    show(value)
  }

  async function scrape(): Promise<string> {
    const { metrics, store, health, clock, deliveries, deliveryText, spool } = parts
    let threadText = ''
    await Promise.all([
      part('health', health, value => only(storeUp, value && Number(value.ok && value.degraded === undefined))),
      part(
        'quarantine',
        () => store.listQuarantine({ limit: quarantineCountMax }),
        page => only(waiting, page?.items.length),
      ),
      part(
        'search',
        () => store.search.progress(),
        progress => only(behind, progress?.behind),
      ),
      deliveries && part('deliveries', () => readSubscriptions(deliveries, store, clock.now()), subscriptions),
      deliveryText &&
        part('thread', deliveryText, text => {
          threadText = text ?? ''
        }),
      spool && part('spool', spool.state, state => spool.metrics.show(state)),
    ])
    const texts = [await metrics.registry.metrics(), await registry.metrics(), threadText, await process.metrics()]
    return texts
      .filter(text => text.trim() !== '')
      .map(text => `${text.trimEnd()}\n`)
      .join('\n')
  }

  let scraping: Promise<string> | undefined
  return () => {
    scraping ??= scrape().finally(() => {
      scraping = undefined
    })
    return scraping
  }
}

interface SubscriptionReading extends SubscriptionRow {
  backlog: number
  oldestSeconds: number
  counts: Counts | undefined
}

async function readSubscriptions(
  deliveries: NonNullable<ScrapeParts['deliveries']>,
  store: ScrapeParts['store'],
  now: number,
): Promise<SubscriptionReading[]> {
  const [rows, counts] = await Promise.all([deliveries.subscriptions(), deliveries.counts()])
  // After the cursors, so that no cursor is ahead of it.
  const { head } = await store.extent()
  const present = rows.filter(({ removedAt }) => removedAt === null)
  const oldest = await Promise.all(present.map(({ number }) => deliveries.oldestUnsettled(number)))
  return present.map((row, index) => {
    const since = oldest[index] ?? now
    return {
      ...row,
      counts: counts.get(row.number),
      backlog: Math.max(0, head - row.cursor),
      oldestSeconds: Math.max(0, now - since) / 1000,
    }
  })
}

/** What there is of each subscription, shown anew each time: one that is gone is gone from the scrape. */
function subscriptionGauges(registry: Registry): (readings: readonly SubscriptionReading[] | undefined) => void {
  const of = (name: string, help: string) => gauge(registry, name, help, ['subscription'])
  const states = gauge(registry, 'postern_deliveries', 'Deliveries by state, as the store counts them.', [
    'subscription',
    'state',
  ])
  const held = of('postern_lanes_held', 'Lanes that a dead delivery holds.')
  const backlog = of('postern_backlog_events', 'Events in the log behind the cursor: not looked at yet.')
  const oldest = of('postern_oldest_unsettled_seconds', 'Age of the oldest event that is not settled; 0 for none.')
  const breaker = of('postern_breaker_state', '0 closed, 1 half open, 2 open.')
  const paused = of('postern_subscription_paused', '1 while it is paused, by a person or because it answered 410.')
  const all = [states, held, backlog, oldest, breaker, paused]
  return readings => {
    for (const each of all) each.reset()
    for (const reading of readings ?? []) {
      const subscription = reading.name
      for (const state of deliveryStates) states.set({ subscription, state }, reading.counts?.[state] ?? 0)
      held.set({ subscription }, reading.counts?.held ?? 0)
      backlog.set({ subscription }, reading.backlog)
      oldest.set({ subscription }, reading.oldestSeconds)
      breaker.set({ subscription }, breakerValues[reading.breaker.state])
      paused.set({ subscription }, reading.paused === null ? 0 : 1)
    }
  }
}

/** Shows a value, or that there is none. */
function only(shown: Gauge, value: number | undefined): void {
  if (value === undefined) shown.remove()
  else shown.set(value)
}

/**
 * Asks, and waits so long at the most; undefined for what failed or did not come. What has not come yet is not asked
 * for again: scrapes must not pile up before a store that hangs.
 */
function patient(waitMs: number): (question: () => Promise<unknown>) => Promise<unknown> {
  let asking: Promise<unknown> | undefined
  return async question => {
    asking ??= question()
      .catch(() => undefined)
      .finally(() => {
        asking = undefined
      })
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => resolve(undefined), waitMs)
    try {
      return await Promise.race([asking, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

const prefix = 'postern_'

/** There is one process, however many gateways: its observers are never taken down again. */
let ofProcess: Registry | undefined

function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    // Its own measure of the event loop would wake an idle process a hundred times a second: ours takes its place.
    collectDefaultMetrics({ register: ofProcess, prefix, eventLoopMonitoringPrecision: 3_600_000 })
    for (const { name } of ofProcess.getMetricsAsArray()) {
      if (name.startsWith(`${prefix}nodejs_eventloop_lag`)) ofProcess.removeSingleMetric(name)
    }
    const help = 'How late the main thread was with what it does, since the last scrape.'
    measureLoopDelay(ofProcess, 'postern_loop_delay_seconds', help)
  }
  return ofProcess
}
