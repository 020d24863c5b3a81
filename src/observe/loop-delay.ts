// How late a thread was with what it does, as a metric. Its sampling is the only thing that wakes an idle thread, and is
// therefore rare: ten times a second, which every delay that anybody feels falls into.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Registry } from 'prom-client'
import { gauge } from './series.ts'

/** Milliseconds. At 10, what prom-client takes, an idle process spends 0.8 % of a core on it; at 100 a tenth of that. */
const resolution = 100
const quantiles = [0.5, 0.99, 1]

/** Registers `name`, measured in the thread that calls this until it is stopped; each scrape begins anew. */
export function measureLoopDelay(registry: Registry, name: string, help: string): { stop(): void } {
  const measured = monitorEventLoopDelay({ resolution })
  const shown = gauge(registry, name, help, ['quantile'], () => {
    for (const quantile of quantiles) {
      // What it measures is the time between two samples.
      const between = measured.count === 0 ? 0 : measured.percentile(quantile * 100) / 1e9
      shown.set({ quantile: String(quantile) }, Math.max(0, between - resolution / 1000))
    }
    measured.reset()
  })
  measured.enable()
  return { stop: () => void measured.disable() }
}
