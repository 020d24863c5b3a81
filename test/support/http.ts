// An HTTP client that sends what it is told to: any method, any target, headers in any order and number, bodies that
// lie about their length. `fetch` would put all of that right.
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface RequestOptions {
  method?: string
  /** An array is sent as it is: name, value, name, value. */
  headers?: Record<string, string | string[]> | readonly string[]
  body?: string | Uint8Array
  /** Sent in pieces of this many bytes, chunked. */
  chunkBytes?: number
  localAddress?: string
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  bytes: Buffer
  /** The body as JSON; undefined where it is none. */
  json: unknown
}

/** One request over a connection of its own. Rejects where no answer comes, and where the API's is not as documented. */
export async function send(base: string, target: string, options: RequestOptions = {}): Promise<Answer> {
  const answer = await exchange(base, target, options)
  if (/^\/api\/v1(?![^/?])/.test(target)) {
    const { assertDocumented } = await import('./api-document.ts')
    assertDocumented(options.method ?? 'GET', target, answer)
  }
  return answer
}

function exchange(base: string, target: string, options: RequestOptions): Promise<Answer> {
  const { method = 'GET', headers = {}, body, chunkBytes, localAddress } = options
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const lengths = body === undefined || chunkBytes !== undefined ? {} : { 'content-length': String(byteLength(body)) }
    const outgoing = request(
      {
        host: hostname,
        port,
        method,
        path: target,
        agent: false,
        ...(localAddress === undefined ? {} : { localAddress }),
        // Node's types do not know that it takes a flat array.
        headers: (Array.isArray(headers)
          ? ['host', `${hostname}:${port}`, ...headers, ...Object.entries(lengths).flat()]
          : { ...lengths, ...headers }) as Record<string, string>,
      },
      incoming => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => resolve(answerOf(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks))))
      },
    )
    outgoing.on('error', reject)
    if (body !== undefined && chunkBytes !== undefined) {
      const bytes = Buffer.from(body)
      for (let at = 0; at < bytes.length; at += chunkBytes) outgoing.write(bytes.subarray(at, at + chunkBytes))
      outgoing.end()
    } else outgoing.end(body)
  })
}

function answerOf(status: number, headers: Answer['headers'], bytes: Buffer): Answer {
  const text = bytes.toString('utf8')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status, headers, text, bytes, json }
}

function byteLength(body: string | Uint8Array): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.length
}

/** A bare connection: what is written to it goes out as it is. */
export class RawConnection {
  readonly socket: Socket
  #received = ''
  #closed = false
  #changed: () => void = () => {}

  constructor(base: string) {
    const { hostname, port } = new URL(base)
    this.socket = connect(Number(port), hostname)
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.#received += text
      this.#changed()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.#closed = true
      this.#changed()
    })
  }

  get received(): string {
    return this.#received
  }

  write(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  /** Resolves with all that came once `condition` holds of it, or the other side has closed. */
  async until(condition: (received: string) => boolean): Promise<string> {
    while (!this.#closed && !condition(this.#received)) {
      await new Promise<void>(resolve => {
        this.#changed = resolve
      })
    }
    return this.#received
  }

  /** Resolves with all that came once the other side has closed. */
  closed(): Promise<string> {
    return this.until(() => false)
  }

  destroy(): void {
    this.socket.destroy()
  }
}

/** The status codes of the answers in a raw stream, in order. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
}
