// Reading what waits beside the log: quarantine, rejections, conflicts. All of it is bounded or rare, and listed newest
// first by a number that never comes twice.
import type { Kysely } from 'kysely'
import type { Conflict, KeptRequest, Page, QuarantineEntry, Rejection, Stored } from './store.ts'
import type { Tables } from './tables.ts'

interface PageOptions {
  limit: number
  cursor?: string
  source?: string
}

interface RequestRow {
  received: number
  method: string | null
  rest: string | null
  query: string | null
  headers: string
  address: string
  sha256: Buffer | null
  redacted: string | null
  body: Buffer
}

export class Entries {
  readonly #entries: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#entries = db
  }

  async listQuarantine(options: PageOptions): Promise<Page<Stored<QuarantineEntry>>> {
    let query = this.#entries
      .selectFrom('quarantine')
      .selectAll()
      .orderBy('number', 'desc')
      .limit(options.limit + 1)
    if (options.source !== undefined) query = query.where('source', '=', options.source)
    if (options.cursor !== undefined) query = query.where('number', '<', Number(options.cursor))
    return paged(await query.execute(), options.limit, row => this.#quarantined(row))
  }

  async quarantined(id: Buffer): Promise<Stored<QuarantineEntry> | undefined> {
    const row = await this.#entries.selectFrom('quarantine').selectAll().where('id', '=', id).executeTakeFirst()
    return row && this.#quarantined(row)
  }

  async listRejections(options: PageOptions): Promise<Page<Stored<Rejection>>> {
    let query = this.#entries
      .selectFrom('rejections')
      .selectAll()
      .orderBy('number', 'desc')
      .limit(options.limit + 1)
    if (options.source !== undefined) query = query.where('source', '=', options.source)
    if (options.cursor !== undefined) query = query.where('number', '<', Number(options.cursor))
    return paged(await query.execute(), options.limit, row => this.#rejection(row))
  }

  async rejection(id: Buffer): Promise<Stored<Rejection> | undefined> {
    const row = await this.#entries.selectFrom('rejections').selectAll().where('id', '=', id).executeTakeFirst()
    return row && this.#rejection(row)
  }

  async listConflicts(options: PageOptions): Promise<Page<Stored<Conflict>>> {
    let query = this.#entries
      .selectFrom('conflicts')
      .selectAll()
      .orderBy('number', 'desc')
      .limit(options.limit + 1)
    if (options.source !== undefined) query = query.where('source', '=', options.source)
    if (options.cursor !== undefined) query = query.where('number', '<', Number(options.cursor))
    return paged(await query.execute(), options.limit, row => this.#conflict(row))
  }

  async conflict(number: number): Promise<Stored<Conflict> | undefined> {
    const row = await this.#entries.selectFrom('conflicts').selectAll().where('number', '=', number).executeTakeFirst()
    return row && this.#conflict(row)
  }

  keptRequest(row: RequestRow): KeptRequest {
    return {
      received: row.received,
      method: row.method ?? 'POST',
      rest: row.rest ?? '',
      query: row.query ?? '',
      headers: JSON.parse(row.headers) as KeptRequest['headers'],
      address: row.address,
      body: row.body,
      sha256: row.sha256,
      redacted: row.redacted === null ? [] : (JSON.parse(row.redacted) as string[]),
    }
  }

  #conflict(row: RequestRow & Conflict): Stored<Conflict> {
    return { number: row.number, event: row.event, source: row.source, ...this.keptRequest(row) }
  }

  #quarantined(row: RequestRow & QuarantineEntry): Stored<QuarantineEntry> {
    return { id: row.id, source: row.source, reason: row.reason, ...this.keptRequest(row) }
  }

  #rejection(row: RequestRow & Omit<Rejection, 'truncated'> & { truncated: number }): Stored<Rejection> {
    const { id, source, status, reason, sealed } = row
    return { id, source, status, reason, sealed, truncated: row.truncated === 1, ...this.keptRequest(row) }
  }
}

function paged<Row extends { number: number }, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
): Page<Item> {
  const kept = rows.slice(0, limit)
  return { items: kept.map(item), next: rows.length > limit ? String(kept.at(-1)?.number) : null }
}
