// Other programs that import what the package has for them, and what that loads.
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** Every module that the built `start` loads, directly or through others of ours; names of packages as they are. */
export function loadedFrom(start: string, seen = new Set<string>()): Set<string> {
  seen.add(start)
  for (const [, specifier] of readFileSync(start, 'utf8')
    // What a comment shows as an example is not loaded.
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .matchAll(/(?:\bfrom|\bimport|\bimport\()\s*['"]([^'"]+)['"]/g)) {
    const module = specifier!.startsWith('.') ? resolve(dirname(start), specifier!) : specifier!
    if (seen.has(module)) continue
    if (specifier!.startsWith('.')) loadedFrom(module, seen)
    else seen.add(module)
  }
  return seen
}

/** Runs on any Node that is still supported. */
export const consumer = `
import { createClient, PosternProblem } from 'postern/client'
import { createServer } from 'node:http'
let asked = 0
const server = createServer((request, response) => {
  if (!request.url.startsWith('/api/v1/events/stream')) {
    response.writeHead(404, { 'content-type': 'application/problem+json' })
    response.end('{"code":"not_found","detail":"no such thing","errors":[]}')
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(++asked === 1 ? ':\\nid: 4\\n\\ndata: {"id":"a"}\\nid: 5\\n\\n' : 'data: {"id":"b"}\\nid: 6\\n\\n')
  if (asked === 1) setTimeout(() => response.destroy(), 20)
}).listen(0, '127.0.0.1')
await new Promise(resolve => server.on('listening', resolve))
const client = createClient({ url: 'http://127.0.0.1:' + server.address().port, token: 'a-token' })
const seen = []
for await (const event of client.events({}, { retry: { firstMs: 1 } })) {
  seen.push(event.id)
  if (seen.length === 2) break
}
const problem = await client.GET('/sources').catch(error => error)
server.closeAllConnections()
server.close()
import { catalogue, isCatalogueType, jsonSchema, schemaUrn } from 'postern/events'
const data = { refs: { loan: 'K0Z1Q' }, status: { current: 'bid', phase: 'offered', raw: 'BID' } }
console.log(JSON.stringify([
  catalogue['loan.status_changed'].safeParse(data).success,
  catalogue['loan.status_changed'].safeParse({ refs: {} }).success,
  isCatalogueType('constructor'),
  schemaUrn('loan.status_changed'),
  jsonSchema('loan.status_changed').title,
  seen,
  problem instanceof PosternProblem && problem.code,
]))
`

/** Only type-checked. */
export const typedConsumer = `import { defineConfig, secret } from 'postern'
import { banclo, receeve } from 'postern/adapters'
import { createClient } from 'postern/client'
import type { EventOf } from 'postern/events'

const client = createClient({ url: 'https://gateway.internal', token: 'a-token' })
export const next: Promise<string | null> = client.GET('/events').then(({ data }) => data.next)
// @ts-expect-error it has no such route
client.GET('/nothing')
export const rawOf = (event: EventOf<'loan.status_changed'>): string => event.data.status.raw
// @ts-expect-error it has no such field
export const wrong = (event: EventOf<'loan.status_changed'>) => event.data.nothing.raw
const check = banclo.signature({ secret: secret('A'), covers: 'data' })
export default defineConfig({
  sources: { a: banclo({ check }) },
  subscriptions: { loans: { types: ['loan.*'], to: event => event.type.startsWith('loan.') } },
})
// @ts-expect-error a check of one vendor does not fit another's source
receeve({ check: banclo.signature({ secret: 'a', covers: 'data' }) })
`
