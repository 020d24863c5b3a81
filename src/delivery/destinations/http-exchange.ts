// One request and its answer: undici's handler, the time limits, and how much of an answer is read.
// It ends once, whatever still comes; then nothing of it is left but a connection that is being closed.
import type { Dispatcher } from 'undici'
import { answerBytesMax } from '../destination.ts'

export interface Limits {
  /** Until the answer's headers are there, once there is a connection. */
  headersTimeoutMs: number
  /** From the answer's headers to its end. */
  bodyTimeoutMs: number
  /** All in all. */
  timeoutMs: number
}

export type Ended =
  | { answered: true; status: number; headers: Headers; answer: string | null }
  | { answered: false; error: Error }
  | 'released'

export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** A time limit that was reached. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp'
}

/** What closes a connection that is of no more use. */
const enough = new Error('enough')

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #limits: Limits
  readonly #end: (ended: Ended) => void
  /** On `performance.now()`. */
  readonly #deadline: number
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  /** What is said if the timer fires. */
  #expected = 'no connection'
  #limitMs: number
  #controller: Dispatcher.DispatchController | undefined
  #ended = false
  #status = 0
  #headers: Headers = {}
  #chunks: Buffer[] = []
  #size = 0

  /** `end` is called once. */
  constructor(limits: Limits, end: (ended: Ended) => void) {
    this.#limits = limits
    this.#end = end
    this.#limitMs = limits.timeoutMs
    this.#deadline = performance.now() + limits.timeoutMs
    this.#arm(limits.timeoutMs)
  }

  /** For the end of the gateway. An answer that has begun has decided: it stands. */
  release(): void {
    if (this.#status === 0) this.#finish('released')
    else this.#answered()
    this.#controller?.abort(enough)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#ended) {
      controller.abort(enough)
      return
    }
    this.#expected = 'no answer'
    this.#arm(this.#limits.headersTimeoutMs)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    // An interim answer says nothing, and wins no time.
    if (this.#ended || status < 200) return
    this.#status = status
    this.#headers = headers
    this.#arm(this.#limits.bodyTimeoutMs)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#ended) {
      this.#chunks.push(chunk)
      this.#size += chunk.length
      if (this.#size <= answerBytesMax) return
      this.#answered()
    }
    controller.abort(enough)
  }

  onResponseEnd(): void {
    this.#answered()
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    // The status has decided: what breaks off afterwards is only the text that is kept of it.
    if (this.#status === 0) this.#finish({ answered: false, error })
    else this.#answered()
  }

  #answered(): void {
    if (this.#ended) return
    this.#finish({ answered: true, status: this.#status, headers: this.#headers, answer: answerText(this.#chunks) })
  }

  #finish(ended: Ended): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#timer)
    this.#chunks = []
    this.#end(ended)
  }

  /** Sets the timer to this limit or to what is left of the attempt's time, whichever is less. */
  #arm(limitMs: number): void {
    const at = Math.min(performance.now() + limitMs, this.#deadline)
    if (at === this.#timerAt) return
    this.#limitMs = at < this.#deadline ? limitMs : this.#limits.timeoutMs
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(expire, Math.ceil(at - performance.now()), this)
  }

  /** Called by the timer alone. */
  expire(): void {
    if (this.#status === 0) {
      this.#finish({ answered: false, error: new TimeUp(`${this.#expected} within ${this.#limitMs} ms`) })
    } else this.#answered()
    this.#controller?.abort(enough)
  }
}

function expire(exchange: Exchange): void {
  exchange.expire()
}

/** UTF-8, with replacement characters for what is none; null for nothing. As UTF-8 again it has 16 KiB at most. */
function answerText(chunks: readonly Buffer[]): string | null {
  if (chunks.length === 0) return null
  const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  const text = bytes.length > answerBytesMax ? beginning(bytes) : bytes.toString()
  // A replacement character takes more bytes than what it replaces.
  return Buffer.byteLength(text) > answerBytesMax ? beginning(Buffer.from(text)) : text
}

/** Without the part of a character that was cut through. */
function beginning(bytes: Buffer): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(0, answerBytesMax), { stream: true })
}
