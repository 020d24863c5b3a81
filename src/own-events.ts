// What Postern tells about itself: events in the same inbox, so that an alert is an ordinary subscription. At most one a
// minute for one cause, with a count; never about the delivery of such an event, and never a reason for anything to fail.

import { hash } from 'node:crypto'
import type { z } from 'zod'
import { type Clock, systemTimers, type Timers } from './clock.ts'
import type { catalogue } from './event.ts'
import { isOwnEventType, type OwnEventType } from './event-types.ts'
import type { Log } from './observe/log.ts'
import { type EventRecord, refKeys } from './store/record.ts'
import type { KeptRequest, Store } from './store/store.ts'

/** The name of the source and of the vendor that our own events come from; no configured one may have it. */
export const ownName = 'postern'

type OwnData<Type extends OwnEventType> = Omit<z.infer<(typeof catalogue)[Type]>, 'count'>

export interface Occurrence {
  /** How often it happened. Default 1. */
  times?: number
  /** The type of the event whose delivery it is about: of our own events' deliveries nothing is told. */
  about?: string
}

export interface AnnouncerParts {
  append: Store['append']
  clock: Clock
  log: Log
  timers?: Pick<Timers, 'after'>
}

const minuteMs = 60_000
/** Causes that are waited for at once; a name is needed for each, so nothing but a mistake makes as many. */
const causesMax = 10_000

/** What has been told of a cause, and what has not yet. */
interface Cause {
  type: OwnEventType
  name: string
  /** The minute since the epoch under which it was last told: no other event of this cause has it. */
  minute: number
  untold: number
  data: OwnData<OwnEventType>
  cancel: () => void
}

export class Announcer {
  readonly #parts: AnnouncerParts
  readonly #causes = new Map<string, Cause>()
  readonly #appending = new Set<Promise<void>>()
  #closed = false

  constructor(parts: AnnouncerParts) {
    this.#parts = parts
  }

  /**
   * Tells it at once, or with all that follow where the same cause was told of within the last minute. `cause` is the
   * part of the identity that says what it is about, such as a subscription's name: a few, never one for each event.
   */
  announce<Type extends OwnEventType>(
    type: Type,
    cause: string,
    data: OwnData<Type>,
    { times = 1, about = '' }: Occurrence = {},
  ): void {
    if (this.#closed || isOwnEventType(about)) return
    const key = `${type}\n${cause}`
    const known = this.#causes.get(key)
    if (known !== undefined) {
      known.untold += times
      known.data = data
      return
    }
    if (this.#causes.size >= causesMax) {
      this.#parts.log.error({ type, cause }, 'too many causes of our own events at once: this one is not told')
      return
    }
    const fresh: Cause = { type, name: cause, minute: 0, untold: times, data, cancel: () => {} }
    this.#causes.set(key, fresh)
    this.#tell(key, fresh)
  }

  /** Tells what has not been told; resolves when all of it is in the log, or could not be. */
  async close(): Promise<void> {
    this.#closed = true
    for (const cause of this.#causes.values()) {
      cause.cancel()
      if (cause.untold > 0) this.#append(cause)
    }
    this.#causes.clear()
    while (this.#appending.size > 0) await Promise.all(this.#appending)
  }

  #tell(key: string, cause: Cause): void {
    this.#append(cause)
    cause.cancel = (this.#parts.timers ?? systemTimers).after(minuteMs, () => {
      if (cause.untold > 0) this.#tell(key, cause)
      else this.#causes.delete(key)
    })
  }

  #append(cause: Cause): void {
    const now = this.#parts.clock.now()
    cause.minute = Math.max(Math.floor(now / minuteMs), cause.minute + 1)
    const count = cause.untold
    cause.untold = 0
    const appending = this.#store(cause, count, now).then(isTold => {
      // Told by another node, or not at all: these count among the next.
      if (!isTold) cause.untold += count
      this.#appending.delete(appending)
    })
    this.#appending.add(appending)
  }

  /** Never rejects. Whether it is in the log now, and was not before. */
  async #store({ type, name, minute, data }: Cause, count: number, now: number): Promise<boolean> {
    const { append, log } = this.#parts
    try {
      const text = JSON.stringify({ ...data, count })
      const [outcome] = await append(
        [record(type, [name, String(minute)], data.refs, text, now)],
        ownRequest(text, now),
      )
      return outcome?.status === 'accepted'
    } catch (error) {
      log.error({ err: error, type, cause: name }, 'an event about ourselves could not be stored')
      return false
    }
  }
}

function record(
  type: OwnEventType,
  key: readonly string[],
  refs: Readonly<Record<string, string>>,
  data: string,
  now: number,
): EventRecord {
  const identity = JSON.stringify([ownName, type, ...key])
  const about = ['subscription', 'source'].find(kind => Object.hasOwn(refs, kind))
  const subject = about === undefined ? null : `${about}/${refs[about]}`
  return {
    identity,
    source: ownName,
    vendor: ownName,
    type,
    vendortype: type,
    environment: null,
    namespace: ownName,
    subject,
    vendorid: null,
    vendortime: null,
    time: null,
    received: now,
    data,
    // Of the identity alone: the same minute of another node has another count, and is no conflict.
    content: hash('sha256', identity, 'buffer').subarray(0, 8),
    soft: null,
    refs: refKeys(refs, subject),
    traceparent: null,
  }
}

/** Nothing came in: the request that is kept of an event of ours is what it would have said. */
export function ownRequest(data: string, now: number): KeptRequest {
  return {
    received: now,
    method: 'POST',
    rest: '',
    query: '',
    headers: [['content-type', 'application/json']],
    address: '',
    body: Buffer.from(data),
    sha256: null,
    redacted: [],
  }
}
