// What the delivery's thread counts, in a registry of its own: the main thread asks for its text at each scrape. Labels
// are names of subscriptions and words of ours.
import { type Counter, type Histogram, Registry } from 'prom-client'
import type { Result } from '../delivery/destination.ts'
import type { BreakerState } from '../store/deliveries.ts'
import { measureLoopDelay } from './loop-delay.ts'
import { counter, histogram } from './series.ts'

const attemptBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60]

interface SubscriptionSeries {
  results: Map<string, Counter.Internal>
  seconds: Histogram.Internal<'subscription'>
}

export class DeliveryMetrics {
  readonly registry = new Registry()
  readonly #attempts = counter(this.registry, 'postern_attempts_total', 'Attempts that ended, by their result.', [
    'subscription',
    'result',
  ])
  readonly #seconds = histogram(
    this.registry,
    'postern_attempt_seconds',
    'How long attempts took, whatever their result.',
    ['subscription'],
    attemptBuckets,
  )
  readonly #breaker = counter(
    this.registry,
    'postern_breaker_transitions_total',
    'Changes of a breaker, by the state that it came to.',
    ['subscription', 'state'],
  )
  readonly #leasesLost = counter(
    this.registry,
    'postern_leases_lost_total',
    'Deliveries whose lease no longer held when they would have begun, or when their end was written.',
    ['subscription'],
  )
  readonly #loop = measureLoopDelay(
    this.registry,
    'postern_delivery_loop_delay_seconds',
    'How late the delivery’s thread was with what it does, since the last scrape.',
  )
  readonly #bySubscription = new Map<string, SubscriptionSeries>()

  attempt(subscription: string, result: Result, elapsedMs: number): void {
    let series = this.#bySubscription.get(subscription)
    if (series === undefined) {
      series = { results: new Map(), seconds: this.#seconds.labels(subscription) }
      this.#bySubscription.set(subscription, series)
    }
    let count = series.results.get(result)
    if (count === undefined) {
      count = this.#attempts.labels(subscription, result)
      series.results.set(result, count)
    }
    count.inc()
    series.seconds.observe(elapsedMs / 1000)
  }

  /** The breaker of this subscription came to a state. */
  breaker(subscription: string, state: BreakerState['state']): void {
    this.#breaker.inc({ subscription, state })
  }

  leasesLost(subscription: string, count: number): void {
    this.#leasesLost.inc({ subscription }, count)
  }

  /** A subscription is gone: its series end. */
  forget(subscription: string): void {
    const series = this.#bySubscription.get(subscription)
    this.#bySubscription.delete(subscription)
    for (const result of series?.results.keys() ?? []) this.#attempts.remove(subscription, result)
    if (series !== undefined) this.#seconds.remove(subscription)
    for (const state of ['closed', 'open', 'half_open']) this.#breaker.remove(subscription, state)
    this.#leasesLost.remove(subscription)
  }

  /** Everything, as Prometheus reads it. */
  text(): Promise<string> {
    return this.registry.metrics()
  }

  close(): void {
    this.#loop.stop()
  }
}
