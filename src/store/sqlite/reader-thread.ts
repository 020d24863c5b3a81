// The reader: its own thread and connection, so that the largest read holds up no append. Each query is one short read
// transaction, since a long one would keep the WAL from being reset.
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type { Result } from './commands.ts'
import { classify } from './failure.ts'
import { openReader } from './open.ts'

const port = parentPort!
const db = openReader((workerData as { path: string }).path)

// On Linux this is the priority of the calling thread alone: reading yields the processor to acknowledging.
if (process.platform === 'linux') {
  try {
    setPriority(15)
  } catch {
    // A container may forbid it; reads are then as important as appends.
  }
}

export interface ReadMessage {
  number: number
  sql: string
  parameters: readonly unknown[]
}

port.on('message', (message: ReadMessage | 'close') => {
  if (message === 'close') {
    db.close()
    port.close()
    return
  }
  port.postMessage([message.number, read(message)])
})

function read({ sql, parameters }: ReadMessage): Result {
  try {
    return { ok: true, value: { rows: db.prepare(sql).all(...parameters) } }
  } catch (error) {
    return classify(error)
  }
}
