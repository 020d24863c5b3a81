// The writer: one thread, one connection, one transaction at a time. What arrives while a batch is committed is the
// next batch, so a lone request waits for one flush and many share one. Nothing is answered before COMMIT returned.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Log } from './append.ts'
import { Checkpointer } from './checkpoint.ts'
import { type BatchMessage, type Command, type Result, unpack } from './commands.ts'
import { classify } from './failure.ts'
import { openWriter } from './open.ts'

const port = parentPort!
const db = openWriter((workerData as { path: string }).path)
const checkpointer = new Checkpointer(db)
let log: Log | undefined
let dead: Result | undefined

type Work = ReturnType<typeof unpack>[number]

type Message = BatchMessage | 'close'

port.on('message', (first: Message) => {
  // As long as more arrives while a batch is committed there is a next batch; then there is a moment for other work.
  for (let messages = [first, ...arrived()]; messages.length > 0; messages = arrived()) {
    const batch = messages.flatMap(message => (message === 'close' ? [] : unpack(message)))
    if (batch.length > 0) port.postMessage(JSON.stringify(commit(batch)))
    if (messages.includes('close')) {
      if (dead === undefined) checkpointer.close()
      db.close()
      port.close()
      return
    }
    checkpoint(() => checkpointer.whileBusy())
  }
  checkpoint(() => checkpointer.whileIdle())
})

function arrived(): Message[] {
  const messages: Message[] = []
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    messages.push(next.message)
  }
  return messages
}

function commit(batch: readonly Work[]): Result[] {
  if (dead !== undefined) return batch.map(() => dead!)
  try {
    return inTransaction(batch)
  } catch (error) {
    const failure = failed(error)
    // One command that SQLite cannot take must not fail its neighbours: each is tried in a transaction of its own.
    if (failure.code === 'internal' && batch.length > 1) return batch.flatMap(work => commit([work]))
    return batch.map(() => failure)
  }
}

function inTransaction(batch: readonly Work[]): Result[] {
  // Kysely's own transactions (migrations) are statements of single batches; nothing may be wrapped around them.
  if (batch.every(({ command }) => command.op === 'sql')) return batch.map(work => ({ ok: true, value: execute(work) }))
  db.exec('begin immediate')
  const results = batch.map((work): Result => ({ ok: true, value: execute(work) }))
  log?.finish()
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
  }
  return failure
}

function checkpoint(run: () => void): void {
  if (dead !== undefined) return
  try {
    run()
  } catch (error) {
    // One that finds the disk full or the file busy is tried again later; the commits are in the WAL.
    const failure = classify(error)
    if (failure.fatal) {
      dead = failure
      port.postMessage('[]')
    }
  }
}

function execute({ command, pieces }: Work): unknown {
  checkpointer.count(pieces.reduce((bytes, piece) => bytes + piece.length, 0))
  if (command.op === 'sql') return sql(command)
  log ??= new Log(db)
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
    case 'discard':
      return log.remove('quarantine', pieces[2]!)
    case 'expire':
      return log.expire(command.from, command.upTo, command.cutoffs, command.fallback)
    case 'forget':
      return log.forgetIdentities(Buffer.from(command.after, 'hex'), command.below)
  }
}

function sql({ sql, parameters }: Command & { op: 'sql' }): unknown {
  const statement = db.prepare(sql)
  if (statement.reader) return { rows: statement.all(...parameters) }
  statement.run(...parameters)
  return { rows: [] }
}
