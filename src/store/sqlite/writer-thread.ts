// The writer: one thread, one connection, one transaction at a time. What arrives while a batch is committed is the
// next batch, so a lone request waits for one flush and many share one. Nothing is answered before COMMIT returned.
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Log } from './append.ts'
import { Checkpointer } from './checkpoint.ts'
import { type BatchMessage, type Command, type Result, unpack, warning } from './commands.ts'
import { Drain } from './drain.ts'
import { classify } from './failure.ts'
import { Merging } from './merging.ts'
import { openWriter } from './open.ts'
import { Work } from './work.ts'

const main = parentPort!
const db = openWriter((workerData as { path: string }).path)
const checkpointer = new Checkpointer(db)
let log: Log | undefined
let work: Work | undefined
let drain: Drain | undefined
let merging: Merging | undefined
let dead: Result | undefined

/** What was warned of: each once. */
const warned = new Set<string>()

type Entry = ReturnType<typeof unpack>[number]

/** Who sends commands: the main thread, and the delivery's over a port of its own. */
interface Client {
  port: MessagePort
  /** Whether it waits to hear that the log has grown, and the head that it last heard of. */
  listening: boolean
  told: number
}

const clients: Client[] = [{ port: main, listening: false, told: 0 }]

/** `listen`: tell once when the log has grown beyond what you told before. */
type Message = BatchMessage | 'close' | 'listen' | { attach: MessagePort }

main.on('message', (first: Message) => turn(clients[0]!, first))

function turn(from: Client, first: Message): void {
  let messages: [Client, Message][] = [[from, first], ...arrived()]
  // As long as more arrives while a batch is committed there is a next batch; then there is a moment for other work.
  while (messages.length > 0) {
    const batch: Entry[] = []
    const shares: [Client, count: number][] = []
    for (const [client, message] of messages) {
      if (typeof message !== 'object') continue
      if ('attach' in message) attach(message.attach)
      else {
        const entries = unpack(message)
        batch.push(...entries)
        shares.push([client, entries.length])
      }
    }
    if (batch.length > 0) answer(commit(batch), shares)
    tell(messages)
    if (messages.some(([client, message]) => client.port === main && message === 'close')) {
      close()
      return
    }
    behind(() => checkpointer.whileBusy())
    merging?.between()
    messages = arrived()
  }
  behind(() => checkpointer.whileIdle())
  merging?.later()
}

function arrived(): [Client, Message][] {
  const messages: [Client, Message][] = []
  for (const client of [...clients]) {
    for (let next = receiveMessageOnPort(client.port); next !== undefined; next = receiveMessageOnPort(client.port)) {
      messages.push([client, next.message])
    }
  }
  return messages
}

function attach(port: MessagePort): void {
  const client: Client = { port, listening: false, told: 0 }
  clients.push(client)
  port.on('message', (message: Message) => turn(client, message))
  port.on('close', () => clients.splice(clients.indexOf(client), 1))
}

/** Each client gets the answers to its own commands, as many messages as it sent. */
function answer(results: readonly Result[], shares: readonly [Client, number][]): void {
  let at = 0
  const byClient = new Map<Client, Result[]>()
  for (const [client, count] of shares) {
    const own = byClient.get(client)
    const part = results.slice(at, at + count)
    at += count
    if (own === undefined) byClient.set(client, part)
    else own.push(...part)
  }
  for (const [client, own] of byClient) client.port.postMessage(JSON.stringify(own))
}

/** Who asked is told of news once, and asks again. */
function tell(messages: readonly [Client, Message][]): void {
  for (const [client, message] of messages) if (message === 'listen') client.listening = true
  const head = log?.head ?? 0
  for (const client of clients) {
    if (!client.listening || head <= client.told) continue
    client.told = head
    client.listening = false
    client.port.postMessage('appended')
  }
}

function close(): void {
  merging?.close()
  if (dead === undefined) checkpointer.close()
  db.close()
  for (const { port } of clients) port.close()
}

function commit(batch: readonly Entry[]): Result[] {
  if (dead !== undefined) return batch.map(() => dead!)
  merging?.count(batch.length)
  try {
    return inTransaction(batch)
  } catch (error) {
    const failure = failed(error)
    // One command that SQLite cannot take must not fail its neighbours: each is tried in a transaction of its own.
    if (failure.code === 'internal' && batch.length > 1) return batch.flatMap(entry => commit([entry]))
    return batch.map(() => failure)
  }
}

function inTransaction(batch: readonly Entry[]): Result[] {
  // A transaction of Kysely's own (the migrations, when nobody else sends yet) comes statement by statement, each waited
  // for: nothing may be wrapped around its `begin` and `commit`.
  const [only] = batch
  if (batch.length === 1 && only!.command.op === 'sql') return [{ ok: true, value: execute(only!) }]
  db.exec('begin immediate')
  const results = batch.map((entry): Result => ({ ok: true, value: execute(entry) }))
  log?.finish()
  work?.finish()
  db.exec('commit')
  log?.committed()
  return results
}

function failed(error: unknown): Result & { ok: false } {
  const failure = classify(error)
  if (failure.fatal) dead = failure
  else {
    if (db.inTransaction) db.exec('rollback')
    log?.forget()
    work?.forget()
  }
  return failure
}

/** What nobody waits for; whether it was done. */
function behind(run: () => void): boolean {
  if (dead !== undefined) return false
  try {
    run()
    return true
  } catch (error) {
    // One that finds the disk full or the file busy is tried again later; the commits are in the WAL.
    const failure = classify(error)
    if (failure.fatal) {
      dead = failure
      for (const { port } of clients) port.postMessage('[]')
      return false
    }
    if (db.inTransaction) db.exec('rollback')
    if (failure.code === 'internal' && !warned.has(failure.message)) {
      warned.add(failure.message)
      main.postMessage(`${warning}what the writer does beside its answers failed: ${failure.message}`)
    }
    return false
  }
}

function execute({ command, pieces }: Entry): unknown {
  checkpointer.count(pieces.reduce((bytes, piece) => bytes + piece.length, 0))
  if (command.op === 'sql') return sql(command)
  work ??= new Work(db)
  log ??= new Log(db, work)
  merging ??= new Merging({ db, checkpointer, head: () => log!.head, behind })
  switch (command.op) {
    case 'remember':
      return null
    case 'append':
      return log.append(command.events, command.request, pieces)
    case 'quarantine':
      return log.quarantine(command.entry, command.request, pieces)
    case 'reject':
      return log.reject(command.rejection, command.request, pieces)
    case 'move': {
      const [body, sha256, id, ...rest] = pieces as [Buffer, Buffer, Buffer, ...Buffer[]]
      if (!log.remove(command.from, id)) return null
      return log.append(command.events, command.request, [body, sha256, ...rest])
    }
    case 'requarantine': {
      const [body, sha256, rejection, id] = pieces as [Buffer, Buffer, Buffer, Buffer]
      return log.remove('rejections', rejection)
        ? log.quarantine(command.entry, command.request, [body, sha256, id])
        : null
    }
    case 'drained':
      drain ??= new Drain(db)
      return drain.remove(command.drained)
    case 'discard':
      return log.remove('quarantine', pieces[2]!)
    case 'expire':
      return log.expire(command.from, command.upTo, command.cutoffs, command.fallback, command.now)
    case 'forget':
      return log.forgetIdentities(Buffer.from(command.after, 'hex'), command.below)
    default:
      return work.run(command)
  }
}

function sql({ sql, parameters }: Command & { op: 'sql' }): unknown {
  const statement = db.prepare(sql)
  const bound = parameters.map(asBlob)
  if (statement.reader) return { rows: statement.all(...bound) }
  statement.run(...bound)
  return { rows: [] }
}

/** What JSON made of a Buffer, made one again: there is no other object among parameters. */
function asBlob(parameter: unknown): unknown {
  if (typeof parameter !== 'object' || parameter === null) return parameter
  return Buffer.from((parameter as { data: number[] }).data)
}
