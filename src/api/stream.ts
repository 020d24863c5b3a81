// One reader's stream of server-sent events. Its position is all that it remembers of the log, so what it reads for
// itself and what it takes from the shared tail meet without a gap or a double. It holds one event until its reader has
// taken it, and is dropped where the reader takes nothing: it comes again, from where it got to.
import type { ServerResponse } from 'node:http'
import { AppError } from '../errors.ts'
import { sequenceText } from '../store/record.ts'
import type { EventFilter } from '../store/store.ts'
import type { Principal } from './access.ts'
import { eventMatcher } from './event-filter.ts'
import type { Originals } from './originals.ts'
import { Outlet, sliceBytes } from './outlet.ts'
import { assertPosition } from './position.ts'
import type { Readers } from './readers.ts'
import type { SharedEvent } from './shared-event.ts'

/** Events that are read at once of a log that a reader is behind of. */
const pageSize = 100
/** How long a reader waits before it comes again, in milliseconds. */
const retryMs = 2_000
/** For what is on its way when the gateway stops. */
const lastBytesMs = 1_000

export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  // A proxy would hold back what has come until there is more.
  'x-accel-buffering': 'no',
}

export interface StreamQuery {
  principal: Principal
  filter: EventFilter
  originals: Originals
  /** What is behind it is sent. */
  position: number
  /** Whether its reader may still read: asked with each heartbeat. */
  isLive(): Promise<boolean>
}

/**
 * Answers with the stream. Resolves once it has begun; it runs until either side ends it. Throws AppError before
 * anything is answered.
 */
export async function openStream(outgoing: ServerResponse, readers: Readers, query: StreamQuery): Promise<void> {
  const stream = new EventStream(outgoing, readers, query)
  const leave = readers.enter(stream, query.principal)
  let leaveTail = () => {}
  outgoing.once('close', () => {
    leave()
    leaveTail()
  })
  try {
    leaveTail = await readers.tail.join(stream.wake)
  } catch (error) {
    leave()
    throw error
  }
  if (outgoing.destroyed) leaveTail()
  else void stream.run()
}

class EventStream extends Outlet {
  readonly #query: StreamQuery
  readonly #matches: (event: SharedEvent) => boolean
  #position: number

  constructor(outgoing: ServerResponse, readers: Readers, query: StreamQuery) {
    super(outgoing, readers, query.isLive)
    this.#query = query
    this.#matches = eventMatcher(query.filter)
    this.#position = query.position
  }

  get wake(): () => void {
    return this.bell.ring
  }

  async run(): Promise<void> {
    const { outgoing } = this
    this.begin(streamHeaders)
    outgoing.write(`retry: ${retryMs}\n${this.#heartbeat()}`)
    try {
      while (!this.isOver) await this.#step()
    } catch (error) {
      // Retention has overtaken it: the reader is told so when it comes again.
      const expected = this.isOver || (error instanceof AppError && error.code === 'position_gone')
      if (!expected) this.readers.log.error({ err: error }, 'a stream failed; its reader will come again')
      this.end()
    }
    if (!outgoing.writableEnded) this.end()
  }

  override beat(): void {
    super.beat()
    const { headersSent, writableNeedDrain } = this.outgoing
    if (headersSent && !this.isOver && !this.isWithinPiece && !writableNeedDrain) this.outgoing.write(this.#heartbeat())
  }

  drop(why: string): void {
    const waitingBytes = this.outgoing.writableLength
    this.readers.log.warn({ position: sequenceText(this.#position), waitingBytes, why }, 'a stream was dropped')
    this.stop()
    this.outgoing.destroy()
  }

  protected lapse(): void {
    this.end()
  }

  end(): void {
    const { outgoing } = this
    this.stop()
    if (outgoing.writableEnded || outgoing.destroyed || !outgoing.headersSent) return
    if (this.isWithinPiece || outgoing.writableNeedDrain) {
      outgoing.destroy()
      return
    }
    outgoing.end(this.#heartbeat())
    outgoing.once(
      'close',
      this.readers.timers.after(lastBytesMs, () => outgoing.destroy()),
    )
  }

  /** Without data it is no event; its id is where the reader goes on, however little of the log its filter takes. */
  #heartbeat(): string {
    return `:\nid: ${sequenceText(this.#position)}\n\n`
  }

  async #step(): Promise<void> {
    const { tail } = this.readers
    if (tail.isBehind(this.#position)) await this.#catchUp()
    else if (tail.next(this.#position) !== undefined) await this.#send(position => tail.next(position), this.#matches)
    else {
      this.#position = Math.max(this.#position, tail.position)
      await this.bell.rung()
    }
  }

  async #catchUp(): Promise<void> {
    const { store } = this.readers
    const from = this.#position
    const page = await store.list({ filter: this.#query.filter, order: 'oldest', from, limit: pageSize })
    // After the read: what is there now was there then.
    await assertPosition(store, from)
    const events = page.events.map(event => this.readers.share(event))
    const next = (position: number) => {
      // What has been sent is let go of.
      while (events[0] !== undefined && events[0].event.sequence <= position) events.shift()
      return events[0]
    }
    while (!this.isOver && next(this.#position) !== undefined) await this.#send(next, () => true)
    if (!this.isOver) this.#position = page.position
  }

  /** Sends what comes next: as many as are small in one piece, or one that is large. */
  async #send(
    next: (position: number) => SharedEvent | undefined,
    matches: (event: SharedEvent) => boolean,
  ): Promise<void> {
    const blocks: Buffer[] = []
    let bytes = 0
    let position = this.#position
    for (let event = next(position); event !== undefined && bytes < sliceBytes; event = next(position)) {
      if (matches(event)) {
        const block = await event.block(this.#query.originals)
        if (blocks.length > 0 && block.length >= sliceBytes) break
        blocks.push(block)
        bytes += block.length
      }
      position = event.event.sequence
    }
    const [only] = blocks
    const piece = only !== undefined && blocks.length === 1 ? only : Buffer.concat(blocks)
    // The position moves with the last byte, so that no heartbeat says it too early or too late.
    await this.write(piece, () => {
      this.#position = position
    })
  }
}
