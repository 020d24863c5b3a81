// Moves what the WAL holds into the database file, before the WAL grows large, and never in front of an answer.
import type { Database } from 'better-sqlite3'

/** About 16 MB: long enough that a page changed often is moved once, short enough that moving it is no stall. */
const framesBetween = 4_000

export class Checkpointer {
  readonly #db: Database
  #events = 0
  #framesPerEvent = 8

  constructor(db: Database) {
    this.#db = db
  }

  count(events: number): void {
    this.#events += events
  }

  afterCommit(): void {
    if (this.#events * this.#framesPerEvent < framesBetween) return
    const [row] = this.#db.pragma('wal_checkpoint(PASSIVE)') as { busy: number; log: number; checkpointed: number }[]
    if (row !== undefined && row.log > 0) this.#framesPerEvent = Math.max(1, row.log / this.#events)
    this.#events = 0
  }

  close(): void {
    this.#db.pragma('wal_checkpoint(TRUNCATE)')
  }
}
