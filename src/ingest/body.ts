// Reading a body: bounded while it is read and while it is inflated, and within what all bodies together may hold.
import type { IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'

export type ReadBody =
  | { ok: true; bytes: Buffer }
  /** `beginning` is what was read of it before that showed; of a corrupt one all of it, as it came. */
  | { ok: false; problem: Problem; beginning: Buffer }

type Problem = 'too_large' | 'no_memory' | 'aborted' | 'corrupt'

/** Bytes of bodies that are held at this moment, over all requests. */
export class InFlight {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * False where there is no room. One body is always taken, or the largest could never be: `own` are the bytes that it
   * holds already.
   */
  take(bytes: number, own = 0): boolean {
    if (this.#bytes > own && this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/** What of a body that is too large is kept for people to recognise it by. */
const beginningBytes = 16 * 1024
const inflatedPieceBytes = 64 * 1024

/** Takes room in `inFlight` as the body comes, and gives it back by `release`. */
export class BodyReader {
  readonly #inFlight: InFlight
  #taken = 0

  constructor(inFlight: InFlight) {
    this.#inFlight = inFlight
  }

  release(): void {
    this.#inFlight.give(this.#taken)
    this.#taken = 0
  }

  async read(incoming: IncomingMessage, bytesMax: number): Promise<ReadBody> {
    const read = await this.#readRaw(incoming, bytesMax)
    const encoding = incoming.headers['content-encoding']
    if (!read.ok || encoding === undefined || !/^\s*(x-)?gzip\s*$/i.test(encoding)) return read
    // Some proxies inflate a body and leave the header: the check decides over the bytes that came.
    if (read.bytes[0] !== 0x1f || read.bytes[1] !== 0x8b) return read
    return this.#inflate(read.bytes, bytesMax)
  }

  /** Content-Length is what a stranger claims: the bytes are counted as they come. */
  #readRaw(incoming: IncomingMessage, bytesMax: number): Promise<ReadBody> {
    return new Promise(resolve => {
      const chunks: Buffer[] = []
      let length = 0
      const end = (result: ReadBody) => {
        incoming.off('data', onData).off('end', onEnd).off('error', onAbort).off('close', onAbort)
        resolve(result)
      }
      const refuse = (problem: 'too_large' | 'no_memory' | 'aborted') => {
        const beginning = Buffer.concat(chunks).subarray(0, beginningBytes)
        end({ ok: false, problem, beginning })
        // The rest is read into nothing, so that the answer can be read; the time limit ends it.
        incoming.resume()
      }
      const onData = (chunk: Buffer) => {
        length += chunk.length
        if (!this.#take(chunk.length)) return refuse('no_memory')
        chunks.push(chunk)
        if (length > bytesMax) refuse('too_large')
      }
      const onEnd = () => end({ ok: true, bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) })
      const onAbort = () => refuse('aborted')
      if (incoming.readableEnded) return onEnd()
      if (incoming.destroyed) return onAbort()
      incoming.on('data', onData).on('end', onEnd).on('error', onAbort).on('close', onAbort)
    })
  }

  /** Piece by piece, so that a bomb is found before it is held. */
  #inflate(bytes: Buffer, bytesMax: number): Promise<ReadBody> {
    return new Promise(resolve => {
      const gunzip = createGunzip({ chunkSize: inflatedPieceBytes })
      const pieces: Buffer[] = []
      let length = 0
      const refuse = (problem: Problem, beginning: Buffer) => {
        gunzip.removeAllListeners('data').destroy()
        resolve({ ok: false, problem, beginning })
      }
      gunzip.on('data', (piece: Buffer) => {
        length += piece.length
        if (length > bytesMax) return refuse('too_large', bytes.subarray(0, beginningBytes))
        if (!this.#take(piece.length)) return refuse('no_memory', bytes.subarray(0, beginningBytes))
        pieces.push(piece)
      })
      gunzip.on('end', () => resolve({ ok: true, bytes: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces) }))
      gunzip.on('error', () => refuse('corrupt', bytes))
      gunzip.end(bytes)
    })
  }

  #take(bytes: number): boolean {
    if (!this.#inFlight.take(bytes, this.#taken)) return false
    this.#taken += bytes
    return true
  }
}
