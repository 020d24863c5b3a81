// Reading what waits beside the log: quarantine, rejections, conflicts. All of it is bounded or rare, and listed newest
// first by a number that never comes twice.
import { type Kysely, sql } from 'kysely'
import { paged } from './paged.ts'
import type { Conflict, KeptRequest, Listed, Page, PageOptions, QuarantineEntry, Rejection, Stored } from './store.ts'
import type { RequestColumns, Tables } from './tables.ts'

type RequestRow = Omit<RequestColumns, 'body'> & { received: number }

/** A row with its body, and one with the body's length, which is read without reading the body. */
type WholeRow = RequestRow & { body: Buffer }
type ListRow = RequestRow & { bodyBytes: number }

const requestColumns = ['received', 'method', 'rest', 'query', 'headers', 'address', 'sha256', 'redacted'] as const
const bodyBytes = sql<number>`length(body)`.as('bodyBytes')

export class Entries {
  readonly #entries: Kysely<Tables>

  constructor(db: Kysely<Tables>) {
    this.#entries = db
  }

  async listQuarantine(options: PageOptions): Promise<Page<Listed<QuarantineEntry>>> {
    let query = this.#entries
      .selectFrom('quarantine')
      .select(['number', 'id', 'source', 'reason', ...requestColumns])
      .select(bodyBytes)
      .orderBy('number', 'desc')
      .limit(options.limit + 1)
    const only = onlyOf(options)
    if (only !== undefined) query = query.where('source', 'in', only)
    if (options.cursor !== undefined) query = query.where('number', '<', Number(options.cursor))
    return paged(await query.execute(), options.limit, row => ({ ...quarantined(row), ...listed(row) }))
  }

  async quarantined(id: Buffer): Promise<Stored<QuarantineEntry> | undefined> {
    const row = await this.#entries.selectFrom('quarantine').selectAll().where('id', '=', id).executeTakeFirst()
    return row && { ...quarantined(row), ...this.keptRequest(row) }
  }

  async listRejections(options: PageOptions): Promise<Page<Listed<Rejection>>> {
    let query = this.#entries
      .selectFrom('rejections')
      .select(['number', 'id', 'source', 'status', 'reason', 'truncated', ...requestColumns])
      .select(bodyBytes)
      .orderBy('number', 'desc')
      .limit(options.limit + 1)
    const only = onlyOf(options)
    if (only !== undefined) query = query.where('source', 'in', only)
    if (options.cursor !== undefined) query = query.where('number', '<', Number(options.cursor))
    return paged(await query.execute(), options.limit, row => ({ ...rejection(row), ...listed(row) }))
  }

  async rejection(id: Buffer): Promise<Stored<Rejection> | undefined> {
    const row = await this.#entries.selectFrom('rejections').selectAll().where('id', '=', id).executeTakeFirst()
    return row && { ...rejection(row), sealed: row.sealed, ...this.keptRequest(row) }
  }

  async listConflicts(options: PageOptions): Promise<Page<Listed<Conflict>>> {
    let query = this.#entries
      .selectFrom('conflicts')
      .select(['number', 'event', 'source', ...requestColumns])
      .select(bodyBytes)
      .orderBy('number', 'desc')
      .limit(options.limit + 1)
    const only = onlyOf(options)
    if (only !== undefined) query = query.where('source', 'in', only)
    if (options.cursor !== undefined) query = query.where('number', '<', Number(options.cursor))
    return paged(await query.execute(), options.limit, row => ({ ...conflict(row), ...listed(row) }))
  }

  async conflict(number: number): Promise<Stored<Conflict> | undefined> {
    const row = await this.#entries.selectFrom('conflicts').selectAll().where('number', '=', number).executeTakeFirst()
    return row && { ...conflict(row), ...this.keptRequest(row) }
  }

  keptRequest(row: WholeRow): KeptRequest {
    return { ...requestOf(row), body: row.body }
  }
}

/** The sources that are asked for; undefined: all. Of none there is nothing, which no engine has a list for. */
function onlyOf({ sources }: PageOptions): readonly string[] | undefined {
  return sources?.length === 0 ? [''] : sources
}

function listed(row: ListRow): Omit<KeptRequest, 'body'> & { bodyBytes: number } {
  return { ...requestOf(row), bodyBytes: row.bodyBytes }
}

function requestOf(row: RequestRow): Omit<KeptRequest, 'body'> {
  return {
    received: row.received,
    method: row.method ?? 'POST',
    rest: row.rest ?? '',
    query: row.query ?? '',
    headers: JSON.parse(row.headers) as KeptRequest['headers'],
    address: row.address,
    sha256: row.sha256,
    redacted: row.redacted === null ? [] : (JSON.parse(row.redacted) as string[]),
  }
}

function quarantined({ id, source, reason }: QuarantineEntry): QuarantineEntry {
  return { id, source, reason }
}

function rejection(row: Omit<Rejection, 'truncated' | 'sealed'> & { truncated: number }): Omit<Rejection, 'sealed'> {
  const { id, source, status, reason, truncated } = row
  return { id, source, status, reason, truncated: truncated === 1 }
}

function conflict({ number, event, source }: Conflict): Conflict {
  return { number, event, source }
}
