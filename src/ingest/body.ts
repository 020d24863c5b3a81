// Reading a body: bounded while it is read and while it is inflated, and within what all bodies together may hold.
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

export type ReadBody =
  | { ok: true; bytes: Buffer }
  /** `beginning` is what was read of it before that showed. */
  | { ok: false; problem: 'too_large' | 'no_memory' | 'aborted' | 'corrupt'; beginning: Buffer }

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

  /** False where there is no room; one body is always taken, or the largest could never be. */
  take(bytes: number): boolean {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

const inflate = promisify(gunzip)
/** What of a body that is too large is kept for people to recognise it by. */
const beginningBytes = 16 * 1024

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
        if (!this.#inFlight.take(chunk.length)) return refuse('no_memory')
        this.#taken += chunk.length
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

  async #inflate(bytes: Buffer, bytesMax: number): Promise<ReadBody> {
    const beginning = bytes.subarray(0, beginningBytes)
    try {
      const inflated = await inflate(bytes, { maxOutputLength: Math.max(1, bytesMax) })
      const more = inflated.length - bytes.length
      if (more > 0 && !this.#inFlight.take(more)) return { ok: false, problem: 'no_memory', beginning }
      this.#taken += Math.max(0, more)
      return { ok: true, bytes: inflated }
    } catch (error) {
      const large = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
      return { ok: false, problem: large ? 'too_large' : 'corrupt', beginning }
    }
  }
}
