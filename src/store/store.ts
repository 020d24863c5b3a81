// What the rest of the program asks of the inbox's store, whichever engine keeps it. Types only.
// A promise that append, quarantine or reject returned resolves after the commit is on disk, never before.
import type { MessagePort } from 'node:worker_threads'
import type { Audit } from './audit.ts'
import type { Deliveries } from './deliveries.ts'
import type { EventRecord, StoredEvent } from './record.ts'
import type { Tokens } from './tokens.ts'

/** A request as it is kept: its secrets scrubbed, its `redact` paths overwritten. */
export interface KeptRequest {
  /** Milliseconds since the epoch. */
  received: number
  method: string
  rest: string
  query: string
  headers: readonly (readonly [name: string, value: string])[]
  address: string
  body: Buffer
  /** SHA-256 of the body as it came, where `body` is redacted. */
  sha256: Buffer | null
  /** The paths that were overwritten. */
  redacted: readonly string[]
}

export type AppendStatus = 'accepted' | 'duplicate'

export interface AppendOutcome {
  /** `evt_…` */
  id: string
  status: AppendStatus
  /** 0 where it waits in a spool: it has no place in the log yet. */
  sequence: number
  /** The same dedupe key with other content: kept for people to see. */
  conflict: boolean
}

/** What one request brought. */
export interface Arrival {
  events: readonly EventRecord[]
  request: KeptRequest
}

export interface Rejection {
  id: Buffer
  source: string
  /** The HTTP status that was answered. */
  status: number
  reason: string
  /** Whether the body was too large to be kept whole; such a rejection cannot be rechecked. */
  truncated: boolean
  /** What the check read and the redacted values, sealed, so that a recheck can open them. */
  sealed: Buffer | null
}

export interface RejectionLimits {
  countMax: number
  bytesMax: number
}

export interface EventFilter {
  /** Globs; an event matches a list if any of it does. */
  source?: readonly string[]
  vendor?: readonly string[]
  type?: readonly string[]
  vendorType?: readonly string[]
  /** `kind/id`. */
  subject?: string
  /** `kind:id`; all must be there. */
  refs?: readonly string[]
  /** Milliseconds since the epoch: at or after, before. */
  receivedAfter?: number
  receivedBefore?: number
  /** Words, "phrases" and word*, all of which are in what is found; for lists only: see search/question.ts. */
  q?: string
}

export interface EventQuery {
  filter: EventFilter
  order: 'newest' | 'oldest'
  /** Exclusive: sequences beyond this one in the order's direction. */
  from?: number
  limit: number
}

export interface EventPage {
  events: StoredEvent[]
  /** The last sequence that was looked at, where there may be more beyond it. */
  next: number | null
  /** The highest sequence that was looked at: what a reader gives back as `after`. */
  position: number
  /** Of a search: events beyond this sequence are not in its index yet. */
  search?: { indexedThrough: number }
}

/** How far the search index has come: `behind` is how many places of the log are left. */
export interface SearchProgress {
  indexedThrough: number
  behind: number
}

/** What is searched beside identifiers, types and data: the payloads of these sources. */
export interface SearchOptions {
  payloadOf: readonly string[]
}

export interface TimelineQuery {
  /** `kind/id`. */
  subject: string
  /** Undefined: every one in which the subject occurs. */
  namespace?: string
  /** Events of these sources alone are seen, and link; undefined: of all. */
  sources?: readonly string[]
  /** Exclusive: what lies behind this sequence. */
  from?: number
  limit: number
}

export interface TimelineSubject {
  namespace: string
  /** Null: events that are linked themselves, and have no subject. */
  subject: string | null
  /** How many were found of it. */
  events: number
  /** The refs, as `kind:id`, that its events are linked by; null for the subject that was asked for. */
  via: string[] | null
}

export interface TimelinePage {
  /** Oldest first, by their place in the log. */
  events: StoredEvent[]
  /** Where the next page goes on, where there may be more. */
  next: number | null
  /** Those asked for, then what is linked, in the order in which it came into the log. */
  subjects: TimelineSubject[]
  /** Not everything was looked at: there may be more subjects, or more events of one. */
  truncated: boolean
}

/** Of a request, what its event has as `data.original`. */
export type Original = Pick<KeptRequest, 'body' | 'query'>

/** What came from one source, and what of it did not get in; counted up to 10,000 each. */
export interface SourceStats {
  source: string
  /** Milliseconds since the epoch; null where nothing of it is kept. */
  lastReceived: number | null
  /** Events that came into the log in that time. */
  lastHour: number
  lastDay: number
  quarantine: number
  rejections: number
  conflicts: number
}

export interface QuarantineEntry {
  id: Buffer
  source: string
  reason: string
}

export type Stored<T> = T & KeptRequest

/** In a list, whose bodies together may be more than memory holds: without the body, and what is sealed of it. */
export type Listed<T> = Omit<T, 'sealed'> & Omit<KeptRequest, 'body'> & { bodyBytes: number }

export interface Page<T> {
  items: T[]
  next: string | null
}

/** Of a list beside the log. */
export interface PageOptions {
  limit: number
  cursor?: string
  /** Of any of these alone; undefined: of all. */
  sources?: readonly string[]
}

export interface Conflict {
  number: number
  event: Buffer
  source: string
}

/** Goes to one other thread, with its ports in the transfer list. */
export type StoreChannel =
  | { engine: 'sqlite'; path: string; port: MessagePort }
  | { engine: 'postgres'; options: PostgresOptions }

/** The store as another thread of the process has it. */
export type StoreConnection = Pick<Store, 'deliveries' | 'append' | 'failed' | 'close'>

/** Plain data. */
export interface PostgresOptions {
  /** `postgres://…`; of several hosts, separated by commas, the one that takes writes. */
  url: string
  /** Past a pooler, for LISTEN; undefined: `url`. Null: nobody is told, everybody polls. */
  directUrl?: string | null
  /** Connections at the most, for each thread that has the store. */
  poolMax: number
  /** After so long without an answer the outcome of a write is unknown, and its connection is given up. */
  ackTimeoutMs: number
  /** This process, among all that share the database. */
  node: string
  leaseMs: number
}

export interface StoreHealth {
  ok: boolean
  /** `full`, `locked`, `readonly`, `failed`, `unreachable`, `spool_full`, where it is not. */
  problem?: string
  /** The database is away: what comes in is kept in the spool. */
  degraded?: 'spooling'
  spool?: SpoolState
}

/** What waits on this node for the database. */
export interface SpoolState {
  /** Events, quarantine and rejections; without those that are set aside. */
  entries: number
  bytes: number
  bytesMax: number
  /** Age of the oldest entry; 0 for none. */
  oldestSeconds: number
  /** Entries that the database has refused for what they hold. */
  refused: number
}

/** Told of what leaves the spool; it must not throw. */
export interface SpoolObserver {
  /** So many entries are in the log, or where else they belong. */
  drained(entries: number): void
  /** So many were refused by the database for what they hold, and stay where they are. */
  refused(entries: number): void
}

/** A store with a spool before it. */
export interface SpooledStore extends Store {
  spool(): Promise<SpoolState>
  /** Once it is closed, which moves on what it can within some seconds: how many entries have stayed on the disk. */
  readonly left: number
}

/** Told of each commit; it must not throw. */
export interface StoreObserver {
  /** `elapsedMs`: from handing the batch over until it was on disk. */
  committed(batchSize: number, elapsedMs: number): void
  /** Of what keeps nobody from working, and people should know. */
  warned?(message: string): void
}

export interface Store {
  /** What the delivery works on. */
  readonly deliveries: Deliveries
  readonly tokens: Tokens
  readonly audit: Audit
  /** How another thread of this process reaches the same store: see `connect` of the engine. */
  channel(): StoreChannel
  /** In one transaction: dedupe, place in the log, and the request's bytes. */
  append(events: readonly EventRecord[], request: KeptRequest): Promise<AppendOutcome[]>
  /**
   * The same for several whose order counts: in the log each stands behind the one before. Where it fails, none of them is
   * there, or the first of them, or nobody knows: it is harmless to repeat.
   */
  appendInOrder(arrivals: readonly Arrival[]): Promise<AppendOutcome[][]>
  quarantine(entry: QuarantineEntry, request: KeptRequest): Promise<AppendStatus>
  reject(rejection: Rejection, request: KeptRequest, limits: RejectionLimits): Promise<void>
  /** Appends what waited in quarantine and removes it there, in one transaction. */
  release(id: Buffer, events: readonly EventRecord[], request: KeptRequest): Promise<AppendOutcome[]>
  /** The same for a rejection that passes today's check; into quarantine where no adapter understands it. */
  admit(id: Buffer, events: readonly EventRecord[] | QuarantineEntry, request: KeptRequest): Promise<AppendOutcome[]>
  discard(quarantineId: Buffer): Promise<boolean>

  /** Throws AppError `bad_request` for a `q` that cannot be asked. */
  list(query: EventQuery): Promise<EventPage>
  /** Null where nothing is searched. */
  readonly search: { progress(): Promise<SearchProgress | null> }
  event(id: Buffer): Promise<StoredEvent | undefined>
  timeline(query: TimelineQuery): Promise<TimelinePage>
  /** The request that an event came in. */
  requestOf(event: StoredEvent): Promise<KeptRequest | undefined>
  /**
   * By sequence, the originals of the first of these events, as far as they are at most `bytesMax` bytes together, but at
   * least of one; `upTo` is the last event that they were read of. What is no longer kept is left out.
   */
  originals(
    events: readonly StoredEvent[],
    bytesMax: number,
  ): Promise<{ originals: ReadonlyMap<number, Original>; upTo: number }>
  /** Of every source that anything is kept of, by name. */
  stats(now: number): Promise<SourceStats[]>
  listQuarantine(page: PageOptions): Promise<Page<Listed<QuarantineEntry>>>
  quarantined(id: Buffer): Promise<Stored<QuarantineEntry> | undefined>
  listRejections(page: PageOptions): Promise<Page<Listed<Rejection>>>
  rejection(id: Buffer): Promise<Stored<Rejection> | undefined>
  listConflicts(page: PageOptions): Promise<Page<Listed<Conflict>>>
  conflict(number: number): Promise<Stored<Conflict> | undefined>

  /**
   * Calls `listener` after commits that brought events, at least once after the last of them; returns how to end that.
   */
  onAppended(listener: () => void): () => void
  /** Deletes what is older than each source's cut-off, in small steps; resolves with the number of events deleted. */
  expire(cutoffs: ReadonlyMap<string, number>, fallback: number, now: number, signal: AbortSignal): Promise<number>
  /** Whether this node is the one that does what only one at a time should: `retention`. See `Deliveries.owns`. */
  owns(duty: string): boolean
  /** The highest sequence, and the oldest that is kept (0 for an empty log). */
  extent(): Promise<{ head: number; oldest: number; epoch: string }>
  health(): Promise<StoreHealth>
  /** Resolves when it can be used: one that was opened while its server was away waits for it. */
  readonly ready: Promise<void>
  /** Resolves when the store can no longer be trusted: after an I/O error it is never written to again. */
  readonly failed: Promise<Error>
  /** Commits what was taken, then closes. */
  close(): Promise<void>
}
