// What small servers that answer as vendors' APIs do have in common: they listen on loopback, take a bearer token or
// Basic, write down what they were asked, and can be told to fail.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface VendorRequest {
  method: string
  /** With the query. */
  path: string
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: whatever was sent.
  body: any
}

export interface VendorAnswer {
  status: number
  body?: unknown
}

/** Undefined: the server's own answer. `hang up` ends the connection without one. */
export type Trouble = (request: VendorRequest) => VendorAnswer | 'hang up' | undefined

export interface VendorServer extends AsyncDisposable {
  readonly url: string
  readonly requests: VendorRequest[]
  /** The requests that change something, as `POST /path`. */
  changes(): string[]
  /** From now on; undefined for none. `after`: the request is carried out first. */
  trouble(trouble: Trouble | undefined, after?: 'after'): void
}

/** `takes` says whether credentials are good. */
export async function startVendor(
  answer: (request: VendorRequest) => VendorAnswer,
  takes: (authorization: string) => boolean,
): Promise<VendorServer> {
  const requests: VendorRequest[] = []
  let trouble: Trouble | undefined
  let isAfter = false
  const server = createServer(async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const { method = '', url: path = '', headers } = incoming
    const request: VendorRequest = { method, path, headers, body: text === '' ? undefined : JSON.parse(text) }
    requests.push(request)
    const troubled = trouble?.(request)
    const own = () =>
      takes(headers.authorization ?? '') ? answer(request) : { status: 401, body: { error: 'denied' } }
    const answered = troubled === undefined || isAfter ? own() : undefined
    if (troubled === 'hang up') {
      response.destroy()
      return
    }
    const { status, body } = troubled ?? answered!
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(body === undefined ? '' : JSON.stringify(body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    changes: () => requests.filter(({ method }) => method !== 'GET').map(({ method, path }) => `${method} ${path}`),
    trouble(given, after) {
      trouble = given
      isAfter = after === 'after'
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
