// The thread that fills the search index, with the lowest priority there is: whatever else the process does comes first.
import { setPriority } from 'node:os'
import { setTimeout as after } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { PostgresOptions } from '../store.ts'
import { Indexer, type SearchIndex } from './indexer.ts'
import type { SearchedLog } from './log.ts'

/** What the thread is started with. */
export type SearchWork = { payloadOf: readonly string[] } & (
  | { engine: 'sqlite'; path: string }
  | { engine: 'postgres'; options: PostgresOptions }
)

/** `sweep`: retention has deleted; `damaged`: it could not be read; `owns`: whether this node fills it. */
export type ToSearch = 'sweep' | 'damaged' | 'close' | { owns: boolean }
export type FromSearch = 'remade' | { warning: string }

const againMs = 5_000
const lowest = 19

const port = parentPort!
const work = workerData as SearchWork

// On Linux this is the priority of the calling thread alone.
if (process.platform === 'linux') {
  try {
    setPriority(lowest)
  } catch {
    // A container may forbid it.
  }
}

interface Opened {
  log: SearchedLog
  index: SearchIndex
  remake(): Promise<void>
  close(): Promise<void>
}

let owns = work.engine === 'sqlite'
let isDamaged = false
let isClosing = false
let indexer: Indexer | undefined
let opened: Opened | undefined
let wake = new AbortController()
let warned = ''

port.on('message', (message: ToSearch) => {
  if (message === 'close') isClosing = true
  else if (message === 'sweep') indexer?.sweep()
  else if (message === 'damaged') isDamaged = true
  else owns = message.owns
  wake.abort()
})

const say = (message: FromSearch) => port.postMessage(message)

async function open(): Promise<Opened> {
  if (work.engine === 'postgres') return (await import('../postgres/search-parts.ts')).postgresSearch(work)
  return (await import('../sqlite/search-parts.ts')).sqliteSearch(work, () => say('remade'))
}

/** One go; how long to rest. Whatever fails is tried again: nobody depends on it. */
async function turn(): Promise<number> {
  try {
    opened ??= await open()
    indexer ??= new Indexer({ ...opened, owns: () => owns, now: () => performance.now() })
    if (isDamaged) {
      isDamaged = false
      await opened.remake()
    }
    const rest = await indexer.turn()
    warned = ''
    return rest
  } catch (error) {
    const reason = (error as Error).message
    if (reason !== warned) say({ warning: `the search index falls behind, and is tried again: ${reason}` })
    warned = reason
    await opened?.close().catch(() => {})
    opened = undefined
    indexer = undefined
    return againMs
  }
}

while (!isClosing) {
  const rest = await turn()
  // Also without a rest others have their turn: what came by the port is looked at.
  await after(rest, undefined, { signal: wake.signal }).catch(() => {})
  if (wake.signal.aborted) wake = new AbortController()
}
await opened?.close()
port.close()
