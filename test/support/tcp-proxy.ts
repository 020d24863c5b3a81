// The network between a client and a server, as bad as a test wants it: slow, silent, cut, refusing, leading elsewhere.
// What it swallows or holds back, it hides whole: neither side learns that the other one is gone.
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** Each way; of what comes from now on. */
  latencyMs: number
  /** Where new connections lead. */
  target: number
  /** Connections that are open now and that something may still pass through. */
  readonly open: number
  /** The same address, with this port. */
  through(url: string): string
  /** Nothing passes, nor do connections or their ends, until `recover`; then all of it does, in order. */
  stall(): void
  /** What is open now and what connects until `recover` is never heard of again. */
  blackhole(): void
  /** Ends all that is open, both ways, with RST. */
  reset(): void
  /** Nothing listens any more, until `recover`; what is open stays. */
  refuse(): Promise<void>
  recover(): Promise<void>
  /**
   * The connection that next sends these bytes is a blackhole from their first one on. Resolves then; what the server
   * sends it from there on is swallowed.
   */
  cutBefore(bytes: Uint8Array): Promise<void>
  /** The connection that next has sent so many bytes more to the server is a blackhole from there on. */
  cutAfter(byteCount: number): Promise<void>
  close(): Promise<void>
}

interface Cut {
  before?: Buffer
  after?: number
  resolve: () => void
}

/** One way of one connection: what came, not before it is due. */
interface Way {
  from: Socket
  to: Socket
  waiting: { bytes: Buffer | null; due: number }[]
  waitingBytes: number
  timer: NodeJS.Timeout | undefined
}

interface Connection {
  client: Socket
  server: Socket
  ways: [up: Way, down: Way]
  lost: boolean
}

/** What one way holds before it reads no more. */
const waitingBytesMax = 8 * 1024 * 1024

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const connections = new Set<Connection>()
  /** Those who knock while nothing passes. */
  const knocking = new Set<Socket>()
  let cut: Cut | undefined
  let stalled = false
  let losing = false
  let listener: Server | undefined
  let port = 0

  const listen = () =>
    new Promise<void>((resolve, reject) => {
      // Ends are passed on when they are due, not when they come.
      listener = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, knock)
      listener.once('error', reject)
      listener.listen(port, '127.0.0.1', () => {
        port = (listener!.address() as AddressInfo).port
        resolve()
      })
    })

  function knock(client: Socket): void {
    if (!stalled && !losing) accept(client)
    else knocking.add(client.on('error', () => {}))
  }

  function accept(client: Socket): void {
    client.resume()
    const server = connect({ port: proxy.target, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    const connection: Connection = { client, server, ways: [way(client, server), way(server, client)], lost: false }
    connections.add(connection)
    for (const each of connection.ways) {
      each.from.on('data', (bytes: Buffer) => arrived(connection, each, bytes))
      each.from.on('end', () => arrived(connection, each, null))
      each.from.on('error', () => {})
      each.from.on('close', hadError => {
        if (connection.lost || stalled) return
        if (hadError || !each.from.readableEnded) reset(connection)
        else if (client.destroyed && server.destroyed) connections.delete(connection)
      })
      each.to.on('drain', () => flush(each))
    }
  }

  function arrived(connection: Connection, each: Way, bytes: Buffer | null): void {
    if (connection.lost) return
    const passing = bytes !== null && each === connection.ways[0] ? beforeCut(connection, bytes) : bytes
    if (passing?.length === 0) return
    each.waiting.push({ bytes: passing, due: performance.now() + proxy.latencyMs })
    each.waitingBytes += passing?.length ?? 0
    flush(each)
    if (each.waitingBytes + each.to.writableLength > waitingBytesMax) each.from.pause()
  }

  /** What of these bytes still goes to the server. */
  function beforeCut(connection: Connection, bytes: Buffer): Buffer {
    if (cut === undefined) return bytes
    const at = cut.before === undefined ? cut.after! : bytes.indexOf(cut.before)
    if (at === -1) return bytes
    if (at >= bytes.length) {
      cut.after = at - bytes.length
      return bytes
    }
    connection.lost = true
    cut.resolve()
    cut = undefined
    return bytes.subarray(0, at)
  }

  function flush(each: Way): void {
    if (each.timer !== undefined || stalled) return
    for (let next = each.waiting[0]; next !== undefined; next = each.waiting[0]) {
      const inMs = next.due - performance.now()
      if (inMs > 0) {
        each.timer = setTimeout(() => {
          each.timer = undefined
          flush(each)
        }, Math.ceil(inMs))
        return
      }
      each.waiting.shift()
      if (each.to.destroyed) continue
      if (next.bytes === null) each.to.end()
      else {
        each.waitingBytes -= next.bytes.length
        each.to.write(next.bytes)
      }
    }
    if (each.waitingBytes + each.to.writableLength < waitingBytesMax) each.from.resume()
  }

  function reset(connection: Connection): void {
    connections.delete(connection)
    for (const { from, timer } of connection.ways) {
      clearTimeout(timer)
      from.resetAndDestroy()
    }
  }

  function unlisten(): Promise<void> {
    const closing = listener
    listener = undefined
    // Its callback waits for all connections; that nothing listens is so at once.
    closing?.close()
    return Promise.resolve()
  }

  const proxy: TcpProxy = {
    get port() {
      return port
    },
    latencyMs: 0,
    target,
    get open() {
      return [...connections].filter(({ lost }) => !lost).length
    },
    through(url) {
      const own = new URL(url)
      own.port = String(port)
      return own.href
    },
    stall() {
      stalled = true
    },
    blackhole() {
      losing = true
      for (const connection of connections) connection.lost = true
    },
    reset() {
      for (const connection of connections) reset(connection)
    },
    refuse: unlisten,
    async recover() {
      if (stalled && !losing) {
        for (const client of knocking) if (!client.destroyed && !client.errored) accept(client)
        knocking.clear()
      }
      losing = false
      stalled = false
      if (listener === undefined) await listen()
      for (const connection of connections) {
        const { client, server, ways, lost } = connection
        if (lost) continue
        for (const each of ways) flush(each)
        // One of them broke meanwhile, and the other one could not know.
        if (client.errored || server.errored) reset(connection)
      }
    },
    cutBefore: bytes =>
      new Promise(resolve => {
        cut = { before: Buffer.from(bytes), resolve }
      }),
    cutAfter: byteCount =>
      new Promise(resolve => {
        cut = { after: byteCount, resolve }
      }),
    async close() {
      await unlisten()
      for (const connection of connections) reset(connection)
      for (const client of knocking) client.destroy()
    },
  }
  await listen()
  return proxy
}

function way(from: Socket, to: Socket): Way {
  return { from, to, waiting: [], waitingBytes: 0, timer: undefined }
}
