// What a handler is given beside its event, made where it runs: its signal, its log and the vendor's API. What it does
// with them goes through two functions, so that tests of handlers give their own.
import type { HandlerContext, HandlerLog, Vendor } from '../../config/handler.ts'
import type { VendorAnswer } from '../vendor-api.ts'
import { vendorBodyBytesMax } from '../vendor-path.ts'
import type { CallRequest, Level } from './handler-messages.ts'
import { cut } from './handler-thrown.ts'

export interface ContextParts {
  attempt: number
  write(level: Level, message: string, fields: string | null): void
  /** Rejects with what the handler is to see; hangs up when the signal is aborted. */
  call(path: string, request: CallRequest, signal: AbortSignal): Promise<VendorAnswer>
}

const messageLengthMax = 4 * 1024
const fieldsLengthMax = 8 * 1024
/** Statuses that cannot have a body, by the Fetch standard. */
const bodiless = [204, 205, 304]

export class Context implements HandlerContext {
  readonly attempt: number
  readonly #parts: ContextParts
  #controller: AbortController | undefined
  #log: HandlerLog | undefined
  #vendor: Vendor | undefined
  aborted = false

  constructor(parts: ContextParts) {
    this.attempt = parts.attempt
    this.#parts = parts
  }

  // Made when they are asked for: most handlers need one of them at most.
  get signal(): AbortSignal {
    this.#controller ??= abortedIf(this.aborted)
    return this.#controller.signal
  }

  get log(): HandlerLog {
    const line = (level: Level) => (first: unknown, second?: unknown) => {
      const [fields, message] = typeof first === 'string' ? [undefined, first] : [first, second]
      this.#parts.write(level, cut(String(message ?? ''), messageLengthMax), fieldsText(fields))
    }
    this.#log ??= { info: line('info'), warn: line('warn'), error: line('error') }
    return this.#log
  }

  get vendor(): Vendor {
    this.#vendor ??= { fetch: (path, init) => this.#fetch(path, init) }
    return this.#vendor
  }

  abort(): void {
    this.aborted = true
    this.#controller?.abort(tooLate())
  }

  async #fetch(path: string, { signal: own, ...init }: RequestInit = {}): Promise<Response> {
    // It is not text that says where to go: what Fetch makes of the rest is what is wanted.
    const request = new Request('http://vendor.invalid/', { ...init, ...streaming(init.body) })
    const signal = own ? AbortSignal.any([this.signal, own]) : this.signal
    signal.throwIfAborted()
    const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer())
    if (body !== null && body.length > vendorBodyBytesMax) {
      throw new RangeError(`vendor.fetch: expected a body of at most ${vendorBodyBytesMax} bytes, got ${body.length}`)
    }
    const { method, headers } = request
    const answer = await this.#parts.call(String(path), { method, headers: [...headers], body }, signal)
    return new Response(bodiless.includes(answer.status) ? null : answer.body, {
      status: answer.status,
      statusText: answer.statusText,
      headers: answer.headers,
    })
  }
}

function abortedIf(aborted: boolean): AbortController {
  const controller = new AbortController()
  if (aborted) controller.abort(tooLate())
  return controller
}

function tooLate(): DOMException {
  return new DOMException('the attempt is over', 'AbortError')
}

function streaming(body: unknown): object {
  return body instanceof ReadableStream ? { duplex: 'half' } : {}
}

/** JSON, or why there is none: a log line never breaks its handler. */
function fieldsText(fields: unknown): string | null {
  if (fields === undefined) return null
  try {
    const text = JSON.stringify(fields, (_, value) => (typeof value === 'bigint' ? String(value) : value)) as
      | string
      | undefined
    if (text === undefined) return null
    return text.length <= fieldsLengthMax
      ? text
      : JSON.stringify({ cut: text.slice(0, fieldsLengthMax).toWellFormed() })
  } catch (error) {
    return JSON.stringify({ unserialisable: String(error) })
  }
}
