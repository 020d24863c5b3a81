// Statements that a connection has prepared, kept for the next time: preparing one takes as long as running it, where it
// finds little.
import type { Database, Statement } from 'better-sqlite3'

/** Some 10 kB each. A list has another text for each set of filters; the rest are few. */
const keptForInbox = 128

export class KeptStatements {
  readonly #db: Database
  readonly #max: number
  readonly #kept = new Map<string, Statement>()

  constructor(db: Database, max = keptForInbox) {
    this.#db = db
    this.#max = max
  }

  prepare(sql: string): Statement {
    const statement = this.#kept.get(sql) ?? this.#db.prepare(sql)
    // The one that was not used for longest stands first.
    this.#kept.delete(sql)
    this.#kept.set(sql, statement)
    if (this.#kept.size > this.#max) this.#kept.delete(this.#kept.keys().next().value!)
    return statement
  }

  close(): void {
    this.#kept.clear()
    this.#db.close()
  }
}
