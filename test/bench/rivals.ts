// What Postern is measured against, each in a process of its own: `ceiling` reads, verifies and parses, and stores
// nothing; `naive` does the same and commits each request by itself before it answers.
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Sqlite from 'better-sqlite3'
import { secret, signatureHeader } from './requests.ts'

// The fastest that Node has: a MAC under a text takes five times as long.
const key = createSecretKey(secret, 'utf8')
const [, , kind, databasePath] = process.argv
const store = kind === 'naive' ? naiveStore(databasePath!) : () => {}

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
    store(event.id, event.eventType, body)
    const answer = JSON.stringify({ id: event.id, status: 'accepted' })
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))

function naiveStore(path: string): (id: string, type: string, body: Buffer) => void {
  const db = new Sqlite(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('create table if not exists events (sequence integer primary key, id text unique, type text, body blob)')
  const insert = db.prepare('insert into events (id, type, body) values (?, ?, ?) on conflict do nothing')
  return (id, type, body) => void insert.run(id, type, body)
}
