// A subscriber over real sockets, HTTP or HTTPS, whose behaviour is chosen and may change, and which keeps what it got.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'

export interface Received {
  /** From 1, in order of arrival. */
  number: number
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
  text: string
  /** The body as JSON; undefined where it is none. */
  json: unknown
  /** Which connection it came by, from 1. */
  connection: number
  /** `performance.now()` when the whole of it was there. */
  at: number
}

export interface Exchange {
  received: Received
  request: IncomingMessage
  response: ServerResponse
  socket: Socket
}

/** What is done with a request once it was read and kept. */
export type Behaviour = (exchange: Exchange) => unknown

export interface Subscriber {
  /** `http://127.0.0.1:<port>/events`, or https. */
  url: string
  port: number
  received: readonly Received[]
  /** Connections so far. */
  readonly connections: number
  /** Connections that are open. */
  readonly open: number
  /** From now on. */
  behave(behaviour: Behaviour): void
  /** Resolves with everything received once it is `count` at least; rejects where it is not within the limit. */
  atLeast(count: number, limitMs?: number): Promise<readonly Received[]>
  /** Resolves when no connection is open any more. */
  idle(): Promise<void>
  close(): Promise<void>
}

export interface SubscriberOptions {
  behaviour?: Behaviour
  /** Certificate and key, and whether it asks for the client's: then it speaks TLS. */
  tls?: ServerOptions
  host?: string
  port?: number
}

export async function startSubscriber({
  behaviour = answers(204),
  tls,
  host = '127.0.0.1',
  port = 0,
}: SubscriberOptions = {}): Promise<Subscriber> {
  let current = behaviour
  let connections = 0
  const received: Received[] = []
  const sockets = new Map<Socket, number>()
  const listeners = new Set<() => void>()
  const tell = () => {
    for (const listener of listeners) listener()
  }
  const take = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { socket } = request
      const kept = keep(received.length + 1, sockets.get(socket) ?? 0, request, Buffer.concat(chunks))
      received.push(kept)
      current({ received: kept, request, response, socket })
      tell()
    })
  }
  const server = tls === undefined ? createServer(take) : createTlsServer(tls, take)
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    sockets.set(socket, ++connections)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      tell()
    })
  })
  await new Promise<void>(resolve => server.listen(port, host, resolve))
  const bound = (server.address() as AddressInfo).port
  const shown = host.includes(':') ? `[${host}]` : host

  const holds = (what: string, condition: () => boolean, limitMs: number) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => end(new Error(`not within ${limitMs} ms: ${what}`)), limitMs)
      const look = () => {
        if (condition()) end()
      }
      const end = (error?: Error) => {
        clearTimeout(timer)
        listeners.delete(look)
        error === undefined ? resolve() : reject(error)
      }
      listeners.add(look)
      look()
    })
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${shown}:${bound}/events`,
    port: bound,
    received,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    behave: next => {
      current = next
    },
    async atLeast(count, limitMs = 60_000) {
      await holds(`${count} requests, but ${received.length}`, () => received.length >= count, limitMs)
      return received
    },
    idle: () => holds('no open connection', () => sockets.size === 0, 60_000),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets.keys()) socket.destroy()
      }),
  }
}

/** At once. */
export function answers(status: number, headers: Record<string, string | string[]> = {}, body = ''): Behaviour {
  return ({ response }) => response.writeHead(status, headers).end(body)
}

/** After a while. */
export function slow(afterMs: number, status = 204): Behaviour {
  return ({ response }) => setTimeout(() => response.writeHead(status).end(), afterMs)
}

/** Reads, and says nothing. */
export const never: Behaviour = () => {}

/** A reset in place of an answer. */
export const resets: Behaviour = ({ socket }) => socket.resetAndDestroy()

/** The connection's plain end in place of an answer. */
export const hangsUp: Behaviour = ({ socket }) => socket.destroy()

/** Headers at once, then a byte now and then, without end. */
export function drips(everyMs: number, status = 200): Behaviour {
  return ({ response, socket }) => {
    response.writeHead(status).write('.')
    const timer = setInterval(() => response.write('.'), everyMs)
    socket.on('close', () => clearInterval(timer))
  }
}

/** A byte of the headers now and then, without end. */
export function dripsHeaders(everyMs: number): Behaviour {
  return ({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nx-long: ')
    const timer = setInterval(() => socket.write('.'), everyMs)
    socket.on('close', () => clearInterval(timer))
  }
}

/** An interim answer now and then, and never a real one. */
export function hints(everyMs: number): Behaviour {
  return ({ response, socket }) => {
    const timer = setInterval(() => response.writeEarlyHints({ link: '</a>; rel=preload' }), everyMs)
    socket.on('close', () => clearInterval(timer))
  }
}

export function redirects(location: string, status = 302): Behaviour {
  return answers(status, { location })
}

/** As much as the other side will read. `written` tells how many bytes that was. */
export function huge(status = 200): Behaviour & { written: number } {
  const chunk = 'x'.repeat(64 * 1024)
  const behaviour: Behaviour & { written: number } = Object.assign(
    ({ response, socket }: Exchange) => {
      response.writeHead(status)
      const more = () => {
        while (!socket.destroyed) {
          behaviour.written += chunk.length
          if (!response.write(chunk)) return
        }
      }
      response.on('drain', more)
      more()
    },
    { written: 0 },
  )
  return behaviour
}

/** Less of a body than was announced, then the connection's end. */
export function breaksOff(status = 200): Behaviour {
  return ({ socket }) => {
    socket.end(`HTTP/1.1 ${status} Whatever\r\ncontent-length: 100\r\n\r\nonly this`)
  }
}

/** Exactly these bytes, whatever they are, and the connection stays open. */
export function says(bytes: string | Uint8Array): Behaviour {
  return ({ socket }) => socket.write(bytes)
}

/** One after the other; the last one for all that follow. */
export function inTurn(...behaviours: [Behaviour, ...Behaviour[]]): Behaviour {
  let index = 0
  return exchange => behaviours[Math.min(index++, behaviours.length - 1)]!(exchange)
}

function keep(number: number, connection: number, request: IncomingMessage, body: Buffer): Received {
  const text = body.toString()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  const { method = '', url = '', headers } = request
  return { number, method, path: url, headers, body, text, json, connection, at: performance.now() }
}
