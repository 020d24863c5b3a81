// A forward proxy of a few lines: tunnels by CONNECT, and plain http by whole URLs. It keeps what it was asked for.
import { createServer, type IncomingMessage, request as send } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'

export interface ForwardProxy {
  url: string
  /** `CONNECT localhost:4711`, `POST http://…`. */
  asked: readonly string[]
  close(): Promise<void>
}

export interface ForwardProxyOptions {
  /** `user:password` that it wants. */
  credentials?: string
  /** Where names lead that only the proxy knows. */
  hosts?: Readonly<Record<string, string>>
  /** Never answers a CONNECT. */
  silent?: boolean
}

export async function startForwardProxy({
  credentials,
  hosts = {},
  silent = false,
}: ForwardProxyOptions = {}): Promise<ForwardProxy> {
  const asked: string[] = []
  const sockets = new Set<Duplex>()
  const isWelcome = ({ headers }: IncomingMessage) =>
    credentials === undefined ||
    headers['proxy-authorization'] === `Basic ${Buffer.from(credentials).toString('base64')}`
  const addressOf = (hostname: string) => (Object.hasOwn(hosts, hostname) ? hosts[hostname]! : hostname)

  const server = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    if (!isWelcome(incoming)) {
      response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end('who are you?')
      return
    }
    const { hostname, port, pathname, search } = new URL(incoming.url!)
    const { method } = incoming
    const { 'proxy-authorization': _, ...headers } = incoming.headers
    const path = `${pathname}${search}`
    const onward = send({ host: addressOf(hostname), port, path, method: method!, headers }, answer => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.writeHead(502).end())
    incoming.pipe(onward)
  })
  server.on('connect', (incoming: IncomingMessage, socket: Duplex) => {
    asked.push(`CONNECT ${incoming.url}`)
    sockets.add(socket)
    socket.on('error', () => {})
    if (silent) return
    if (!isWelcome(incoming)) {
      socket.end('HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n')
      return
    }
    const { hostname, port } = new URL(`http://${incoming.url}`)
    const onward = connect(Number(port), addressOf(hostname), () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    sockets.add(onward)
    onward.on('error', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  })
  server.on('connection', socket => sockets.add(socket))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
