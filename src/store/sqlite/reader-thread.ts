// The reader: its own thread and connection, so that the largest read holds up no append. Each query is one short read
// transaction, since a long one would keep the WAL from being reset.
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type { Result } from './commands.ts'
import { classify } from './failure.ts'
import { KeptStatements } from './kept-statements.ts'
import { openReader } from './open.ts'
import { searchPath } from './search-file.ts'

const port = parentPort!
const { path } = workerData as { path: string }
const db = new KeptStatements(openReader(path))
/** Of the search index, once it is asked for. */
let search: KeptStatements | undefined
/** Up to 90 kB each, with sixteen ranges. */
const keptForSearch = 32

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
  of: 'inbox' | 'search'
}

port.on('message', (message: ReadMessage | 'close' | 'remade') => {
  if (message === 'remade') {
    forgetSearch()
    return
  }
  if (message === 'close') {
    forgetSearch()
    db.close()
    port.close()
    return
  }
  port.postMessage([message.number, read(message)])
})

function read({ sql, parameters, of }: ReadMessage): Result {
  try {
    if (of === 'search') search ??= new KeptStatements(openReader(searchPath(path)), keptForSearch)
    const read = of === 'search' ? search! : db
    const since = performance.now()
    const rows = read.prepare(sql).all(...parameters)
    return { ok: true, value: { rows, elapsedMs: performance.now() - since } }
  } catch (error) {
    // Its file may be gone, and another one there the next time.
    if (of === 'search') {
      forgetSearch()
      if (!isDamage(error)) return { ok: false, code: 'unavailable', message: String(error), fatal: false }
    }
    return classify(error)
  }
}

function isDamage(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test((error as { code?: string }).code ?? '')
}

function forgetSearch(): void {
  search?.close()
  search = undefined
}
