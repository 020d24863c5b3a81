// What Postern is measured against, each in a process of its own: `ceiling` reads, verifies and parses, and stores
// nothing; `naive` does the same and commits each request by itself before it answers, to SQLite; `naive-postgres` the
// same to PostgreSQL, over a pool.
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Sqlite from 'better-sqlite3'
import pg from 'pg'
import { secret, signatureHeader } from './requests.ts'

// The fastest that Node has: a MAC under a text takes five times as long.
const key = createSecretKey(secret, 'utf8')
const [, , kind, database] = process.argv
/** Connections of the pool: as many as Postern has by default. */
const poolMax = 10

/** Undefined where it is stored when this returns. */
type StoreEvent = (id: string, type: string, body: Buffer) => Promise<unknown> | undefined
const store: StoreEvent =
  kind === 'naive'
    ? naiveStore(database!)
    : kind === 'naive-postgres'
      ? await naivePostgresStore(database!)
      : () => undefined

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks)
    const mac = createHmac('sha256', key).update(body).digest()
    const presented = Buffer.from(String(request.headers[signatureHeader]).slice('sha256='.length), 'hex')
    if (presented.length !== mac.length || !timingSafeEqual(presented, mac)) {
      response.writeHead(401).end()
      return
    }
    const event = JSON.parse(body.toString()) as { id: string; eventType: string }
    const stored = store(event.id, event.eventType, body)
    const answer = () => {
      const text = JSON.stringify({ id: event.id, status: 'accepted' })
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text)
    }
    if (stored === undefined) answer()
    else stored.then(answer, () => response.writeHead(503).end())
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))

function naiveStore(path: string): StoreEvent {
  const db = new Sqlite(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('create table if not exists events (sequence integer primary key, id text unique, type text, body blob)')
  const insert = db.prepare('insert into events (id, type, body) values (?, ?, ?) on conflict do nothing')
  return (id, type, body) => {
    insert.run(id, type, body)
    return undefined
  }
}

async function naivePostgresStore(url: string): Promise<StoreEvent> {
  const pool = new pg.Pool({ connectionString: url, max: poolMax })
  await pool.query(
    `create table if not exists naive (
       sequence bigint generated always as identity primary key, id text unique, type text, body bytea)`,
  )
  // Prepared once on each connection, which is the fastest that the driver has.
  const text = 'insert into naive (id, type, body) values ($1, $2, $3) on conflict do nothing'
  return (id, type, body) => pool.query({ name: 'insert', text, values: [id, type, body] })
}
