// Listening, with limits for slow senders, and ending: no new requests, what has begun is answered, then out.
import { createServer, type Server } from 'node:http'
import { type AddressInfo, Server as NetServer } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { AppError } from '../errors.ts'
import { localUrl } from '../local-url.ts'

/** A sender that has not finished by then is cut off: it was answered nothing, and sends again. */
const closeWithinMs = 8_000
/** On a connection that is open the next request may be on its way: until then it is answered. */
const lastRequestsMs = 500

export interface ListenOptions {
  host: string
  port: number
  headersTimeoutMs: number
  requestTimeoutMs: number
}

export interface Listening {
  /** `http://127.0.0.1:8080`. */
  url: string
  /** Resolves when every request that had begun is answered. */
  close(): Promise<void>
}

/** Throws AppError where the address cannot be had. */
// biome-ignore lint/suspicious/noExplicitAny: whatever bindings the app has
export async function listen(app: Hono<any>, options: ListenOptions): Promise<Listening> {
  const { host, port, headersTimeoutMs, requestTimeoutMs } = options
  const server = createServer(
    {
      headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestTimeoutMs / 4)),
      keepAliveTimeout: 65_000,
    },
    // A health check of HTTP/1.0 names no host.
    getRequestListener(app.fetch, { overrideGlobalObjects: false, hostname: 'localhost' }),
  )
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => {
      const { code } = error as NodeJS.ErrnoException
      const reason = code === 'EADDRINUSE' ? 'another process listens there: set PORT' : error.message
      reject(new AppError('config_invalid', `cannot listen on ${host}:${port}: ${reason}`, { cause: error }))
    })
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return { url: localUrl(host, address.port), close: () => close(server) }
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.on('request', (_, response) => response.setHeader('connection', 'close'))
    const cut = setTimeout(() => server.closeAllConnections(), closeWithinMs)
    // After what has arrived was read: on a machine that is late, a request may lie there that nobody has looked at.
    const idle = setInterval(() => setImmediate(() => server.closeIdleConnections()), lastRequestsMs)
    // The HTTP server's own close cuts what is between two requests at once, and ends the limits for slow senders.
    NetServer.prototype.close.call(server, () => {
      clearTimeout(cut)
      clearInterval(idle)
      server.close()
      resolve()
    })
  })
}
