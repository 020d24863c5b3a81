// Rows of events, whose data may be large: of many of them lengths are read first, which takes none of the data, and then
// as many as one statement may hold.
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { EngineParts } from './queries.ts'
import type { StoredEvent } from './record.ts'
import type { EventFilter } from './store.ts'
import type { KindsTable, Tables } from './tables.ts'

/** Bytes of data that one statement reads, and that a page has before it ends; a single event may have more. */
export const dataBytesMax = 8 * 1024 * 1024

export type Row = Omit<StoredEvent, keyof Omit<KindsTable, 'id'>> & { kind: number; request: number | null }
export type Rows = SelectQueryBuilder<Tables, 'events', Row>

export const dataBytes = sql<number>`octet_length(events.data)`.as('bytes')

export interface Sized {
  sequence: number
  bytes: number
}

/** What fits in one statement of those in their order; `cut` is the first one that does not. */
export function fitting(all: readonly Sized[]): { sequences: number[]; cut: number | undefined } {
  let total = 0
  const end = all.findIndex(({ bytes }, index) => {
    total += bytes
    return index > 0 && total > dataBytesMax
  })
  const some = end === -1 ? all : all.slice(0, end)
  return { sequences: some.map(({ sequence }) => sequence), cut: end === -1 ? undefined : all[end]!.sequence }
}

export function eventRows(db: Kysely<Tables>): Rows {
  return db
    .selectFrom('events')
    .select([
      'events.sequence',
      'events.id',
      'events.kind',
      'events.request',
      'events.received',
      'events.subject',
      'events.vendorid',
      'events.vendortime',
      'events.time',
      'events.sameas',
      'events.data',
      'events.traceparent',
    ])
}

/** What `query` finds, in its order, as far as it fits; `found` is all that it finds. */
export async function readRows(
  db: Kysely<Tables>,
  isListed: EngineParts['isListed'],
  query: Rows,
  direction: 'asc' | 'desc',
): Promise<{ rows: Row[]; found: readonly number[]; cut: number | undefined }> {
  const sized = await query
    .clearSelect()
    .select(['events.sequence', dataBytes])
    .orderBy('events.sequence', direction)
    .execute()
  if (sized.length === 0) return { rows: [], found: [], cut: undefined }
  const { sequences, cut } = fitting(sized)
  const rows = await eventRows(db)
    .where(isListed('events.sequence', sequences))
    .orderBy('events.sequence', direction)
    .execute()
  return { rows, found: sized.map(({ sequence }) => sequence), cut }
}

export function narrowed(query: Rows, { subject, receivedAfter, receivedBefore }: EventFilter): Rows {
  let rows = query
  if (subject !== undefined) rows = rows.where('events.subject', '=', subject)
  if (receivedAfter !== undefined) rows = rows.where('events.received', '>=', receivedAfter)
  if (receivedBefore !== undefined) rows = rows.where('events.received', '<', receivedBefore)
  return rows
}
