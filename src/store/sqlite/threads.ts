// The main thread's ends of the writer and the reader: promises for what they are told.
import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads'
import PQueue from 'p-queue'
import { AppError } from '../../errors.ts'
import type { StoreObserver } from '../store.ts'
import { type Command, pack, type Result, warning } from './commands.ts'
import type { ReadMessage } from './reader-thread.ts'

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

/** What a Writer speaks through: the worker itself, or a port to it. */
interface Line {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void
  on(event: 'message', listener: (message: string) => void): unknown
}

/**
 * Sends the commands of one turn of the event loop in few messages, and not too many of them ahead of the answers. Each
 * thread that writes has one of its own.
 */
export class Writer {
  readonly #line: Line
  readonly failed: Promise<Error>
  #fail: (error: Error) => void = () => {}
  #queue: { command: Command; pieces: readonly Uint8Array[]; waiting: Waiting }[] = []
  #sent: Waiting[] = []
  #messagesOut = 0
  #messages: { size: number; sentAt: number }[] = []
  #scheduled = false
  #flushedAt = 0
  #closing = false
  #dead: AppError | undefined
  #settled: (() => void) | undefined
  readonly #listeners = new Set<() => void>()
  /** Before anyone who waits is told that the writer is no more. */
  readonly #bury: () => Promise<unknown>
  readonly #observer: StoreObserver | undefined

  constructor(line: Line, bury: () => Promise<unknown> = () => Promise.resolve(), observer?: StoreObserver) {
    this.#line = line
    this.#bury = bury
    this.#observer = observer
    this.failed = new Promise(resolve => {
      this.#fail = resolve
    })
    line.on('message', message => {
      if (message === 'appended') this.#appended()
      else if (message.startsWith(warning)) this.#observer?.warned?.(message.slice(warning.length))
      else this.#answered(JSON.parse(message) as Result[])
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

  /** Takes no more; resolves when everything taken is answered. */
  async drain(): Promise<void> {
    this.#closing = true
    this.#flush(true)
    if (this.#sent.length === 0) return
    await new Promise<void>(resolve => {
      this.#settled = resolve
    })
  }

  get closing(): boolean {
    return this.#closing
  }

  /** See `Store.onAppended`. */
  onAppended(listener: () => void): () => void {
    if (this.#listeners.size === 0) this.#line.postMessage('listen')
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #appended(): void {
    // Asked again before anyone looks: what is committed meanwhile is told of.
    if (this.#listeners.size > 0 && !this.#closing) this.#line.postMessage('listen')
    for (const listener of this.#listeners) listener()
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
    this.#messages.push({ size: queue.length, sentAt: this.#flushedAt })
    this.#messagesOut++
    this.#line.postMessage(message, transfer)
  }

  /** One answer may be to several messages: the writer makes one batch of what it finds. An empty one says it failed. */
  #answered(results: readonly Result[]): void {
    const firstSentAt = this.#messages[0]?.sentAt
    let answered = results.length
    while (answered > 0 && this.#messages.length > 0) {
      answered -= this.#messages.shift()!.size
      this.#messagesOut--
    }
    if (firstSentAt !== undefined && results.some(({ ok }) => ok)) {
      this.#observer?.committed(results.length, performance.now() - firstSentAt)
    }
    const waiting = this.#sent.splice(0, results.length)
    results.forEach((result, index) => {
      if (result.ok) waiting[index]?.resolve(result.value)
      else {
        const error = new AppError(result.code, result.message)
        waiting[index]?.reject(error)
        if (result.fatal) this.die(error)
      }
    })
    if (results.length === 0) this.die(new AppError('store_failed', 'the store failed after a commit'))
    if (this.#queue.length > 0) this.#flush(false)
    if (this.#sent.length === 0) this.#settled?.()
  }

  /** Nothing is written any more: all that wait are told. */
  die(error: AppError): void {
    this.#dead ??= error
    for (const waiting of this.#sent.splice(0)) waiting.reject(this.#dead)
    for (const { waiting } of this.#queue.splice(0)) waiting.reject(this.#dead)
    this.#settled?.()
    // The last connection to close would flush once more, and believe it: this one is closed while the reader's is open.
    void this.#bury().finally(() => this.#fail(this.#dead!))
  }
}

export interface WriterThread {
  writer: Writer
  /** A port for a Writer of another thread. */
  attach(): MessagePort
  /** Resolves when everything taken is committed and the file is closed. */
  close(): Promise<void>
}

export function startWriter(path: string, observer?: StoreObserver): WriterThread {
  const worker = start('writer-thread', path)
  const writer = new Writer(worker, () => worker.terminate(), observer)
  worker.on('error', error => writer.die(startError(error)))
  const exited = new Promise<void>(resolve => {
    worker.on('exit', () => {
      if (!writer.closing) writer.die(new AppError('store_failed', 'the store has ended'))
      resolve()
    })
  })
  return {
    writer,
    attach() {
      const { port1, port2 } = new MessageChannel()
      worker.postMessage({ attach: port1 }, [port1])
      return port2
    },
    async close() {
      await writer.drain()
      worker.postMessage('close')
      await exited
    },
  }
}

/** The writer as another thread knows it, over a port that `attach` made. */
export function writerOver(port: MessagePort): Writer {
  const writer = new Writer(port)
  port.on('close', () => {
    if (!writer.closing) writer.die(new AppError('store_failed', 'the store has ended'))
  })
  return writer
}

/** Statements that the reader has at once: one at work, and one so that it need not wait for the next. */
const statementsOut = 2

/** What a statement is of, beside the inbox itself: the search index; and whether it goes before what is long. */
export interface Reading {
  of?: 'inbox' | 'search'
  first?: boolean
}

/** Sends queries one by one, short ones before long ones, and matches the answers by number. */
export class Reader {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #exited: Promise<void>
  /** What the thread has been sent goes in its order: whoever has the right of way waits here for few of them. */
  readonly #queue = new PQueue({ concurrency: statementsOut })
  #number = 0
  #ended: AppError | undefined
  #closing = false

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

  run<Value>(
    sql: string,
    parameters: readonly unknown[],
    { of = 'inbox', first = false }: Reading = {},
  ): Promise<Value> {
    if (this.#closing) return Promise.reject(new AppError('unavailable', 'the store is closing'))
    return this.#queue.add(() => this.#send<Value>({ sql, parameters, of }), { priority: first ? 1 : 0 })
  }

  /** The search index is another file from now on. */
  searchRemade(): void {
    this.#worker.postMessage('remade')
  }

  /** What was asked before is answered. */
  async close(): Promise<void> {
    this.#closing = true
    await this.#queue.onIdle()
    this.#worker.postMessage('close')
    await this.#exited
  }

  #send<Value>(statement: Omit<ReadMessage, 'number'>): Promise<Value> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(++this.#number, { resolve, reject })
    this.#worker.postMessage({ number: this.#number, ...statement })
    return promise as Promise<Value>
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
