// The tables, as Kysely sees them. Every column that repeats from event to event is in `kinds` once; every index is
// there for one of the queries that src/store/queries lists.
import type { Generated } from 'kysely'

/** What an event has in common with many others. */
export interface KindsTable {
  id: Generated<number>
  source: string
  vendor: string
  type: string
  vendortype: string
  environment: string | null
  namespace: string
}

export interface EventsTable {
  sequence: number
  id: Buffer
  kind: number
  /** The sequence that its request is kept under; null where that is its own. */
  request: number | null
  received: number
  subject: string | null
  vendorid: string | null
  vendortime: string | null
  time: string | null
  /** A quick hash of the soft key: it suggests, it decides nothing. */
  soft: number | null
  sameas: Buffer | null
  data: string
}

/** Dedupe and look-up; outlives the events. `content` is 8 bytes of its hash. */
export interface IdentitiesTable {
  id: Buffer
  sequence: number
  content: Buffer
}

/** See sqlite/ref-index.ts. */
export interface RefsTable {
  bucket: number
  key: number
  sequence: number
}

/** For each minute of receipt the lowest and highest sequence: what a time range is turned into. */
export interface MinutesTable {
  minute: number
  first: number
  last: number
}

/** A kept request's columns, in every table that keeps one. */
export interface RequestColumns {
  /** Null where POST, empty, none. */
  method: string | null
  rest: string | null
  query: string | null
  headers: string
  address: string
  sha256: Buffer | null
  redacted: string | null
  body: Buffer
}

export interface RequestsTable extends RequestColumns {
  sequence: number
}

export interface QuarantineTable extends RequestColumns {
  number: Generated<number>
  id: Buffer
  source: string
  received: number
  reason: string
}

export interface RejectionsTable extends RequestColumns {
  number: Generated<number>
  id: Buffer
  source: string
  received: number
  status: number
  reason: string
  truncated: number
  sealed: Buffer | null
  bytes: number
}

export interface ConflictsTable extends RequestColumns {
  number: Generated<number>
  event: Buffer
  content: Buffer
  source: string
  received: number
}

/** One row: the log's epoch and its highest sequence, so that none is ever used again. */
export interface LogTable {
  one: number
  epoch: string
  head: number
}

export interface Tables {
  kinds: KindsTable
  events: EventsTable
  identities: IdentitiesTable
  refs: RefsTable
  minutes: MinutesTable
  requests: RequestsTable
  quarantine: QuarantineTable
  rejections: RejectionsTable
  conflicts: ConflictsTable
  log: LogTable
}
