// A real OpenID provider on loopback, whose keys can be changed and which can be away in several ways.
import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

type Away = (request: IncomingMessage, response: ServerResponse, answer: () => void) => void

/** The ways to be away: what every request is answered with. */
export const outages: Record<string, Away> = {
  'the connection is reset': (_, response) => response.destroy(),
  'the status is 500': (_, response) => response.writeHead(500).end('{}'),
  'the status is 404': (_, response) => response.writeHead(404).end('{}'),
  'the body is no JSON': (_, response) => response.writeHead(200).end('<html>'),
  'the body is null': (_, response) => response.writeHead(200).end('null'),
  // Where it redirects to, the right answer would be had.
  'it redirects': (request, response, answer) =>
    request.url?.endsWith('?') ? answer() : response.writeHead(302, { location: `${request.url}?` }).end(),
  'the body is right but too large': (request, response, answer) => {
    const issuer = `http://${request.headers.host}`
    const document = { issuer, jwks_uri: `${issuer}/jwks`, padding: 'x'.repeat(2_000_000) }
    if (request.url === '/jwks') answer()
    else response.writeHead(200).end(JSON.stringify(document))
  },
  'it never answers': () => {},
}

export interface TestProvider extends AsyncDisposable {
  issuer: string
  audience: string
  /** The key that signs now, with its private half. */
  key: JsonWebKey & { kid: string }
  /** Every path asked for since the start, tokens aside. */
  asked: string[]
  token(options?: { scope?: string; clientId?: string }): Promise<string>
  /** From now on tokens are signed with a new key, and only that is published. */
  rotate(): void
  away(answer: Away | undefined): void
}

export async function startProvider(): Promise<TestProvider> {
  let listener: RequestListener = () => {}
  let outage: Away | undefined
  const asked: string[] = []
  const server = createServer((request, response) => {
    if (request.url !== '/token') asked.push(request.url ?? '')
    if (outage !== undefined && request.url !== '/token') outage(request, response, () => listener(request, response))
    else listener(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const audience = 'urn:postern:test'
  let generation = 0

  const provider: TestProvider = {
    issuer,
    audience,
    key: { kid: '' },
    asked,
    async token({ scope = 'hooks.write hooks.read', clientId = 'vendor' } = {}) {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${clientId}:client-secret`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
      })
      const { access_token: token } = (await response.json()) as { access_token?: string }
      if (token === undefined) throw new Error(`the provider gave no token: ${response.status}`)
      return token
    },
    rotate() {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      provider.key = { ...privateKey.export({ format: 'jwk' }), kid: `key-${++generation}`, alg: 'RS256', use: 'sig' }
      listener = new Provider(issuer, configuration(audience, provider.key)).callback()
    },
    away(answer) {
      outage = answer
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  provider.rotate()
  return provider
}

function configuration(audience: string, key: JsonWebKey): object {
  const client = (id: string) => ({
    client_id: id,
    client_secret: 'client-secret',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  })
  return {
    clients: [client('vendor'), client('stranger')],
    jwks: { keys: [key] },
    cookies: { keys: ['a cookie key'] },
    scopes: ['hooks.write', 'hooks.read'],
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope: 'hooks.write hooks.read',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  }
}
