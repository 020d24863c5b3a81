// How a metric is made: always in a registry of its own, never in prom-client's global one.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function counter<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
): Counter<Label> {
  return new Counter({ name, help, labelNames, registers: [registry] })
}

/** `collect` is called at each scrape, to set it. */
export function gauge<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
  collect?: () => void,
): Gauge<Label> {
  return new Gauge({ name, help, labelNames, registers: [registry], ...(collect === undefined ? {} : { collect }) })
}

export function histogram<Label extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly Label[],
  buckets: number[],
): Histogram<Label> {
  return new Histogram({ name, help, labelNames, buckets, registers: [registry] })
}
