// Dropping whole ranges of the log. It goes on where an earlier run ended, whenever that was: first the deliveries of a
// range, then its events, then what belonged to them, and what has left its table is dropped.
import type { Database } from './database.ts'
import { lockWaitMs, type Partitioned, partitioned, type Range, rangesOf, untilFree } from './partitions.ts'

/** Deliveries that one step is about, at the most. */
const rowsAtOnce = 1_000

export class Dropping {
  readonly #database: Database
  readonly #now: number
  readonly #signal: AbortSignal

  constructor(database: Database, now: number, signal: AbortSignal) {
    this.#database = database
    this.#now = now
    this.#signal = signal
  }

  /** Takes the range's events out of the log; false where that is held up. */
  async take(range: Range): Promise<boolean> {
    return (await this.#expireDeliveries(range)) && (await this.#detach('events', range))
  }

  /** Drops what belonged to ranges whose events are gone, and all that has left its table; how many events, about. */
  async finish(head: number): Promise<number> {
    const ranges = await rangesOf(this.#database)
    const firsts = new Set(ranges.events.map(({ first }) => first))
    for (const parent of ['requests', 'refs', 'attempts'] as const) {
      for (const range of ranges[parent]) {
        if (firsts.has(range.first) || range.beyond > head + 1 || (await this.#any('events', range))) continue
        // Twice: what was fed while the events went has nothing to deliver any more.
        if (!(await this.#expireDeliveries(range))) return 0
        // What has expired is shown for a while, with its attempts.
        if (parent !== 'attempts' || !(await this.#any('deliveries', range))) await this.#detach(parent, range)
      }
    }
    return this.#dropDetached()
  }

  /** False where it was told to stop. */
  async #expireDeliveries({ first, beyond }: Range): Promise<boolean> {
    for (let low: number | null = first; low !== null; ) {
      if (this.#signal.aborted) return false
      const [row]: { next: number | null }[] = await this.#database.call(
        'select postern_expire_range($1, $2, $3, $4) as next',
        [low, beyond, rowsAtOnce, this.#now],
      )
      low = row!.next
    }
    return true
  }

  async #detach(parent: Partitioned, { first, beyond }: Range): Promise<boolean> {
    const answer = await untilFree(
      () => this.#signal.aborted,
      async () => {
        const text = 'select postern_detach_range($1, $2, $3, $4) as outcome'
        const parameters = [parent, first, beyond, lockWaitMs]
        const [row] = await this.#database.call<{ outcome: 'detached' | 'gone' | 'busy' }>(text, parameters)
        return row!.outcome
      },
    )
    return answer !== 'busy'
  }

  async #any(table: 'events' | 'deliveries', { first, beyond }: Range): Promise<boolean> {
    const rows = await this.#database.kysely
      .selectFrom(table)
      .select('sequence')
      .where('sequence', '>=', first)
      .where('sequence', '<', beyond)
      .orderBy('sequence')
      .limit(1)
      .execute()
    return rows.length > 0
  }

  async #dropDetached(): Promise<number> {
    const rows = await this.#database.call<{ name: string }>(
      `select relname as name from pg_class
       where relnamespace = current_schema()::regnamespace and relkind = 'r' and not relispartition and relname ~ $1`,
      [`^(${partitioned.join('|')})_p[0-9]+$`],
    )
    let events = 0
    for (const { name } of rows) {
      const [parent, first] = name.split('_p')
      const text = 'select postern_drop_range($1, $2, $3) as held'
      const [row] = await this.#database.call<{ held: number | null }>(text, [parent, first, lockWaitMs])
      if (parent === 'events') events += row!.held ?? 0
    }
    return events
  }
}
