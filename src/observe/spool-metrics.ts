// What is counted of a spool. What it holds is read at each scrape.
import type { Registry } from 'prom-client'
import type { SpoolObserver, SpoolState } from '../store/store.ts'
import { counter, gauge } from './series.ts'

export class SpoolMetrics implements SpoolObserver {
  readonly #drained
  readonly #refused
  readonly #gauges

  constructor(registry: Registry) {
    this.#drained = counter(
      registry,
      'postern_spool_drained_total',
      'Entries that the spool handed to the database.',
      [],
    )
    this.#refused = counter(
      registry,
      'postern_spool_refused_total',
      'Entries of the spool that the database refused for what they hold; they stay there until the next start.',
      [],
    )
    this.#gauges = {
      entries: gauge(registry, 'postern_spool_entries', 'What waits in the spool for the database.', []),
      bytes: gauge(registry, 'postern_spool_bytes', 'What the spool takes of the disk.', []),
      oldestSeconds: gauge(registry, 'postern_spool_oldest_seconds', 'Age of what waits longest; 0 for nothing.', []),
    }
  }

  drained(entries: number): void {
    this.#drained.inc(entries)
  }

  refused(entries: number): void {
    this.#refused.inc(entries)
  }

  /** Undefined where it could not be read. */
  show(state: SpoolState | undefined): void {
    for (const name of ['entries', 'bytes', 'oldestSeconds'] as const) {
      if (state === undefined) this.#gauges[name].remove()
      else this.#gauges[name].set(state[name])
    }
  }
}
