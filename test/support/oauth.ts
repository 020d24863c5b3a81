// A real OAuth 2.0 provider on loopback whose token endpoint is counted and can be away, and an API that takes its tokens
// and no others.
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLocalJWKSet, jwtVerify } from 'jose'
import Provider from 'oidc-provider'
import type { OAuthSpec } from '../../src/delivery/subscription.ts'

export const clientSecret = 'a client secret: with % and +'
const audience = 'urn:vendor:api'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface TestOAuth extends AsyncDisposable {
  spec: OAuthSpec
  /** Requests to the token endpoint so far. */
  asked(): number
  /** From now on the token endpoint answers so; undefined for the provider itself. */
  away(answer: Answer | undefined): void
  /** The claims of a token of this provider. Rejects for any other. */
  verify(token: string): Promise<Record<string, unknown>>
}

/** `takes`: where the client's secret must be. Tokens live `lifeSeconds`. */
export async function startOAuth({
  takes = 'any',
  lifeSeconds = 600,
}: {
  takes?: 'any' | 'body'
  lifeSeconds?: number
} = {}): Promise<TestOAuth> {
  let provider: RequestListener = () => {}
  let outage: Answer | undefined
  let asked = 0
  const { url: issuer, close } = await listening((request, response) => {
    if (request.url === '/token') asked++
    if (outage !== undefined && request.url === '/token') outage(request, response)
    else if (takes === 'body' && request.headers.authorization !== undefined) {
      response.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Basic' })
      response.end('{"error":"invalid_client"}')
    } else provider(request, response)
  })
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const named = { kid: 'key-1', alg: 'RS256', use: 'sig' }
  const keys = createLocalJWKSet({ keys: [{ ...(publicKey.export({ format: 'jwk' }) as { kty: string }), ...named }] })
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'gateway',
        client_secret: clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), ...named }] },
    cookies: { keys: ['a cookie key'] },
    scopes: ['loans.read', 'loans.write'],
    ttl: { ClientCredentials: lifeSeconds },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope: 'loans.read loans.write',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  }).callback()
  return {
    spec: { tokenUrl: `${issuer}/token`, clientId: 'gateway', clientSecret, scopes: ['loans.read'] },
    asked: () => asked,
    away(answer) {
      outage = answer
    },
    verify: async token => (await jwtVerify(token, keys, { issuer, audience })).payload,
    [Symbol.asyncDispose]: close,
  }
}

export interface ApiRequest {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

export interface TestApi extends AsyncDisposable {
  url: string
  requests: ApiRequest[]
  /** How requests whose credentials are good are answered. Default 200 and what was asked for. */
  answer(answer: Answer): void
}

/** `isGood` says whether the Authorization header will do; else the answer is 401. */
export async function startApi(isGood: (authorization: string) => boolean | Promise<boolean>): Promise<TestApi> {
  const requests: ApiRequest[] = []
  let answer: Answer = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ asked: request.url }))
  }
  const { url, close } = await listening(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const { method = '', url = '', headers } = request
    requests.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') })
    if (await isGood(headers.authorization ?? '')) answer(request, response)
    else
      response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end('{"error":"invalid_token"}')
  })
  return {
    url,
    requests,
    answer(given) {
      answer = given
    },
    [Symbol.asyncDispose]: close,
  }
}

async function listening(listener: RequestListener): Promise<{ url: string; close(): Promise<void> }> {
  const server: Server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
