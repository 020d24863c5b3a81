// One export on its way out: it reads the log page by page, and no further ahead of its reader than one page, so that a
// slow reader holds little and one that takes nothing is dropped. What ended well is whole: whatever goes wrong once it has
// begun cuts the connection.
import type { ServerResponse } from 'node:http'
import { AppError } from '../errors.ts'
import { type StoredEvent, sequenceText } from '../store/record.ts'
import type { EventFilter } from '../store/store.ts'
import type { Principal } from './access.ts'
import { type EventText, eventTexts } from './event-texts.ts'
import type { Originals } from './originals.ts'
import { Outlet, sliceBytes } from './outlet.ts'
import type { Readers } from './readers.ts'

/** Events that are read at once; fewer where they are large, and before it is known how large they are. */
const pageSizeMax = 250
const pageSizeFirst = 50
const pageBytes = 2 * 1024 * 1024

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
    await running.readFirst()
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

class ExportStream extends Outlet {
  readonly #query: ExportQuery
  #snapshot = { head: 0, epoch: '' }
  #pageSize = pageSizeFirst
  #page: Promise<PageRead> | undefined

  constructor(outgoing: ServerResponse, readers: Readers, query: ExportQuery) {
    super(outgoing, readers, query.isLive)
    this.#query = query
  }

  /** Reads the first page: what fails here can still be answered. */
  async readFirst(): Promise<void> {
    const { order, after } = this.#query
    const { head, epoch } = await this.readers.store.extent()
    this.#snapshot = { head, epoch }
    this.#page = this.#read(order === 'newest' ? head + 1 : (after ?? 0))
    await this.#page
  }

  async run(): Promise<void> {
    this.begin(exportHeaders)
    try {
      while (this.#page !== undefined && !this.isOver) {
        const { events, next } = await this.#page
        // The next one is read while this one is sent.
        this.#page = next === null ? undefined : this.#read(next)
        for await (const chunk of eventTexts(this.readers, events, this.#query.originals)) {
          await this.#send(chunk)
          if (this.isOver) break
        }
      }
      await this.#assertSameLog()
      if (!this.isOver) this.outgoing.end()
    } catch (error) {
      if (this.isOver) return
      this.readers.log.error({ err: error }, 'an export failed, and was cut')
      this.end()
    }
  }

  drop(why: string): void {
    this.readers.log.warn({ waitingBytes: this.outgoing.writableLength, why }, 'an export was dropped')
    this.end()
  }

  protected lapse(): void {
    this.drop('its token is no longer good')
  }

  /** It is not whole, and its reader must see that. */
  end(): void {
    this.stop()
    this.outgoing.destroy()
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
    const { events, next } = await this.readers.store.list({ filter, order, from, limit: this.#pageSize })
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
      await this.write(Buffer.from(lines.join('')))
      if (this.isOver) return
      lines = []
      length = 0
    }
  }

  /** A log that was restored meanwhile is another one: half of this, half of that is no export. */
  async #assertSameLog(): Promise<void> {
    if (this.isOver) return
    const { head, epoch } = await this.readers.store.extent()
    if (epoch === this.#snapshot.epoch && head >= this.#snapshot.head) return
    throw new AppError('position_gone', `the log is another one than at ${sequenceText(this.#snapshot.head)}`)
  }
}
