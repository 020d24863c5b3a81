// A reader of server-sent events, by the letter of the HTML standard (9.2.6 "Interpreting an event stream"), which can
// be cut, and can stop taking what is sent.
import { type ClientRequest, type IncomingMessage, request } from 'node:http'

export interface Dispatched {
  type: string
  data: string
  lastEventId: string
}

export class EventStreamParser {
  /** What a client gets to see. */
  readonly events: Dispatched[] = []
  /** What it says when it comes again. */
  lastEventId = ''
  retryMs: number | undefined
  comments = 0
  /** What blocks without data said, each with how many events had been dispatched by then. */
  readonly positions: { id: string; dispatched: number }[] = []
  /** Pieces of a line that has not ended. */
  readonly #begun: string[] = []
  #hasCr = false
  #isFirst = true
  #data = ''
  #type = ''
  #id: string

  constructor(lastEventId = '') {
    this.lastEventId = this.#id = lastEventId
  }

  push(text: string): void {
    let at = this.#isFirst && text.startsWith('\ufeff') ? 1 : 0
    if (text !== '') this.#isFirst = false
    for (; at < text.length; ) {
      // A line that CR has ended may have LF as the rest of its end.
      if (this.#hasCr && text[at] === '\n') at++
      this.#hasCr = false
      const end = at + text.slice(at).search(/[\r\n]/)
      if (end < at) {
        this.#begun.push(text.slice(at))
        return
      }
      this.#line(this.#begun.splice(0).join('') + text.slice(at, end))
      this.#hasCr = text[end] === '\r'
      at = end + 1
    }
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch()
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) {
      this.comments++
      return
    }
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#type = value
    else if (field === 'data') this.#data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value)
  }

  #dispatch(): void {
    if (this.#data === '') this.positions.push({ id: this.#id, dispatched: this.events.length })
    this.lastEventId = this.#id
    if (this.#data !== '') {
      this.events.push({
        type: this.#type === '' ? 'message' : this.#type,
        data: this.#data.slice(0, -1),
        lastEventId: this.lastEventId,
      })
    }
    this.#data = this.#type = ''
  }
}

export interface ReaderOptions {
  token: string
  /** `?after=0`. */
  query?: string
  lastEventId?: string
  method?: string
}

export class StreamReader {
  readonly parser: EventStreamParser
  bytes = 0
  /** Everything that came, decoded. */
  text = ''
  readonly #request: ClientRequest
  #incoming: IncomingMessage | undefined
  #ended: 'end' | 'cut' | undefined
  readonly #watchers = new Set<() => void>()

  /** Resolves once the head of the answer has come. */
  static async open(base: string, options: ReaderOptions): Promise<StreamReader> {
    const reader = new StreamReader(base, options)
    await reader.until('the head of an answer', () => reader.#incoming !== undefined || reader.#ended !== undefined)
    if (reader.#incoming === undefined) throw new Error('there was no answer')
    return reader
  }

  private constructor(base: string, { token, query = '', lastEventId, method = 'GET' }: ReaderOptions) {
    this.parser = new EventStreamParser(lastEventId)
    const resuming = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    this.#request = request(`${base}/api/v1/events/stream${query}`, {
      method,
      agent: false,
      headers: { authorization: `Bearer ${token}`, ...resuming },
    })
    this.#request.on('response', incoming => {
      this.#incoming = incoming
      incoming.setEncoding('utf8').on('data', (text: string) => {
        this.bytes += Buffer.byteLength(text)
        if (this.keepsText) this.text += text
        this.parser.push(text)
        this.#changed()
      })
      incoming.on('error', () => this.#end('cut')).on('end', () => this.#end('end'))
      this.#changed()
    })
    this.#request.on('error', () => this.#end('cut')).on('close', () => this.#end('cut'))
    this.#request.end()
  }

  /** Set to false where there is much. */
  keepsText = true

  get status(): number {
    return this.#incoming?.statusCode ?? 0
  }

  get headers(): IncomingMessage['headers'] {
    return this.#incoming?.headers ?? {}
  }

  get json(): unknown {
    return JSON.parse(this.text)
  }

  get lastEventId(): string {
    return this.parser.lastEventId
  }

  /** The sequences of the events that were dispatched. */
  get sequences(): number[] {
    return this.parser.events.map(({ lastEventId }) => Number(lastEventId))
  }

  /** `end` as the protocol has it, or `cut`; undefined while it goes on. */
  get ended(): 'end' | 'cut' | undefined {
    return this.#ended
  }

  /** Resolves once `condition` holds; rejects where the stream ends before, or nothing comes for too long. */
  async until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#ended !== undefined) throw new Error(`the stream ended (${this.#ended}) before ${what}`)
      await new Promise<void>((resolve, reject) => {
        const silent = setTimeout(() => reject(new Error(`nothing comes any more: ${what}`)), 60_000)
        const changed = () => {
          clearTimeout(silent)
          this.#watchers.delete(changed)
          resolve()
        }
        this.#watchers.add(changed)
      })
    }
  }

  /** Resolves with how it ended. */
  async over(): Promise<'end' | 'cut'> {
    await this.until('its end', () => this.#ended !== undefined)
    return this.#ended!
  }

  pause(): void {
    this.#incoming?.pause()
  }

  resume(): void {
    this.#incoming?.resume()
  }

  cut(): void {
    this.#request.destroy()
  }

  #changed(): void {
    for (const watch of [...this.#watchers]) watch()
  }

  #end(how: 'end' | 'cut'): void {
    this.#ended ??= how
    this.#changed()
  }
}
