// Soft keys of the latest events, in memory: what suggests that two events tell one fact. A hint for people and apps
// needs no index on disk, where it would cost each append a page; it is read again from the log at start.
import type { Database } from 'better-sqlite3'

/** How many are remembered. Vendors that tell a fact twice do it within hours. */
const remembered = 65_536

export class SoftKeys {
  /** In the order of their coming, the oldest first. */
  readonly #ids = new Map<number, Buffer>()
  /** What this batch added. */
  #added: number[] = []

  static of(db: Database, head: number): SoftKeys {
    const keys = new SoftKeys()
    const rows = db.prepare('select soft, id from events where sequence > ? and soft is not null order by sequence')
    for (const { soft, id } of rows.all(head - remembered) as { soft: number; id: Buffer }[]) {
      if (keys.get(soft) === undefined) keys.set(soft, id)
    }
    keys.keep()
    return keys
  }

  /** The id of the first event that had this key. */
  get(soft: number): Buffer | undefined {
    return this.#ids.get(soft)
  }

  set(soft: number, id: Buffer): void {
    // The pieces of a batch share one buffer, which this must not keep alive.
    this.#ids.set(soft, Buffer.from(id))
    this.#added.push(soft)
    if (this.#ids.size > remembered) this.#ids.delete(this.#ids.keys().next().value!)
  }

  /** The batch is committed. */
  keep(): void {
    this.#added = []
  }

  /** The batch was rolled back: what it added never was. */
  undo(): void {
    for (const soft of this.#added) this.#ids.delete(soft)
    this.#added = []
  }
}
