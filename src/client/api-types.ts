// What the API takes and answers. Made by scripts/api-types.ts from the OpenAPI document: not to be changed by hand.
// Of the answers only those of success are here: the client throws the others.

export type EventList = {
  items: Event[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
  /** with `after`: how far was looked, to give back as `after` */
  position?: string
  /** with `q`: events beyond this sequence cannot be found by words yet */
  search?: {
    /** a position in the log: 16 digits, so that texts sort as numbers do */
    indexedThrough: string
  }
}

export type Event = {
  specversion: '1.0'
  id: string
  /** `/sources/<name>` */
  source: string
  type: string
  /** what the event is about, as kind/id */
  subject?: string
  /** the vendor's own, all its digits kept; without one the receipt's */
  time: string
  datacontenttype: 'application/json'
  /** there for the types of the catalogue: see `/schemas` */
  dataschema?: string
  vendor: string
  vendortype: string
  vendorid?: string
  /** as it was sent */
  vendortime?: string
  environment?: string
  receivedtime: string
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  sequence: string
  /** the id of an earlier event that seems to tell the same */
  sameas?: string
  /** what the event tells: `refs`, and whatever its type has; `original` where it is included */
  data: {
    refs: Record<string, string>
    [name: string]: unknown
  }
}

export type Problem = {
  type: 'about:blank'
  title: string
  status: number
  code: 'method_not_allowed' | 'bad_request' | 'bad_cursor' | 'unauthenticated' | 'forbidden' | 'not_found' | 'subscription_in_config' | 'subscription_removed' | 'not_matching' | 'not_settled' | 'lane_not_held' | 'too_many_subscriptions' | 'token_name_taken' | 'too_many_tokens' | 'position_gone' | 'body_too_large' | 'idempotency_key_reused' | 'store_refused' | 'internal' | 'unavailable' | 'store_full' | 'store_busy' | 'store_readonly' | 'store_failed' | 'store_unreachable'
  detail: string
  /** what is wrong, each at its place */
  errors: {
    /** a parameter of the query, or a header */
    parameter?: string
    /** a member of the body (RFC 6901) */
    pointer?: string
    detail: string
    /** of `position_gone`: where to read on from, as `after` */
    position?: string
  }[]
}

export type Timeline = {
  items: Event[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
  /** whose events these are: at the most 50 are linked */
  subjects: {
    namespace: string
    /** null: events that are linked themselves, and have no subject */
    subject: string | null
    /** how many were found of it */
    events: number
    /** the refs by which its events are linked; null for the subject that was asked for */
    via: string[] | null
  }[]
  /** not everything was looked at: there may be more subjects, or more events of one */
  truncated: boolean
}

export type SubscriptionList = {
  items: Subscription[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type Subscription = {
  name: string
  /** of the configuration file, or made here */
  origin: 'config' | 'api'
  createdAt: string
  removedAt: string | null
  /** why it cannot be delivered to */
  problem: string | null
  paused: {
    by: 'person' | 'gone'
    at: string | null
  } | null
  /** how far it has read */
  cursor: string
  /** events behind the log's head */
  lag: number
  oldestUnsettledAt: string | null
  /** how many deliveries are in each state */
  deliveries: {
    waiting: number
    pending: number
    delivering: number
    retrying: number
    succeeded: number
    dead: number
    skipped: number
    cancelled: number
    expired: number
  }
  lanesHeld: number
  types: string[]
  vendorTypes: string[]
  sources: string[]
  /** JMESPath over the event */
  filter: string | null
  concurrency: number
  rate: {
    limit: number
    intervalMs: number
  } | null
  order: 'none' | 'subject'
  onDead: 'hold' | 'skip'
  retry: {
    scheduleMs: number[]
    jitter: number
  }
  timeoutMs: number
  include: 'original'[]
  skipSame: boolean
  start: 'now' | 'beginning' | {
    sequence: number
  } | {
    time: string
  }
  to: HttpDestination | HandlerDestination
  breaker: {
    failures: number
    coolDownMs: number
    state: 'closed' | 'open' | 'half_open'
    consecutiveFailures: number
    opened: number
    until: string | null
  }
}

export type HttpDestination = {
  kind: 'http'
  /** its query reads `?…`, since keys travel there */
  url: string
  format: 'cloudevent' | 'original' | 'slack' | 'teams'
  /** by how many secrets each attempt is signed */
  signatures: number
  /** their names */
  headers: string[]
  auth: {
    kind: 'basic'
    username: string
  } | {
    kind: 'bearer'
  } | {
    kind: 'oauth'
    tokenUrl: string
    clientId: string
    scopes: string[]
    audience: string | null
  } | null
  tls: {
    cert: boolean
    ca: boolean
  } | null
  proxy: string | null
  deadOn: number[]
  connectTimeoutMs: number
  headersTimeoutMs: number
  bodyTimeoutMs: number
}

export type HandlerDestination = {
  kind: 'handler'
  memoryMiB: number
}

export type PutSubscription = {
  name: string
  /** of the configuration file, or made here */
  origin: 'config' | 'api'
  createdAt: string
  removedAt: string | null
  /** why it cannot be delivered to */
  problem: string | null
  paused: {
    by: 'person' | 'gone'
    at: string | null
  } | null
  /** how far it has read */
  cursor: string
  /** events behind the log's head */
  lag: number
  oldestUnsettledAt: string | null
  /** how many deliveries are in each state */
  deliveries: {
    waiting: number
    pending: number
    delivering: number
    retrying: number
    succeeded: number
    dead: number
    skipped: number
    cancelled: number
    expired: number
  }
  lanesHeld: number
  types: string[]
  vendorTypes: string[]
  sources: string[]
  /** JMESPath over the event */
  filter: string | null
  concurrency: number
  rate: {
    limit: number
    intervalMs: number
  } | null
  order: 'none' | 'subject'
  onDead: 'hold' | 'skip'
  retry: {
    scheduleMs: number[]
    jitter: number
  }
  timeoutMs: number
  include: 'original'[]
  skipSame: boolean
  start: 'now' | 'beginning' | {
    sequence: number
  } | {
    time: string
  }
  to: HttpDestination | HandlerDestination
  breaker: {
    failures: number
    coolDownMs: number
    state: 'closed' | 'open' | 'half_open'
    consecutiveFailures: number
    opened: number
    until: string | null
  }
  /** the signing secret that was made: it is shown this once */
  secret?: string
}

export type SubscriptionOptions = {
  types?: string[]
  vendorTypes?: string[]
  sources?: string[]
  filter?: string
  concurrency?: number
  rate?: {
    limit: number
    intervalMs: number
  }
  order?: 'none' | 'subject'
  onDead?: 'hold' | 'skip'
  retry?: {
    scheduleMs?: number[]
    jitter?: number
  }
  breaker?: {
    failures?: number
    coolDownMs?: number
  }
  timeoutMs?: number
  include?: 'original'[]
  skipSame?: boolean
  start?: 'now' | 'beginning' | {
    sequence: number
  } | {
    time: string
  }
  to: HttpOptions
}

export type HttpOptions = {
  kind?: 'http'
  url: string
  format?: 'cloudevent' | 'original' | 'slack' | 'teams'
  secret?: string | string[]
  headers?: Record<string, string>
  auth?: {
    kind: 'basic'
    username: string
    password: string
  } | {
    kind: 'bearer'
    token: string
  } | {
    kind: 'oauth'
    tokenUrl: string
    clientId: string
    clientSecret: string
    scopes?: string[]
    audience?: string
  }
  tls?: {
    cert?: string
    key?: string
    ca?: string
  }
  deadOn?: number[]
  connectTimeoutMs?: number
  headersTimeoutMs?: number
  bodyTimeoutMs?: number
}

export type Outcome = {
  result: 'succeeded' | 'failed' | 'dead' | 'gone' | 'released'
  status: number | null
  reason: string | null
  answer: string | null
  retryAfterMs: number | null
}

export type Retried = {
  retried: number
}

export type DeliveryList = {
  items: Delivery[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type Delivery = {
  id: string
  subscription: string | null
  /** its id; null: it is kept no longer */
  event: string | null
  type: string | null
  subject: string | null
  namespace: string | null
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  sequence: string
  /** the replay that it belongs to; null: the live flow */
  replay: string | null
  state: 'waiting' | 'pending' | 'delivering' | 'retrying' | 'succeeded' | 'dead' | 'skipped' | 'cancelled' | 'expired'
  attemptsMade: number
  /** charged to its budget */
  failures: number
  dueAt: string | null
  /** of the attempt that is under way */
  startedAt: string | null
  settledAt: string | null
  /** whether it is dead and holds what stands behind it */
  holdsLane: boolean
}

export type DeliveryWithAttempts = {
  id: string
  subscription: string | null
  /** its id; null: it is kept no longer */
  event: string | null
  type: string | null
  subject: string | null
  namespace: string | null
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  sequence: string
  /** the replay that it belongs to; null: the live flow */
  replay: string | null
  state: 'waiting' | 'pending' | 'delivering' | 'retrying' | 'succeeded' | 'dead' | 'skipped' | 'cancelled' | 'expired'
  attemptsMade: number
  /** charged to its budget */
  failures: number
  dueAt: string | null
  /** of the attempt that is under way */
  startedAt: string | null
  settledAt: string | null
  /** whether it is dead and holds what stands behind it */
  holdsLane: boolean
  attempts: Attempt[]
}

export type Attempt = {
  number: number
  startedAt: string
  elapsedMs: number
  /** `succeeded`, `failed`, `dead`, `gone` or `released` */
  result: string
  /** the answer's HTTP status */
  status: number | null
  /** why it did not succeed */
  reason: string | null
  /** the answer's beginning */
  answer: string | null
}

export type SkippedLane = {
  skipped: Delivery
}

export type DryRun = {
  subscription: string
  dryRun: true
  matched: number
  /** events that the subscription's filter cannot be evaluated on */
  failed: number
  /** false: the time was over before the end of the log */
  complete: boolean
  /** how far it looked */
  position: string
  sample: {
    id: string
    /** a position in the log: 16 digits, so that texts sort as numbers do */
    sequence: string
    source: string
    type: string
    subject: string | null
    receivedAt: string
  }[]
}

export type BegunReplay = {
  id: string
  subscription: string | null
  /** as it was given, with lists */
  filter: Record<string, unknown>
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  first: string
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  last: string
  createdAt: string
}

export type ReplayFilter = {
  /** globs over sources; any of them may match. `*` stands for any text */
  source?: string[]
  /** globs over vendors; any of them may match. `*` stands for any text */
  vendor?: string[]
  /** globs over types; our own events only where one names them (`postern.*`); any of them may match. `*` stands for any text */
  type?: string[]
  /** globs over vendors' types; any of them may match. `*` stands for any text */
  vendorType?: string[]
  /** a business object as kind/id, to the letter */
  subject?: string
  /** identifiers as kind:id; all must be there */
  ref?: string[]
  /** received at that time or after */
  receivedAfter?: string
  /** received before that time */
  receivedBefore?: string
}

export type Replay = {
  id: string
  subscription: string | null
  /** as it was given, with lists */
  filter: Record<string, unknown>
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  first: string
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  last: string
  createdAt: string
  state: 'running' | 'done' | 'cancelled'
  /** a position in the log: 16 digits, so that texts sort as numbers do */
  position: string
  /** events of the log so far */
  lookedAt: number
  matched: number
  /** how many of its deliveries are in each state */
  deliveries: {
    waiting: number
    pending: number
    delivering: number
    retrying: number
    succeeded: number
    dead: number
    skipped: number
    cancelled: number
    expired: number
  }
  endedAt: string | null
}

export type EventReplays = {
  replays: {
    id: string
    subscription: string
    delivery: string
  }[]
}

export type QuarantineList = {
  items: QuarantinedRequest[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type QuarantinedRequest = {
  receivedAt: string
  method: string
  /** the path behind the source, without its token */
  rest: string
  /** its parameters; of a request by GET or without a body, where they are the payload, their names alone without the scope `raw` */
  query: string
  /** names and values in their order; where secrets travel, `[scrubbed]` */
  headers: string[][]
  address: string
  /** the body's size */
  bytes: number
  /** the paths that were overwritten */
  redacted: string[]
  id: string
  source: string
  reason: string
}

export type Released = {
  /** events that are in the log now */
  released: number
  /** requests that are still not understood */
  waiting: number
}

export type Discarded = {
  discarded: true
}

export type RejectionList = {
  items: Rejection[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type Rejection = {
  receivedAt: string
  method: string
  /** the path behind the source, without its token */
  rest: string
  /** its parameters; of a request by GET or without a body, where they are the payload, their names alone without the scope `raw` */
  query: string
  /** names and values in their order; where secrets travel, `[scrubbed]` */
  headers: string[][]
  address: string
  /** the body's size */
  bytes: number
  /** the paths that were overwritten */
  redacted: string[]
  id: string
  source: string
  /** that was answered */
  status: number
  reason: string
  /** the body was too large to be kept whole: it cannot be checked again */
  truncated: boolean
}

export type Rechecked = {
  admitted: number
  quarantined: number
  refused: number
}

export type ConflictList = {
  items: Conflict[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type Conflict = {
  receivedAt: string
  method: string
  /** the path behind the source, without its token */
  rest: string
  /** its parameters; of a request by GET or without a body, where they are the payload, their names alone without the scope `raw` */
  query: string
  /** names and values in their order; where secrets travel, `[scrubbed]` */
  headers: string[][]
  address: string
  /** the body's size */
  bytes: number
  /** the paths that were overwritten */
  redacted: string[]
  number: number
  /** the id of the event that came first, and stays */
  event: string
  source: string
}

export type SourceList = {
  items: Source[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type Source = {
  name: string
  vendor: string
  /** what is entered at the vendor */
  url: string
  namespace: string
  environment: string | null
  check: Check
}

export type Check = {
  /** `hmac`, `basic`, `allOf`, `unverified` … */
  kind: string
  /** why nothing is checked */
  why?: string
  of?: Check[]
}

export type TokenList = {
  items: Token[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type Token = {
  id: string
  /** of those that are not revoked only one has it */
  name: string
  /** `raw` and `operate` may read too, and `admin` may everything */
  scopes: ('read' | 'raw' | 'operate' | 'admin')[]
  /** what it is limited to; null: nothing */
  sources: string[] | null
  createdAt: string
  expiresAt: string | null
  /** its last use, to the minute */
  usedAt: string | null
  revokedAt: string | null
}

export type MadeToken = Token & {
  /** what to send; it is in this one answer, and kept nowhere */
  token: string
}

export type AuditList = {
  items: AuditEntry[]
  /** the `cursor` of the next page; null: this is the last */
  next: string | null
}

export type AuditEntry = {
  id: string
  at: string
  /** the token's name; `admin` is the token of the environment */
  actor: string
  tokenId: string | null
  action: string
  /** what it was done to; empty where it is not one thing */
  target: string
  /** what was asked for, without secrets */
  detail: Record<string, unknown>
  /** the client's */
  address: string
  /** that was answered; null: it is under way, or the gateway ended before it was */
  status: number | null
}

export type Stats = {
  at: string
  log: {
    /** the newest event */
    head: string
    /** the oldest event kept; null: there is none */
    oldest: string | null
    /** another one after a restore: positions of before are of another log */
    epoch: string
  }
  store: {
    /** whether it can commit */
    ok: boolean
    /** `full`, `locked`, `readonly`, `unreachable` … */
    problem: string | null
    degraded: 'spooling' | null
    /** what waits on this node while the database is away */
    spool: {
      entries: number
      bytes: number
      bytesMax: number
      oldestSeconds: number
      refused: number
    } | null
  }
  /** how far the search index has come; null: nothing is searched */
  search: {
    /** a position in the log: 16 digits, so that texts sort as numbers do */
    indexedThrough: string
    /** places of the log that it has not come to yet */
    behind: number
  } | null
  sources: {
    name: string
    /** false: of the past, or our own events */
    configured: boolean
    lastReceivedAt: string | null
    /** that came into the log since */
    events: {
      lastHour: number
      lastDay: number
    }
    /** counted up to 10,000 */
    quarantine: number
    /** counted up to 10,000 */
    rejections: number
    /** counted up to 10,000 */
    conflicts: number
  }[]
  subscriptions: {
    name: string
    paused: 'person' | 'gone' | null
    breaker: 'closed' | 'open' | 'half_open'
    /** events behind the log's head */
    lag: number
    oldestUnsettledAt: string | null
    lanesHeld: number
    /** how many deliveries are in each state */
    deliveries: {
      waiting: number
      pending: number
      delivering: number
      retrying: number
      succeeded: number
      dead: number
      skipped: number
      cancelled: number
      expired: number
    }
  }[]
}

export type Document = {
  openapi: '3.1.0'
  info: {
    title: string
    version: string
    [name: string]: unknown
  }
  paths: Record<string, unknown>
  components: Record<string, unknown>
  [name: string]: unknown
}

export interface paths {
  '/events': {
    /** Events, newest first, or behind a position */
    get: {
      parameters: {
        query?: {
          /** globs over sources; any of them may match. `*` stands for any text */
          source?: string[] | undefined
          /** globs over vendors; any of them may match. `*` stands for any text */
          vendor?: string[] | undefined
          /** globs over types; our own events only where one names them (`postern.*`); any of them may match. `*` stands for any text */
          type?: string[] | undefined
          /** globs over vendors' types; any of them may match. `*` stands for any text */
          vendorType?: string[] | undefined
          /** a business object as kind/id, to the letter */
          subject?: string | undefined
          /** identifiers as kind:id; all must be there */
          ref?: string[] | undefined
          /** received at that time or after */
          receivedAfter?: string | undefined
          /** received before that time */
          receivedBefore?: string | undefined
          /** words, "phrases" and beginnings (`word*`), all of which are in what is found: in identifiers, types, the names and texts of `data`, and in payloads where their source says so */
          q?: string | undefined
          /** a position: what comes behind it, ascending; 0 for all there is */
          after?: string | undefined
          /** beside `after`: seconds to wait for news where there is none */
          wait?: number | undefined
          /** which come first; default newest */
          order?: 'newest' | 'oldest' | undefined
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
          /** `original`: the vendor's own content as `data.original`; takes the scope `raw` */
          include?: 'original'[] | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': EventList } }
      }
    }
  }
  '/events/stream': {
    /** Events as they are committed, as server-sent events */
    get: {
      parameters: {
        query?: {
          /** globs over sources; any of them may match. `*` stands for any text */
          source?: string[] | undefined
          /** globs over vendors; any of them may match. `*` stands for any text */
          vendor?: string[] | undefined
          /** globs over types; our own events only where one names them (`postern.*`); any of them may match. `*` stands for any text */
          type?: string[] | undefined
          /** globs over vendors' types; any of them may match. `*` stands for any text */
          vendorType?: string[] | undefined
          /** a business object as kind/id, to the letter */
          subject?: string | undefined
          /** identifiers as kind:id; all must be there */
          ref?: string[] | undefined
          /** received at that time or after */
          receivedAfter?: string | undefined
          /** received before that time */
          receivedBefore?: string | undefined
          /** a position: what comes behind it, ascending; 0 for all there is */
          after?: string | undefined
          /** `original`: the vendor's own content as `data.original`; takes the scope `raw` */
          include?: 'original'[] | undefined
        }
        header?: {
          /** the last `id` that came; counts for more than `after` */
          'Last-Event-ID'?: string | undefined
        }
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'text/event-stream': string } }
      }
    }
  }
  '/events/{id}': {
    /** One event */
    get: {
      parameters: {
        query?: {
          /** `original`: the vendor's own content as `data.original`; takes the scope `raw` */
          include?: 'original'[] | undefined
        }
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the event's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Event } }
      }
    }
  }
  '/events/{id}/raw': {
    /** The body of an event's request, byte for byte */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the event's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/octet-stream': string } }
      }
    }
  }
  '/events/export': {
    /** All events that match, one line of JSON each */
    get: {
      parameters: {
        query?: {
          /** globs over sources; any of them may match. `*` stands for any text */
          source?: string[] | undefined
          /** globs over vendors; any of them may match. `*` stands for any text */
          vendor?: string[] | undefined
          /** globs over types; our own events only where one names them (`postern.*`); any of them may match. `*` stands for any text */
          type?: string[] | undefined
          /** globs over vendors' types; any of them may match. `*` stands for any text */
          vendorType?: string[] | undefined
          /** a business object as kind/id, to the letter */
          subject?: string | undefined
          /** identifiers as kind:id; all must be there */
          ref?: string[] | undefined
          /** received at that time or after */
          receivedAfter?: string | undefined
          /** received before that time */
          receivedBefore?: string | undefined
          /** words, "phrases" and beginnings (`word*`), all of which are in what is found: in identifiers, types, the names and texts of `data`, and in payloads where their source says so */
          q?: string | undefined
          /** a position: what comes behind it, ascending; 0 for all there is */
          after?: string | undefined
          /** which come first; default oldest */
          order?: 'newest' | 'oldest' | undefined
          /** `original`: the vendor's own content as `data.original`; takes the scope `raw` */
          include?: 'original'[] | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/x-ndjson': string } }
      }
    }
  }
  '/timeline': {
    /** What happened to a business object, and to what is linked to it one step away */
    get: {
      parameters: {
        query: {
          /** a business object as kind/id, to the letter */
          subject: string
          /** of this namespace alone; default: all in which the subject occurs */
          namespace?: string | undefined
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Timeline } }
      }
    }
  }
  '/subscriptions': {
    /** All subscriptions, with their options and where they stand */
    get: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': SubscriptionList } }
      }
    }
  }
  '/subscriptions/{name}': {
    /** One subscription */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Subscription } }
      }
    }
    /** Makes a subscription, or gives the options of one that was made here anew */
    put: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody: { content: { 'application/json': SubscriptionOptions } }
      responses: {
        200: { content: { 'application/json': PutSubscription } }
        201: { content: { 'application/json': PutSubscription } }
      }
    }
    /** Ends a subscription, and cancels what it has not delivered */
    delete: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Subscription } }
      }
    }
  }
  '/subscriptions/{name}/pause': {
    /** Pauses a subscription: what comes meanwhile waits in the log */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Subscription } }
      }
    }
  }
  '/subscriptions/{name}/resume': {
    /** Resumes a subscription that a person or an answer of 410 has paused; an open breaker tries it at once */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Subscription } }
      }
    }
  }
  '/subscriptions/{name}/test': {
    /** Sends one made event now, which is stored nowhere, and answers with the outcome */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Outcome } }
      }
    }
  }
  '/subscriptions/{name}/retry': {
    /** Tries all its dead deliveries again, with a fresh budget */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the subscription's name */
          name: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Retried } }
      }
    }
  }
  '/deliveries': {
    /** Deliveries, newest first */
    get: {
      parameters: {
        query?: {
          /** its name */
          subscription?: string | undefined
          state?: 'waiting' | 'pending' | 'delivering' | 'retrying' | 'succeeded' | 'dead' | 'skipped' | 'cancelled' | 'expired' | undefined
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': DeliveryList } }
      }
    }
  }
  '/deliveries/{id}': {
    /** One delivery, with its attempts */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the delivery's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': DeliveryWithAttempts } }
      }
    }
  }
  '/events/{id}/deliveries': {
    /** All deliveries of one event, replays among them */
    get: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the event's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': DeliveryList } }
      }
    }
  }
  '/deliveries/{id}/retry': {
    /** Tries a delivery that is dead, skipped or cancelled again */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the delivery's id */
          id: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Delivery } }
      }
    }
  }
  '/lanes/skip': {
    /** Skips what holds a subject's lane, so that what waits behind it goes on */
    post: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody: { content: { 'application/json': {
        /** the subscription's name */
        subscription: string
        /** a business object as kind/id, to the letter */
        subject: string
        /** must be said where several have such a subject */
        namespace?: string
      } } }
      responses: {
        200: { content: { 'application/json': SkippedLane } }
      }
    }
  }
  '/replays': {
    /** Sends events once more, to one subscription */
    post: {
      parameters: {
        query?: never
        header?: {
          /** 1 to 255 visible characters of your making, for a request that may be sent again */
          'Idempotency-Key'?: string | undefined
        }
        path?: never
      }
      requestBody: { content: { 'application/json': {
        filter: ReplayFilter
        /** the subscription's name */
        subscription: string
        /** nothing is sent: the answer says what would be */
        dryRun?: boolean
      } } }
      responses: {
        200: { content: { 'application/json': DryRun } }
        202: { content: { 'application/json': BegunReplay } }
      }
    }
  }
  '/replays/{id}': {
    /** How far a replay is */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the replay's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Replay } }
      }
    }
  }
  '/replays/{id}/cancel': {
    /** Ends a replay, and cancels those of its deliveries that are not settled */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the replay's id */
          id: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Replay } }
      }
    }
  }
  '/events/{id}/replay': {
    /** Sends one event once more, to whoever asks for it or to one subscription */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the event's id */
          id: string
        }
      }
      requestBody?: { content: { 'application/json': {
        /** the subscription's name */
        subscription?: string
      } } }
      responses: {
        202: { content: { 'application/json': EventReplays } }
      }
    }
  }
  '/quarantine': {
    /** Genuine requests that no adapter understood, newest first */
    get: {
      parameters: {
        query?: {
          /** of this source alone */
          source?: string | undefined
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': QuarantineList } }
      }
    }
  }
  '/quarantine/{id}': {
    /** One of them */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the request's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': QuarantinedRequest } }
      }
    }
  }
  '/quarantine/{id}/raw': {
    /** Its body, byte for byte */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the request's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/octet-stream': string } }
      }
    }
  }
  '/quarantine/release': {
    /** Tries them again, and releases what is understood now */
    post: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody?: { content: { 'application/json': {
        filter?: {
          source?: string
          id?: string
        }
      } } }
      responses: {
        200: { content: { 'application/json': Released } }
      }
    }
  }
  '/quarantine/{id}/discard': {
    /** Removes one for good */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the request's id */
          id: string
        }
      }
      requestBody?: { content: { 'application/json': Record<string, unknown> } }
      responses: {
        200: { content: { 'application/json': Discarded } }
      }
    }
  }
  '/rejections': {
    /** Requests that failed their check, newest first */
    get: {
      parameters: {
        query?: {
          /** of this source alone */
          source?: string | undefined
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': RejectionList } }
      }
    }
  }
  '/rejections/{id}/raw': {
    /** The body of one, byte for byte */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the request's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/octet-stream': string } }
      }
    }
  }
  '/rejections/recheck': {
    /** Checks a source's rejections again, at the clock of their receipt, and admits what passes */
    post: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody: { content: { 'application/json': {
        source: string
      } } }
      responses: {
        200: { content: { 'application/json': Rechecked } }
      }
    }
  }
  '/conflicts': {
    /** The same dedupe key with other content, newest first */
    get: {
      parameters: {
        query?: {
          /** of this source alone */
          source?: string | undefined
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': ConflictList } }
      }
    }
  }
  '/conflicts/{number}/raw': {
    /** The body of one, byte for byte */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path: {
          /** the conflict's number */
          number: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/octet-stream': string } }
      }
    }
  }
  '/sources': {
    /** The configured entrances, and the kinds of their checks */
    get: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': SourceList } }
      }
    }
  }
  '/tokens': {
    /** The tokens that were made here, newest first */
    get: {
      parameters: {
        query?: {
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
          /** `true`: those that are revoked too, for 400 days */
          revoked?: boolean | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': TokenList } }
      }
    }
    /** Makes a token, which is in this one answer */
    post: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody: { content: { 'application/json': {
        name: string
        /** `raw` and `operate` may read too, and `admin` may everything */
        scopes: ('read' | 'raw' | 'operate' | 'admin')[]
        /** what it sees and touches; default all */
        sources?: string[] | null
        /** from when on it is refused; default never */
        expiresAt?: string
      } } }
      responses: {
        201: { content: { 'application/json': MadeToken } }
      }
    }
  }
  '/tokens/{id}': {
    /** Revokes a token: it is refused from now on, and its streams end */
    delete: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** the token's id */
          id: string
        }
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Token } }
      }
    }
  }
  '/audit': {
    /** Who changed or read what, newest first; kept for 400 days */
    get: {
      parameters: {
        query?: {
          limit?: number | undefined
          /** the `next` of the page before, with the same filters */
          cursor?: string | undefined
          /** a token's name, or `admin` */
          actor?: string | undefined
          /** what was done */
          action?: 'event.raw' | 'event.original' | 'event.export' | 'event.replay' | 'replay.create' | 'replay.cancel' | 'delivery.retry' | 'lane.skip' | 'subscription.put' | 'subscription.delete' | 'subscription.pause' | 'subscription.resume' | 'subscription.test' | 'subscription.retry' | 'quarantine.raw' | 'quarantine.release' | 'quarantine.discard' | 'rejection.raw' | 'rejection.recheck' | 'conflict.raw' | 'token.make' | 'token.revoke' | undefined
        }
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': AuditList } }
      }
    }
  }
  '/stats': {
    /** How the inbox is: what came lately, what did not get in, and what is not delivered yet */
    get: {
      parameters: {
        query?: never
        header?: never
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Stats } }
      }
    }
  }
  '/openapi.json': {
    /** This document */
    get: {
      parameters: {
        query?: never
        header?: {
          /** the `ETag` of a copy: 304 where nothing has changed */
          'If-None-Match'?: string | undefined
        }
        path?: never
      }
      requestBody?: never
      responses: {
        200: { content: { 'application/json': Document } }
      }
    }
  }
}
