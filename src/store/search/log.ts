// The log as the search index reads it, on either engine: short pages, in its order.
import { type Kysely, sql } from 'kysely'
import type { EngineParts } from '../queries.ts'
import { Queries } from '../queries.ts'
import type { KindsTable, Tables } from '../tables.ts'
import { documentOf, type Payload, payloadBytesMax } from './document.ts'

export interface Entry {
  sequence: number
  /** Words with one space between two of them. */
  words: string
}

export interface LogPage {
  entries: Entry[]
  /** All up to here is among them, or is not in the log. */
  through: number
}

const none = Buffer.alloc(0)

type Kind = Pick<KindsTable, 'source' | 'vendor' | 'type' | 'vendortype'>

export class SearchedLog {
  readonly #db: Kysely<Tables>
  readonly #parts: EngineParts
  readonly #queries: Queries
  /** Sources whose payload is searched. */
  readonly #payloadOf: ReadonlySet<string>
  readonly #kinds = new Map<number, Kind>()

  constructor(db: Kysely<Tables>, parts: EngineParts, payloadOf: readonly string[]) {
    this.#db = db
    this.#parts = parts
    this.#queries = new Queries(db, parts)
    this.#payloadOf = new Set(payloadOf)
  }

  extent(): Promise<{ head: number; oldest: number; epoch: string }> {
    return this.#queries.extent()
  }

  /** What stands behind `after`, as far as `head`. */
  async page(after: number, head: number, limit: number): Promise<LogPage> {
    const rows = await this.#db
      .selectFrom('events')
      .select(['sequence', 'id', 'kind', 'request', 'subject', 'vendorid', 'data'])
      .where('sequence', '>', after)
      .where('sequence', '<=', head)
      .orderBy('sequence')
      .limit(limit)
      .execute()
    const kinds = await this.#kindsOf(rows.map(({ kind }) => kind))
    const searched = rows.filter(({ kind }) => this.#payloadOf.has(kinds.get(kind)!.source))
    const payloads = await this.#payloads(searched.map(({ request, sequence }) => request ?? sequence))
    const entries = rows.map(({ request, ...row }) => {
      const payload = payloads.get(request ?? row.sequence)
      const event = { ...kinds.get(row.kind)!, ...row }
      return {
        sequence: row.sequence,
        words: documentOf(event, this.#payloadOf.has(event.source) ? payload : undefined),
      }
    })
    return { entries, through: rows.length < limit ? head : rows.at(-1)!.sequence }
  }

  async #kindsOf(wanted: readonly number[]): Promise<ReadonlyMap<number, Kind>> {
    const missing = [...new Set(wanted)].filter(id => !this.#kinds.has(id))
    if (missing.length === 0) return this.#kinds
    const rows = await this.#db
      .selectFrom('kinds')
      .select(['id', 'source', 'vendor', 'type', 'vendortype'])
      .where('id', 'in', missing)
      .execute()
    for (const { id, ...kind } of rows) this.#kinds.set(id, kind)
    return this.#kinds
  }

  async #payloads(sequences: readonly number[]): Promise<ReadonlyMap<number, Payload>> {
    if (sequences.length === 0) return new Map()
    const rows = await this.#db
      .selectFrom('requests')
      .select([
        'sequence',
        'query',
        'headers',
        sql<Buffer | null>`substr(body, 1, ${sql.lit(payloadBytesMax)})`.as('body'),
      ])
      .where(this.#parts.isListed('requests.sequence', [...new Set(sequences)]))
      .execute()
    // Of no bytes SQLite makes null.
    return new Map(rows.map(({ sequence, body, ...payload }) => [sequence, { ...payload, body: body ?? none }]))
  }
}
