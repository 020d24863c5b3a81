// `postern/events` and `postern/client` are for other programs: types and schemas alone, and a client, on any Node that is
// still supported, and the client in browsers.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clone, workshop } from './copies.ts'
import { findOldNode } from './old-node.ts'

const { path: folder, remove } = workshop()
const built = join(folder, 'built')

beforeAll(() => {
  clone(built)
  execFileSync(process.execPath, ['scripts/build.ts'], { cwd: built })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(built, join(folder, 'node_modules/postern'), 'junction')
})
afterAll(remove)

/** Every module that the built `start` loads, directly or through others of ours; names of packages as they are. */
function loadedFrom(start: string, seen = new Set<string>()): Set<string> {
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

test('postern/client loads itself and openapi-fetch, and nothing of Node', () => {
  const { exports } = JSON.parse(readFileSync(join(built, 'package.json'), 'utf8'))
  const start = join(built, exports['./client'].default)
  const own = ['client', 'follow', 'problem', 'server-sent-events'].map(name => join(dirname(start), `${name}.js`))
  expect([...loadedFrom(start)].toSorted()).toEqual([...own, 'openapi-fetch'].toSorted())
  for (const file of own) expect(readFileSync(file, 'utf8')).not.toMatch(/\b(Buffer|process|require)\b/)
})

test('postern/events loads itself and zod', () => {
  const { exports } = JSON.parse(readFileSync(join(built, 'package.json'), 'utf8'))
  const start = join(built, exports['./events'].default)
  expect([...loadedFrom(start)]).toEqual([start, 'zod', join(dirname(start), 'event-types.js')])
  // The same search finds what the whole of Postern loads.
  expect([...loadedFrom(join(built, exports['.'].default))]).toContain('node:crypto')
})

const consumer = `
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

const old = findOldNode()
test.for([
  { name: 'this Node', node: process.execPath },
  { name: `Node ${old?.version ?? 'that is older: there is none here'}`, node: old?.path },
])('both work under $name', ({ node }, { skip }) => {
  skip(node === undefined, 'no other Node is installed')
  const script = join(folder, 'consumer.mjs')
  writeFileSync(script, consumer)
  const output = execFileSync(node!, [script], { encoding: 'utf8' })
  expect(JSON.parse(output)).toEqual([
    true,
    false,
    false,
    'urn:postern:schema:loan.status_changed:1',
    'loan.status_changed',
    ['a', 'b'],
    'not_found',
  ])
})

test('their types, and those of the other two, are checked where they are used', () => {
  writeFileSync(
    join(folder, 'consumer.ts'),
    `import { defineConfig, secret } from 'postern'
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
`,
  )
  const tsc = join(built, 'node_modules/typescript/bin/tsc')
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'esnext',
    '--lib',
    'esnext,dom',
    '--types',
    '',
  ]
  const { stdout } = spawnSync(process.execPath, [tsc, ...options, 'consumer.ts'], { cwd: folder, encoding: 'utf8' })
  expect(stdout).toBe('')
})
