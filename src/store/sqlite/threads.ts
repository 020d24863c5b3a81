// The main thread's ends of the writer and the reader: promises for what they are told.
import { Worker } from 'node:worker_threads'
import { AppError } from '../../errors.ts'
import { type Command, pack, type Result } from './commands.ts'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

const none: readonly Uint8Array[] = []

/** A worker's file is a `.ts` in a clone and a `.js` in an installation. */
function start(name: string, path: string): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new Worker(new URL(`./${name}.${ending}`, import.meta.url), {
    workerData: { path },
    name: `postern-${name}`,
    // What a batch allocates is gone when it is answered: a large nursery would only hold memory.
    resourceLimits: { maxYoungGenerationSizeMb: 12 },
  })
}

/**
 * Commands that are sent at once, though the turn of the event loop is not over: one turn may bring a request of every
 * connection, and the writer would wait for the last of them, and then everybody for the writer.
 */
const sentAtOnce = 12
/** Without a command for so long, the writer is not under load. */
const pauseMs = 1
/** Messages ahead of the answers; the writer takes all that it finds as one batch. */
const messagesAhead = 16

/** Sends the commands of one turn of the event loop in few messages, and not too many of them ahead of the answers. */
export class Writer {
  readonly #worker: Worker
  readonly #exited: Promise<void>
  readonly failed: Promise<Error>
  #fail: (error: Error) => void = () => {}
  #queue: { command: Command; pieces: readonly Uint8Array[]; waiting: Waiting }[] = []
  #sent: Waiting[] = []
  #messagesOut = 0
  #messageSizes: number[] = []
  #scheduled = false
  #flushedAt = 0
  #closing = false
  #dead: AppError | undefined

  constructor(path: string) {
    this.#worker = start('writer-thread', path)
    this.failed = new Promise(resolve => {
      this.#fail = resolve
    })
    this.#worker.on('message', (results: string) => this.#answered(JSON.parse(results) as Result[]))
    this.#worker.on('error', error => this.#die(startError(error)))
    this.#exited = new Promise(resolve => {
      this.#worker.on('exit', () => {
        if (!this.#closing) this.#die(new AppError('store_failed', 'the store has ended'))
        resolve()
      })
    })
  }

  run<Value>(command: Command, pieces: readonly Uint8Array[] = none): Promise<Value> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead)
    if (this.#closing) return Promise.reject(new AppError('unavailable', 'the store is closing'))
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#queue.push({ command, pieces, waiting: { resolve, reject } })
    if (this.#queue.length >= sentAtOnce || this.#isLone()) this.#flush(false)
    else this.#schedule()
    return promise as Promise<Value>
  }

  /** Resolves when everything taken is committed and the file is closed. */
  async close(): Promise<void> {
    this.#closing = true
    this.#flush(true)
    this.#worker.postMessage('close')
    await this.#exited
  }

  /** One that came after a pause need not wait for the end of the turn: the writer has nothing else to do. */
  #isLone(): boolean {
    return this.#messagesOut === 0 && performance.now() - this.#flushedAt > pauseMs
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush(false)
    })
  }

  #flush(all: boolean): void {
    if (this.#queue.length === 0 || (!all && this.#messagesOut >= messagesAhead)) return
    const queue = this.#queue
    this.#queue = []
    this.#flushedAt = performance.now()
    let packed: ReturnType<typeof pack>
    try {
      packed = pack(queue)
    } catch (error) {
      // Larger than memory or a string can be: nobody may wait for it for ever.
      for (const { waiting } of queue) waiting.reject(startError(error))
      return
    }
    const { message, transfer } = packed
    for (const { waiting } of queue) this.#sent.push(waiting)
    this.#messageSizes.push(queue.length)
    this.#messagesOut++
    this.#worker.postMessage(message, transfer)
  }

  /** One answer may be to several messages: the writer makes one batch of what it finds. An empty one says it failed. */
  #answered(results: readonly Result[]): void {
    let answered = results.length
    while (answered > 0 && this.#messageSizes.length > 0) {
      answered -= this.#messageSizes.shift()!
      this.#messagesOut--
    }
    const waiting = this.#sent.splice(0, results.length)
    results.forEach((result, index) => {
      if (result.ok) waiting[index]?.resolve(result.value)
      else {
        const error = new AppError(result.code, result.message)
        waiting[index]?.reject(error)
        if (result.fatal) this.#die(error)
      }
    })
    if (results.length === 0) this.#die(new AppError('store_failed', 'the store failed after a commit'))
    if (this.#queue.length > 0) this.#flush(false)
  }

  #die(error: AppError): void {
    this.#dead ??= error
    for (const waiting of this.#sent.splice(0)) waiting.reject(this.#dead)
    for (const { waiting } of this.#queue.splice(0)) waiting.reject(this.#dead)
    // The last connection to close would flush once more, and believe it: this one is closed while the reader's is open.
    void this.#worker.terminate().finally(() => this.#fail(this.#dead!))
  }
}

/** Sends queries one by one and matches the answers by number. */
export class Reader {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #exited: Promise<void>
  #number = 0
  #ended: AppError | undefined

  constructor(path: string) {
    this.#worker = start('reader-thread', path)
    this.#worker.on('message', ([number, result]: [number, Result]) => {
      const waiting = this.#waiting.get(number)
      this.#waiting.delete(number)
      if (result.ok) waiting?.resolve(result.value)
      else waiting?.reject(new AppError(result.code, result.message))
    })
    this.#worker.on('error', error => this.#end(startError(error)))
    this.#exited = new Promise(resolve => {
      this.#worker.on('exit', () => {
        this.#end(new AppError('unavailable', 'the reader has ended'))
        resolve()
      })
    })
  }

  run<Value>(sql: string, parameters: readonly unknown[]): Promise<Value> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(++this.#number, { resolve, reject })
    this.#worker.postMessage({ number: this.#number, sql, parameters })
    return promise as Promise<Value>
  }

  async close(): Promise<void> {
    this.#worker.postMessage('close')
    await this.#exited
  }

  #end(error: AppError): void {
    this.#ended ??= error
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }
}

function startError(error: unknown): AppError {
  const message = error instanceof Error ? error.message : String(error)
  return new AppError('store_failed', message, { cause: error })
}
