// What the main thread counts: requests, events and commits. Labels are configured names and words of ours, never a
// stranger's text; what runs for every request is bound once, and costs about a microsecond.
import { type Counter, type Histogram, Registry } from 'prom-client'
import { isCatalogueType } from '../event-types.ts'
import type { EventRecord } from '../store/record.ts'
import type { AppendOutcome, StoreObserver } from '../store/store.ts'
import { counter, histogram, secondsBuckets } from './series.ts'

/** There from the start, so that the first of them is seen as an increase. */
const verdictsAtFirst = ['accepted', 'duplicate', 'quarantined', 'rejected', 'failed']
/** What is answered 200 because it is on disk. */
const acknowledged: ReadonlySet<string> = new Set(['accepted', 'duplicate', 'quarantined'])
const batchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

interface SourceSeries {
  verdicts: Map<string, Counter.Internal>
  events: Map<string, Counter.Internal>
  ack: Histogram.Internal<'source'>
}

export class Metrics implements StoreObserver {
  readonly registry = new Registry()
  readonly #requests = counter(
    this.registry,
    'postern_requests_total',
    'Requests to the entrance, by what became of them; an unknown source is empty.',
    ['source', 'verdict'],
  )
  readonly #events = counter(
    this.registry,
    'postern_events_total',
    'Events that were new, by type; `other`: of no catalogue. Our own events are not among them.',
    ['source', 'type'],
  )
  readonly #ack = histogram(
    this.registry,
    'postern_ack_seconds',
    'From the first byte of a request to its answer 200, for what is then on disk.',
    ['source'],
    secondsBuckets,
  )
  readonly #commits = histogram(
    this.registry,
    'postern_commit_seconds',
    'From handing a batch to the writer until it is on disk; waiting for the batch before is part of it.',
    [],
    secondsBuckets,
  )
  readonly #batches = histogram(this.registry, 'postern_commit_batch_size', 'Changes in one commit.', [], batchBuckets)
  readonly #bySource = new Map<string, SourceSeries>()

  /** `sources`: the names that are configured. */
  constructor(sources: readonly string[]) {
    for (const source of sources) {
      for (const verdict of verdictsAtFirst) this.#requests.inc({ source, verdict }, 0)
      this.#ack.zero({ source })
    }
  }

  /** One request, answered. `source`: the configured one that it went to; `verdict`: the log's word. */
  request(source: string | undefined, verdict: string, elapsedMs: number): void {
    const series = this.#of(source ?? '')
    let known = series.verdicts.get(verdict)
    if (known === undefined) {
      known = this.#requests.labels(source ?? '', verdict.replaceAll(' ', '_'))
      series.verdicts.set(verdict, known)
    }
    known.inc()
    if (acknowledged.has(verdict)) series.ack.observe(elapsedMs / 1000)
  }

  /** What was appended, and what became of each. */
  appended(events: readonly EventRecord[], outcomes: readonly AppendOutcome[]): void {
    for (let index = 0; index < events.length; index++) {
      if (outcomes[index]?.status !== 'accepted') continue
      const { source, type: given } = events[index]!
      const type = isCatalogueType(given) ? given : 'other'
      const { events: known } = this.#of(source)
      let series = known.get(type)
      if (series === undefined) {
        series = this.#events.labels(source, type)
        known.set(type, series)
      }
      series.inc()
    }
  }

  committed(batchSize: number, elapsedMs: number): void {
    this.#batches.observe(batchSize)
    this.#commits.observe(elapsedMs / 1000)
  }

  #of(source: string): SourceSeries {
    let series = this.#bySource.get(source)
    if (series === undefined) {
      series = { verdicts: new Map(), events: new Map(), ack: this.#ack.labels(source) }
      this.#bySource.set(source, series)
    }
    return series
  }
}
