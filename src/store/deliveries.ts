// What the delivery and its API ask of the store. Types only, but for the names and ids of deliveries.
// Every change of a delivery's state is made here, in one transaction, and counted: nothing ever scans for a count.
import { decodeId, encodeId } from '../ids.ts'
import type { StoredEvent } from './record.ts'
import type { EventFilter, KeptRequest, Page } from './store.ts'

/** In the order of their codes in the tables. */
export const deliveryStates = [
  'waiting',
  'pending',
  'delivering',
  'retrying',
  'succeeded',
  'dead',
  'skipped',
  'cancelled',
  'expired',
] as const
export type DeliveryState = (typeof deliveryStates)[number]

/** One event on its way to one subscription; unique, and the same wherever it is looked up. */
export interface DeliveryKey {
  sequence: number
  /** The subscription's number. */
  subscription: number
  /** The replay's number, 0 for the live flow. */
  replay: number
}

/** A subscription as it is stored: what it wants as text without secrets, and where it stands. */
export interface SubscriptionRow {
  number: number
  name: string
  origin: 'config' | 'api'
  /** The public form of its options as JSON. */
  spec: string
  /** Its secrets, sealed; of one that was made through the API. */
  sealed: Buffer | null
  /** The last sequence that the feed has looked at. */
  cursor: number
  /** By a person, or because its destination answered 410. */
  paused: 'person' | 'gone' | null
  pausedAt: number | null
  /** When it was taken out of the configuration, or deleted. */
  removedAt: number | null
  breaker: BreakerState
  createdAt: number
}

export interface BreakerState {
  state: 'closed' | 'open' | 'half_open'
  /** Consecutive failures when it was written. */
  failures: number
  /** Times that it opened since it was last closed. */
  opened: number
  /** When the next probe may be made, milliseconds since the epoch. */
  until: number | null
}

export const closedBreaker: BreakerState = { state: 'closed', failures: 0, opened: 0, until: null }

export interface Replay {
  number: number
  subscription: number
  /** EventFilter as JSON. */
  filter: string
  /** Sequences, both included. */
  first: number
  last: number
  /** The last sequence looked at. */
  cursor: number
  state: 'running' | 'done' | 'cancelled'
  /** Deliveries made so far. */
  matched: number
  createdAt: number
  endedAt: number | null
}

/** What the feed sees of an event; its data only where a filter reads it. */
export interface Scanned {
  sequence: number
  source: string
  vendor: string
  type: string
  vendortype: string
  /** What all events of one kind share, matching by globs among it. */
  kind: number
  namespace: string
  subject: string | null
  hasSame: boolean
}

export interface Feed {
  subscription: number
  replay: number
  /** Where the feed thinks the cursor is: where it is not, nothing is written. */
  from: number
  /** The last sequence looked at: where the cursor goes. */
  to: number
  /** For each match its sequence, and its lane or null. */
  matches: readonly (readonly [sequence: number, lane: string | null])[]
  now: number
}

export interface Leased extends DeliveryKey {
  /** This one's number, from 1. */
  attempt: number
  /** Failures charged so far. */
  spent: number
}

/** A lease, as its holder names it. */
export interface LeaseKey extends DeliveryKey {
  attempt: number
}

/** Never more attempts in any stretch of that length. */
export interface Rate {
  limit: number
  intervalMs: number
}

export interface Forward {
  /** By how much the clock was ahead. */
  byMs: number
  /** The longest that its schedule has it wait, by the failures charged so far. */
  waitsMs: readonly number[]
  now: number
}

export interface LeaseAnswer {
  leased: Leased[]
  /**
   * When the next of those that were not leased is due; null for none. In the past where something was held back: by the
   * rate, by the limit, or because another node leases it at this moment.
   */
  nextDue: number | null
  /** Where the rate held some back: when more may begin. */
  limitedUntil?: number | null
}

/** How an attempt ended. */
interface AttemptEnd {
  startedAt: number
  elapsedMs: number
  result: string
  status: number | null
  reason: string | null
  answer: string | null
}

/** The end of an attempt and what becomes of its delivery. It counts only while the lease of this attempt holds. */
export interface Settlement extends DeliveryKey, AttemptEnd {
  attempt: number
  state: 'succeeded' | 'pending' | 'retrying' | 'dead'
  /** Failures charged from now on. */
  spent: number
  /** When it is due again, for `pending` and `retrying`. */
  due: number
  /** Whether a dead one holds its lane. */
  holds: boolean
}

export interface Delivery extends DeliveryKey {
  state: DeliveryState
  attempts: number
  /** Failures charged to its budget. */
  spent: number
  /** When it is due, while it is pending or retrying; when it was leased, while it is delivering. */
  due: number | null
  settledAt: number | null
  /** Whether it is dead and holds its lane. */
  holds: boolean
}

export interface AttemptRecord extends AttemptEnd {
  number: number
}

export interface DeliveryFilter {
  subscription?: number
  state?: DeliveryState
}

export type Counts = Record<DeliveryState | 'held', number>

export interface Deliveries {
  // What the feed reads of the log.
  /** The events behind `after`, oldest first, and the log's head when it was read. */
  scan(after: number, limit: number): Promise<{ events: Scanned[]; head: number; oldest: number }>
  events(sequences: readonly number[]): Promise<StoredEvent[]>
  /** Those behind `after` that pass, oldest first, and how far it looked. */
  filtered(filter: EventFilter, after: number, limit: number): Promise<{ events: StoredEvent[]; position: number }>
  requestOf(event: StoredEvent): Promise<KeptRequest | undefined>
  /** Calls `listener` after commits that brought events: at least once after the last of them. Returns how to end it. */
  onAppended(listener: () => void): () => void

  // With others.
  /** How often to look without having been woken, in milliseconds. */
  readonly pollMs: number
  /**
   * Whether this node is the one that does what only one at a time should: `feed/3`, `replay/3`. It moves on when its
   * node dies; for a moment two may believe it theirs, so that what they do must be guarded by itself.
   */
  owns(duty: string): boolean
  /**
   * Calls `listener` when another node has changed subscriptions, pauses, breakers or replays, when people made
   * deliveries due, and when duties have moved; or with numbers of subscriptions that others have told of by `tellDue`.
   * Returns how to end that.
   */
  onChanged(listener: (due?: readonly number[]) => void): () => void
  /**
   * Tells the others, soon, that more of a subscription is due than this node takes. Feeding and settling tell nobody:
   * who does it leases too, and knows whether anything is left.
   */
  tellDue(subscription: number): void
  /** This node gives up its duties: the others need not wait until it is silent. */
  leave(): Promise<void>
  /** By how much the store's clock is ahead of this machine's, in milliseconds; 0 where it has none of its own. */
  clockSkewMs(): number

  // The work.
  /**
   * How long a lease holds unless it is renewed, in milliseconds by the store's own clock. Null where leases have no end
   * in time: one process holds the store, and its start makes void what an earlier one had leased.
   */
  readonly leaseMs: number | null
  /**
   * What was leased by somebody who is no more is due again: with `leaseMs` what has passed its end, else every lease
   * (then it is called once, at the start). How many.
   */
  releaseLost(now: number): Promise<number>
  /** Each holds for `leaseMs` from now; false for one that is no longer under that attempt's lease. */
  renew(leases: readonly LeaseKey[]): Promise<boolean[]>
  /** Writes deliveries and moves the cursor, both or neither; false where the cursor stood elsewhere. */
  feed(feed: Feed): Promise<boolean>
  /**
   * Leases up to `limit` that are due, and counts the attempt of each; 0 asks for `nextDue` alone. `rate` is what may
   * begin over all nodes: a store that several share leases no more than that; where one process holds it the process
   * sees to it by itself.
   */
  lease(subscription: number, limit: number, now: number, rate?: Rate | null): Promise<LeaseAnswer>
  /** One answer a settlement: false where its lease no longer held. */
  settle(settlements: readonly Settlement[], now: number): Promise<boolean[]>
  /**
   * Of these sequences, those that retention has taken: what is left of their deliveries can never be delivered, and
   * holds nobody up. Where one process holds the store retention has done that by itself.
   */
  expire(sequences: readonly number[], now: number): Promise<void>
  /** What is due later than its schedule explains was set by a clock that was ahead: it is brought forward. How many. */
  bringForward(subscription: number, forward: Forward): Promise<number>

  // Subscriptions.
  subscriptions(): Promise<SubscriptionRow[]>
  /**
   * Makes it, or brings its spec up to date. One of the configuration that had been removed goes on where it stood; after
   * seven days, or where either was made through the API, it is a new one: what was left of before is cancelled.
   * Returns its number.
   */
  putSubscription(subscription: {
    name: string
    origin: 'config' | 'api'
    spec: string
    sealed: Buffer | null
    /** For one that is new. */
    cursor: number
    now: number
  }): Promise<number>
  /** The configuration's revision that was last applied, null for none; and sets it. */
  revision(): Promise<number | null>
  setRevision(revision: number): Promise<void>
  pause(subscription: number, by: 'person' | 'gone' | null, now: number): Promise<void>
  /** It stops feeding; its unsettled deliveries wait for `cancelRemoved`. */
  remove(subscription: number, now: number): Promise<void>
  /** False where it is no longer as the caller knew it, as it was last read or written: another node or a person has changed it. */
  swapBreaker(subscription: number, known: BreakerState, breaker: BreakerState): Promise<boolean>
  /**
   * Cancels all that is not settled of one subscription, in small steps; how many. `whileRemoved`: it ends where the
   * subscription is put again meanwhile, whose new deliveries are not meant.
   */
  cancel(subscription: number, now: number, whileRemoved?: boolean): Promise<number>
  /** Cancels the unsettled deliveries of subscriptions removed before `before`, in small steps; how many. */
  cancelRemoved(before: number, now: number): Promise<number>

  // What people do.
  /** A dead, skipped or cancelled one is pending again with a fresh budget; false where it is none of these. */
  retry(delivery: DeliveryKey, now: number): Promise<boolean>
  /** The same for all dead ones of a subscription, in small steps; how many. */
  retryDead(subscription: number, now: number): Promise<number>
  /** Skips what holds a lane; the one skipped, or undefined where nothing holds it. */
  skipLane(subscription: number, namespace: string, subject: string, now: number): Promise<DeliveryKey | undefined>

  // Reading.
  delivery(key: DeliveryKey): Promise<Delivery | undefined>
  attempts(key: DeliveryKey): Promise<AttemptRecord[]>
  ofEvent(sequence: number): Promise<Delivery[]>
  /** Newest first. */
  list(filter: DeliveryFilter, page: { limit: number; cursor?: string }): Promise<Page<Delivery>>
  /** By subscription's number. `held`: lanes held by a dead delivery. */
  counts(): Promise<Map<number, Counts>>
  /** Milliseconds since the epoch when the oldest event that a subscription has not settled was received; null for none. */
  oldestUnsettled(subscription: number): Promise<number | null>

  // Replays.
  /** Undefined result: the key was used before for another replay. */
  addReplay(replay: {
    subscription: number
    filter: string
    first: number
    last: number
    /** Idempotency-Key with what it was given for. */
    key: string | null
    now: number
  }): Promise<{ replay: Replay; repeated: boolean }>
  replay(number: number): Promise<Replay | undefined>
  runningReplays(): Promise<Replay[]>
  endReplay(number: number, state: 'done' | 'cancelled', now: number): Promise<void>
  /** By state, of one replay's deliveries. */
  replayCounts(number: number): Promise<Partial<Record<DeliveryState, number>>>
}

/** `dlv_…`: the key itself, so that it costs no column and no index. */
export function deliveryId({ sequence, subscription, replay }: DeliveryKey): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(subscription, 0)
  bytes.writeUInt32BE(replay, 4)
  bytes.writeBigUInt64BE(BigInt(sequence), 8)
  return `dlv_${encodeId(bytes)}`
}

export function deliveryKey(id: string): DeliveryKey | undefined {
  const bytes = decodeId('dlv_', id)
  if (bytes === undefined) return undefined
  const sequence = Number(bytes.readBigUInt64BE(8))
  if (!Number.isSafeInteger(sequence)) return undefined
  return { subscription: bytes.readUInt32BE(0), replay: bytes.readUInt32BE(4), sequence }
}

export function replayId(number: number): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(number, 12)
  return `rpl_${encodeId(bytes)}`
}

export function replayNumber(id: string): number | undefined {
  const bytes = decodeId('rpl_', id)
  return bytes?.subarray(0, 12).every(byte => byte === 0) ? bytes.readUInt32BE(12) : undefined
}

/** A lane: one subject within its namespace; no part holds a line feed, since the seal took control characters out. */
export function laneOf(namespace: string, subject: string): string {
  return `${namespace}\n${subject}`
}
