// One export on its way out: it reads the log page by page, and no further ahead of its reader than one page, so that a
// slow reader holds little and one that takes nothing is dropped. What ended well is whole: whatever goes wrong once it has
// begun cuts the connection.
import type { ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { AppError } from '../errors.ts'
import { type StoredEvent, sequenceText } from '../store/record.ts'
import type { EventFilter } from '../store/store.ts'
import type { Principal } from './access.ts'
import { Bell } from './bell.ts'
import { type EventText, eventTexts } from './event-texts.ts'
import type { Originals } from './originals.ts'
import type { Reader, Readers } from './readers.ts'

/** Events that are read at once; fewer where they are large, and before it is known how large they are. */
const pageSizeMax = 250
const pageSizeFirst = 50
const pageBytes = 2 * 1024 * 1024
/** What is given to the connection at once. */
const sliceBytes = 64 * 1024

export const exportHeaders = {
  'content-type': 'application/x-ndjson',
  'content-disposition': 'attachment; filename="events.ndjson"',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-accel-buffering': 'no',
}

export interface ExportQuery {
  principal: Principal
  filter: EventFilter
  originals: Originals
  order: 'newest' | 'oldest'
  /** Exclusive. */
  after: number | undefined
  /** Whether its reader may still read: asked with each heartbeat. */
  isLive(): Promise<boolean>
}

/** Resolves once it has begun; its place is reserved. Throws AppError before anything is answered. */
export async function openExport(outgoing: ServerResponse, readers: Readers, query: ExportQuery): Promise<void> {
  const running = new ExportStream(outgoing, readers, query)
  const leave = readers.enter(running, query.principal)
  outgoing.once('close', leave)
  try {
    await running.begin()
  } catch (error) {
    leave()
    throw error
  }
  if (outgoing.destroyed) leave()
  else void running.run()
}

interface PageRead {
  events: StoredEvent[]
  /** Where the next one goes on; null: this was the last. */
  next: number | null
}

class ExportStream implements Reader {
  readonly #outgoing: ServerResponse
  readonly #readers: Readers
  readonly #query: ExportQuery
  readonly #bell = new Bell()
  #snapshot = { head: 0, epoch: '' }
  #pageSize = pageSizeFirst
  #page: Promise<PageRead> | undefined
  #stalled = 0
  #isOver = false

  constructor(outgoing: ServerResponse, readers: Readers, query: ExportQuery) {
    this.#outgoing = outgoing
    this.#readers = readers
    this.#query = query
  }

  /** Reads the first page: what fails here can still be answered. */
  async begin(): Promise<void> {
    const { order, after } = this.#query
    const { head, epoch } = await this.#readers.store.extent()
    this.#snapshot = { head, epoch }
    this.#page = this.#read(order === 'newest' ? head + 1 : (after ?? 0))
    await this.#page
  }

  async run(): Promise<void> {
    const outgoing = this.#outgoing
    outgoing.on('drain', () => {
      this.#stalled = 0
      this.#bell.ring()
    })
    outgoing.once('close', () => {
      this.#isOver = true
      this.#bell.ring()
    })
    outgoing.writeHead(200, exportHeaders)
    try {
      while (this.#page !== undefined && !this.#isOver) {
        const { events, next } = await this.#page
        // The next one is read while this one is sent.
        this.#page = next === null ? undefined : this.#read(next)
        for await (const chunk of eventTexts(this.#readers, events, this.#query.originals)) {
          await this.#send(chunk)
          if (this.#isOver) break
        }
      }
      await this.#assertSameLog()
      if (!this.#isOver) outgoing.end()
    } catch (error) {
      if (this.#isOver) return
      this.#readers.log.error({ err: error }, 'an export failed, and was cut')
      this.end()
    }
  }

  /** Whoever takes nothing is dropped, and whoever may no longer read. */
  beat(): void {
    void this.#endUnlessLive()
    if (!this.#outgoing.writableNeedDrain) return
    this.#stalled++
    if (this.#stalled >= this.#readers.limits.stalledBeatsMax) this.drop('its reader takes nothing')
  }

  async #endUnlessLive(): Promise<void> {
    if (!(await this.#query.isLive().catch(() => true))) this.drop('its token is no longer good')
  }

  drop(why: string): void {
    this.#readers.log.warn({ waitingBytes: this.#outgoing.writableLength, why }, 'an export was dropped')
    this.end()
  }

  /** It is not whole, and its reader must see that. */
  end(): void {
    this.#isOver = true
    this.#bell.ring()
    this.#outgoing.destroy()
  }

  #read(from: number): Promise<PageRead> {
    const page = this.#list(from)
    // Whoever waits for it hears of it; where nobody does any more it does not matter.
    page.catch(() => {})
    return page
  }

  async #list(from: number): Promise<PageRead> {
    const { filter, order } = this.#query
    const { head } = this.#snapshot
    const { events, next } = await this.#readers.store.list({ filter, order, from, limit: this.#pageSize })
    const bytes = events.reduce((sum, { data }) => sum + data.length, 0)
    if (bytes > pageBytes) this.#pageSize = Math.max(1, Math.floor((this.#pageSize * pageBytes) / bytes))
    else this.#pageSize = Math.min(pageSizeMax, this.#pageSize * 2)
    if (order === 'newest') return { events, next }
    const some = events.filter(({ sequence }) => sequence <= head)
    return { events: some, next: next === null || next >= head ? null : next }
  }

  async #send(chunk: readonly EventText[]): Promise<void> {
    let lines: string[] = []
    let length = 0
    for (const [index, { text }] of chunk.entries()) {
      lines.push(text, '\n')
      length += text.length
      if (length < sliceBytes && index < chunk.length - 1) continue
      await this.#write(Buffer.from(lines.join('')))
      if (this.#isOver) return
      lines = []
      length = 0
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#readers.hold(this, bytes)
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      // Others have their turn: a reader that takes all at once would else keep the thread.
      await turn()
      while (this.#outgoing.writableNeedDrain && !this.#isOver) await this.#bell.rung()
      if (this.#isOver) return
      this.#outgoing.write(bytes.subarray(at, at + sliceBytes))
    }
    this.#readers.release(this)
  }

  /** A log that was restored meanwhile is another one: half of this, half of that is no export. */
  async #assertSameLog(): Promise<void> {
    if (this.#isOver) return
    const { head, epoch } = await this.#readers.store.extent()
    if (epoch === this.#snapshot.epoch && head >= this.#snapshot.head) return
    throw new AppError('position_gone', `the log is another one than at ${sequenceText(this.#snapshot.head)}`)
  }
}
