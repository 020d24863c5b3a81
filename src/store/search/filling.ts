// The main thread's end of the thread that fills the search index.
import { Worker } from 'node:worker_threads'
import type { StoreObserver } from '../store.ts'
import type { FromSearch, SearchWork, ToSearch } from './search-thread.ts'

const lookMs = 1_000
const againMs = 5_000
const mayEndMsDefault = 2_000

export interface FillingParts {
  work: SearchWork
  /** Whether this node is the one that fills it. */
  owns(): boolean
  /** It was damaged, and is another file now. */
  remade?(): void
  observer?: StoreObserver | undefined
  /** How long its thread may take to end. Default 2,000 ms. */
  mayEndMs?: number
}

export class Filling {
  readonly #parts: FillingParts
  #worker: Worker | undefined
  #owns: boolean | undefined
  #closing = false
  readonly #timer: NodeJS.Timeout

  constructor(parts: FillingParts) {
    this.#parts = parts
    this.#start()
    this.#timer = setInterval(() => this.#look(), lookMs)
    this.#timer.unref()
  }

  /** Retention has deleted events. */
  sweep(): void {
    this.#tell('sweep')
  }

  /** It cannot be read. */
  damaged(): void {
    this.#tell('damaged')
  }

  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#timer)
    const worker = this.#worker
    if (worker === undefined) return
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    this.#tell('close')
    // It may wait for a database that is gone; what it has not added is added the next time.
    const late = setTimeout(() => void worker.terminate(), this.#parts.mayEndMs ?? mayEndMsDefault)
    await ended
    clearTimeout(late)
  }

  #start(): void {
    if (this.#closing) return
    const { work, remade, observer } = this.#parts
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./search-thread.${ending}`, import.meta.url), {
      workerData: work,
      name: 'postern-search',
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
    })
    this.#worker = worker
    this.#owns = undefined
    worker.on('message', (message: FromSearch) => {
      if (message === 'remade') remade?.()
      else observer?.warned?.(message.warning)
    })
    worker.on('error', error => observer?.warned?.(`the search index's thread ended: ${String(error)}`))
    worker.on('exit', () => {
      this.#worker = undefined
      if (!this.#closing) setTimeout(() => this.#start(), againMs).unref()
    })
    this.#look()
  }

  #look(): void {
    const owns = this.#parts.owns()
    if (owns !== this.#owns) this.#tell({ owns })
    this.#owns = owns
  }

  #tell(message: ToSearch): void {
    this.#worker?.postMessage(message)
  }
}
