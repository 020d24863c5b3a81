// One answer that lasts: it is written as fast as its reader takes it, and ends where the reader takes nothing or may no
// longer read. What is written, and how it ends, is for streams and exports to say.
import type { ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { Bell } from './bell.ts'
import type { Reader, Readers } from './readers.ts'

/** What is given to the connection at once: taking this much between two heartbeats is getting on. */
export const sliceBytes = 64 * 1024

export abstract class Outlet implements Reader {
  protected readonly outgoing: ServerResponse
  protected readonly readers: Readers
  /** Rings when its reader has taken what there was, and when it is over. */
  protected readonly bell = new Bell()
  protected isOver = false
  /** A piece has been sent in part: nothing may come between. */
  protected isWithinPiece = false
  readonly #isLive: () => Promise<boolean>
  #stalled = 0

  /** `isLive`: whether its reader may still read; asked with each heartbeat. */
  constructor(outgoing: ServerResponse, readers: Readers, isLive: () => Promise<boolean>) {
    this.outgoing = outgoing
    this.readers = readers
    this.#isLive = isLive
  }

  abstract end(): void

  abstract drop(why: string): void

  /** Its reader may no longer read. */
  protected abstract lapse(): void

  beat(): void {
    void this.#lapseUnlessLive()
    if (!this.outgoing.writableNeedDrain) return
    this.#stalled++
    if (this.#stalled >= this.readers.limits.stalledBeatsMax) this.drop('its reader takes nothing')
  }

  protected begin(headers: Record<string, string>): void {
    this.outgoing.on('drain', () => {
      this.#stalled = 0
      this.bell.ring()
    })
    this.outgoing.once('close', () => this.stop())
    this.outgoing.writeHead(200, headers)
  }

  /** Nothing more is written. */
  protected stop(): void {
    this.isOver = true
    this.bell.ring()
  }

  /** Resolves when it is over, or all of it is with the connection: `written` is called with its last byte. */
  protected async write(bytes: Buffer, written?: () => void): Promise<void> {
    this.readers.hold(this, bytes)
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      // Others have their turn: a reader that takes all at once would else keep the thread.
      await turn()
      while (this.outgoing.writableNeedDrain && !this.isOver) await this.bell.rung()
      if (this.isOver) return
      this.isWithinPiece = at + sliceBytes < bytes.length
      this.outgoing.write(bytes.subarray(at, at + sliceBytes))
    }
    written?.()
    this.readers.release(this)
  }

  async #lapseUnlessLive(): Promise<void> {
    // Whether it is cannot be told while the store is away: nothing comes then either.
    if (!(await this.#isLive().catch(() => true))) this.lapse()
  }
}
