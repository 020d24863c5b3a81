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
  /** The trace that its request was part of. */
  traceparent: string | null
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

export interface SubscriptionsTable {
  number: Generated<number>
  name: string
  origin: 'config' | 'api'
  spec: string
  sealed: Buffer | null
  cursor: number
  paused: 'person' | 'gone' | null
  pausedat: number | null
  removedat: number | null
  /** BreakerState as JSON. */
  breaker: string
  createdat: number
}

/** One event on its way to one subscription. The key makes it unique, and lies beside its neighbours in the log. */
export interface DeliveriesTable {
  sequence: number
  subscription: number
  /** 0 for the live flow. */
  replay: number
  /** The place in `deliveryStates`. */
  state: number
  /** Leases so far: the number of the latest attempt. */
  attempt: Generated<number>
  /** Failures charged. */
  spent: Generated<number>
  /** When it is due; of one that is delivering, when it was leased. */
  due: number
  settledat: number | null
  /** Null for one that has none, and for one that has left it: whoever is in a lane is in its index. */
  lane: string | null
}

export interface AttemptsTable {
  sequence: number
  subscription: number
  replay: number
  number: number
  startedat: number
  elapsedms: number
  result: string
  status: number | null
  reason: string | null
  answer: string | null
}

/** How many deliveries are in each state. The rows of replay 0 count all of a subscription, replays included. */
export interface DeliveryCountsTable {
  subscription: number
  replay: number
  /** The place in `deliveryStates`; behind the last of them, dead ones that hold their lane. */
  state: number
  count: number
}

export interface ReplaysTable {
  number: Generated<number>
  subscription: number
  filter: string
  first: number
  last: number
  cursor: number
  state: 'running' | 'done' | 'cancelled'
  matched: Generated<number>
  /** Idempotency-Key. */
  key: string | null
  createdat: number
  endedat: number | null
}

/** One row: the configuration's revision that was last applied. */
export interface RevisionTable {
  one: number
  revision: number
}

export interface TokensTable {
  number: Generated<number>
  id: Buffer
  name: string
  hash: Buffer
  /** JSON arrays of names. */
  scopes: string
  sources: string | null
  createdat: number
  expiresat: number | null
  usedat: number | null
  revokedat: number | null
}

export interface AuditTable {
  number: Generated<number>
  id: Buffer
  at: number
  actor: string
  tokenid: string | null
  action: string
  target: string
  detail: string
  address: string
  status: number | null
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
  subscriptions: SubscriptionsTable
  deliveries: DeliveriesTable
  attempts: AttemptsTable
  delivery_counts: DeliveryCountsTable
  replays: ReplaysTable
  revision: RevisionTable
  tokens: TokensTable
  audit: AuditTable
}
