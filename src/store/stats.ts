// What somebody on duty asks of the inbox: what came from which source and when, and what did not get in. It is counted by
// indexes alone, and what was counted once is kept: below the head of the log nothing is ever added.
import { type Kysely, sql } from 'kysely'
import type { Queries } from './queries.ts'
import type { SourceStats } from './store.ts'
import type { KindsTable, Tables } from './tables.ts'

/** Sequences whose events are counted once. */
const blockSize = 8_192
/** Blocks that one statement counts. */
const blocksAtOnce = 4
/** Of quarantine, rejections and conflicts so many of a source are counted, and no more. */
export const entriesMax = 10_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs

type Kind = Pick<KindsTable, 'source'> & { id: number }
/** Events by their kind. */
type Counts = ReadonlyMap<number, number>

export class Stats {
  readonly #db: Kysely<Tables>
  readonly #queries: Pick<Queries, 'extent' | 'firstSince'>
  /** By number; of the log of `#epoch`. */
  readonly #blocks = new Map<number, Counts>()
  #epoch = ''

  constructor(db: Kysely<Tables>, queries: Pick<Queries, 'extent' | 'firstSince'>) {
    this.#db = db
    this.#queries = queries
  }

  /** Of every source that anything was ever kept of, by name; `now` in milliseconds since the epoch. */
  async sources(now: number): Promise<SourceStats[]> {
    const { head, oldest, epoch } = await this.#queries.extent()
    if (epoch !== this.#epoch) this.#blocks.clear()
    this.#epoch = epoch
    const kinds: Kind[] = await this.#db.selectFrom('kinds').select(['id', 'source']).execute()
    const bySource = new Map<string, SourceStats>()
    const of = (source: string) => {
      const known = bySource.get(source) ?? none(source)
      bySource.set(source, known)
      return known
    }
    for (const { source } of kinds) of(source)
    const day = Math.max(oldest, await this.#queries.firstSince(now - dayMs))
    const hour = Math.max(day, await this.#queries.firstSince(now - hourMs))
    const [inDay, inHour] = [await this.#count(day, head), await this.#count(hour, head)]
    for (const { id, source } of kinds) {
      of(source).lastDay += inDay.get(id) ?? 0
      of(source).lastHour += inHour.get(id) ?? 0
    }
    for (const { source, received } of await this.#newest()) of(source).lastReceived = received
    for (const table of ['quarantine', 'rejections', 'conflicts'] as const) {
      for (const { source, count } of await this.#waiting(table)) of(source)[table] = count
    }
    for (const block of this.#blocks.keys()) if (block < Math.floor(day / blockSize)) this.#blocks.delete(block)
    return [...bySource.values()].sort((a, b) => (a.source < b.source ? -1 : 1))
  }

  /** Events by kind, of sequences from `low` to `high`, both included. */
  async #count(low: number, high: number): Promise<Counts> {
    const total = new Map<number, number>()
    const add = (counts: Counts | undefined) => {
      for (const [kind, count] of counts ?? []) total.set(kind, (total.get(kind) ?? 0) + count)
    }
    const first = Math.ceil(low / blockSize)
    const beyond = Math.floor((high + 1) / blockSize)
    if (first >= beyond) {
      for (const counts of (await this.#read(low, high)).values()) add(counts)
      return total
    }
    for (let block = first; block < beyond; block++) {
      if (!this.#blocks.has(block)) await this.#keep(block, Math.min(beyond, block + blocksAtOnce))
      add(this.#blocks.get(block))
    }
    for (const counts of (await this.#read(low, first * blockSize - 1)).values()) add(counts)
    for (const counts of (await this.#read(beyond * blockSize, high)).values()) add(counts)
    return total
  }

  async #keep(first: number, beyond: number): Promise<void> {
    const found = await this.#read(first * blockSize, beyond * blockSize - 1)
    for (let block = first; block < beyond; block++) this.#blocks.set(block, found.get(block) ?? new Map())
  }

  /** By block, then by kind; from a `low` within a block on, what is told of that block is of some of the next as well. */
  async #read(low: number, high: number): Promise<Map<number, Map<number, number>>> {
    const blocks = new Map<number, Map<number, number>>()
    if (low > high) return blocks
    // A range of the index for each kind and each block: grouping what lies in all of them would sort it.
    const size = sql.raw(String(blockSize))
    const { rows } = await sql<{ block: number; kind: number; count: number }>`
      with recursive blocks(low) as (
        select cast(${low} as bigint) union all select low + ${size} from blocks where low + ${size} <= ${high})
      select low / ${size} as block, kinds.id as kind, (
        select count(*) from events
        where events.kind = kinds.id and sequence >= low and sequence < low + ${size} and sequence <= ${high}) as count
      from blocks cross join kinds`.execute(this.#db)
    for (const { block, kind, count } of rows) {
      const counts = blocks.get(block) ?? new Map<number, number>()
      blocks.set(block, counts.set(kind, count))
    }
    return blocks
  }

  /** Milliseconds since the epoch when each source's latest events were received. */
  async #newest(): Promise<{ source: string; received: number }[]> {
    const { rows } = await sql<{ source: string; received: number }>`
      select source, max(received) as received from (
        select kinds.source, (
          select events.received from events where events.kind = kinds.id order by events.sequence desc limit 1) as received
        from kinds) as latest
      where received is not null group by source`.execute(this.#db)
    return rows
  }

  /** From source to source by the index, and within each no further than is counted. */
  async #waiting(table: 'quarantine' | 'rejections' | 'conflicts'): Promise<{ source: string; count: number }[]> {
    const name = sql.table(table)
    const { rows } = await sql<{ source: string; count: number }>`
      with recursive found(source) as (
        select (select source from ${name} order by source limit 1)
        union all
        select (select source from ${name} where ${name}.source > found.source order by source limit 1)
        from found where found.source is not null)
      select source, (
        select count(*) from (
          select number from ${name} where ${name}.source = found.source order by number limit ${entriesMax}) as counted
        ) as count
      from found where source is not null`.execute(this.#db)
    return rows
  }
}

function none(source: string): SourceStats {
  return { source, lastReceived: null, lastHour: 0, lastDay: 0, quarantine: 0, rejections: 0, conflicts: 0 }
}
