// Group commit over the network: what arrives while one batch is under way is the next; a second one beside it would only
// wait for the first one's lock, and each would be half as large. A batch is one call of the server's function, so that
// its lock never spans a round trip.
import { hash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { quickHash } from '../../quick-hash.ts'
import { type EventRecord, eventId, idOfRecord, kindKey } from '../record.ts'
import { requestText } from '../request-columns.ts'
import type { AppendOutcome, Arrival, KeptRequest, StoreObserver } from '../store.ts'
import type { Database } from './database.ts'
import { escapeText } from './text.ts'

const contentBytes = 8
const eventsAtOnce = 256
const bytesAtOnce = 4 * 1024 * 1024
/** The lock is given up a little before its client gives up: then it is known that nothing was stored. */
const lockMarginMs = 500

interface Waiting extends Arrival {
  resolve(outcomes: AppendOutcome[]): void
  reject(error: unknown): void
}

/** What the function is told of a batch. */
interface Packed {
  parameters: readonly [batch: string, requests: string, bodies: Buffer, timeoutMs: number]
  /** Of the events, in their order. */
  ids: readonly Buffer[]
}

type Settled = [accepted: 0 | 1, sequence: number, conflict: 0 | 1]

export class Appender {
  readonly #database: Database
  readonly #lockTimeoutMs: number
  readonly #appended: () => void
  readonly #observer: StoreObserver | undefined
  readonly #kinds = new Map<string, number>()
  #queue: Waiting[] = []
  #underWay = false
  #scheduled = false
  #idle: (() => void) | undefined
  #closing = false

  constructor(database: Database, timeoutMs: number, appended: () => void, observer?: StoreObserver) {
    this.#database = database
    this.#lockTimeoutMs = Math.max(100, timeoutMs - lockMarginMs)
    this.#appended = appended
    this.#observer = observer
  }

  append(events: readonly EventRecord[], request: KeptRequest): Promise<AppendOutcome[]> {
    if (this.#closing) return Promise.reject(new AppError('unavailable', 'the store is closing'))
    if (events.length === 0) return Promise.resolve([])
    const { promise, resolve, reject } = Promise.withResolvers<AppendOutcome[]>()
    this.#queue.push({ events, request, resolve, reject })
    this.#schedule()
    return promise
  }

  /** In a batch of their own: behind each other, all of them or none. See `Store.appendInOrder`. */
  async appendInOrder(arrivals: readonly Arrival[]): Promise<AppendOutcome[][]> {
    return arrivals.length === 0 ? [] : this.#appendBatch(arrivals)
  }

  /** An entry of quarantine or of the rejections is removed with it; null where it is no longer there. */
  async move(
    place: 'quarantine' | 'rejections',
    id: Buffer,
    events: readonly EventRecord[],
    request: KeptRequest,
  ): Promise<AppendOutcome[] | null> {
    const { parameters, ids } = await this.#pack([{ events, request }])
    const [row] = await this.#database.call<{ answer: Settled[] | null }>(
      'select postern_move($1, $2, $3::json, $4::json, $5, $6) as answer',
      [place, id, ...parameters],
    )
    if (row!.answer === null) return null
    this.#appended()
    return outcomes(ids, row!.answer)
  }

  /** Takes no more; resolves when all that was taken is answered. */
  async close(): Promise<void> {
    this.#closing = true
    if (!this.#underWay && this.#queue.length === 0) return
    await new Promise<void>(resolve => {
      this.#idle = resolve
    })
  }

  /** At the end of this turn of the event loop: what one turn brought goes together. */
  #schedule(): void {
    if (this.#scheduled || this.#underWay) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      if (this.#queue.length > 0) void this.#send(this.#next())
    })
  }

  #next(): Waiting[] {
    return this.#queue.splice(0, fitting(this.#queue, 0))
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    this.#underWay = true
    try {
      await this.#append(batch)
    } catch (error) {
      const refused = error instanceof AppError && error.code === 'store_refused'
      if (refused && batch.length > 1) await this.#oneByOne(batch)
      else {
        for (const { reject } of batch) reject(error)
        // Who waited behind it has waited as long, and would meet the same.
        if (!refused) for (const { reject } of this.#queue.splice(0)) reject(error)
      }
    }
    this.#underWay = false
    if (this.#queue.length > 0) this.#schedule()
    else this.#idle?.()
  }

  /** One of them holds what PostgreSQL refuses: the others are not refused with it. */
  async #oneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const each of batch) {
      try {
        await this.#append([each])
      } catch (error) {
        each.reject(error)
      }
    }
  }

  async #append(batch: readonly Waiting[]): Promise<void> {
    const answers = await this.#appendBatch(batch)
    for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!)
  }

  async #appendBatch(batch: readonly Arrival[]): Promise<AppendOutcome[][]> {
    const { parameters, ids } = await this.#pack(batch)
    const started = performance.now()
    const [row] = await this.#database.call<{ answer: Settled[] }>(
      'select postern_append($1::json, $2::json, $3, $4) as answer',
      parameters,
    )
    this.#observer?.committed(batch.length, performance.now() - started)
    const { answer } = row!
    if (answer.some(([accepted]) => accepted === 1)) this.#appended()
    let at = 0
    return batch.map(({ events }) => {
      at += events.length
      return outcomes(ids.slice(at - events.length, at), answer.slice(at - events.length, at))
    })
  }

  async #pack(batch: readonly Arrival[]): Promise<Packed> {
    const events: object[] = []
    const requests: object[] = []
    const bodies: Buffer[] = []
    const ids: Buffer[] = []
    let at = 0
    for (const [n, { events: some, request }] of batch.entries()) {
      let bodyHash: string | undefined
      const contentOf = (own: Buffer | null) => {
        if (own !== null) return own.toString('hex')
        bodyHash ??= (request.sha256?.toString('hex') ?? hash('sha256', request.body, 'hex')).slice(0, 2 * contentBytes)
        return bodyHash
      }
      for (const event of some) {
        const { received, subject, vendorid, vendortime, time, soft, data, traceparent, refs } = event
        const id = idOfRecord(event)
        ids.push(id)
        const kind = this.#kinds.get(kindKey(event)) ?? (await this.#kind(event))
        events.push({
          r: n, id: id.toString('hex'), content: contentOf(event.content), kind, received,
          subject: escaped(subject), vendorid: escaped(vendorid), vendortime: escaped(vendortime), time: escaped(time),
          soft, data: escapeText(data), traceparent, refs: refs.map(quickHash),
        }) // biome-ignore format: as the function reads them
      }
      requests.push({
        n,
        source: some[0]!.source,
        received: request.received,
        ...requestValues(request),
        at,
        size: request.body.length,
      })
      bodies.push(request.body)
      at += request.body.length
    }
    return {
      parameters: [JSON.stringify(events), JSON.stringify(requests), Buffer.concat(bodies), this.#lockTimeoutMs],
      ids,
    }
  }

  async #kind(event: EventRecord): Promise<number> {
    const { source, vendor, type, vendortype, environment, namespace } = event
    const [row] = await this.#database.call<{ kind: number }>('select postern_kind($1, $2, $3, $4, $5, $6) as kind', [
      source, vendor, type, vendortype, environment, namespace,
    ]) // biome-ignore format: the columns in their order
    this.#kinds.set(kindKey(event), row!.kind)
    return row!.kind
  }
}

/** How many from `first` on go into one batch: at least one. */
function fitting(arrivals: readonly Arrival[], first: number): number {
  let [events, bytes, count] = [0, 0, 0]
  for (const next of arrivals.slice(first, first + eventsAtOnce)) {
    events += next.events.length
    bytes += next.request.body.length
    if (count > 0 && (events > eventsAtOnce || bytes > bytesAtOnce)) break
    count++
  }
  return count
}

/** A kept request's columns but for its body; what is JSON already holds no character that needs an escape. */
function requestValues(request: KeptRequest) {
  const { method, rest, query, headers, address, redacted } = requestText(request)
  return {
    method: escaped(method),
    rest: escaped(rest),
    query: escaped(query),
    headers,
    address: escapeText(address),
    sha256: request.sha256?.toString('hex') ?? null,
    redacted,
  }
}

function escaped(text: string | null): string | null {
  return text === null ? null : escapeText(text)
}

function outcomes(ids: readonly Buffer[], settled: readonly Settled[]): AppendOutcome[] {
  return settled.map(([accepted, sequence, conflict], index) => ({
    id: eventId(ids[index]!),
    status: accepted === 1 ? 'accepted' : 'duplicate',
    sequence,
    conflict: conflict === 1,
  }))
}
