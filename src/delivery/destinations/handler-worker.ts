// One worker thread of a handler, as the delivery sees it: it gives deliveries to it, watches their time limits and its
// memory, and when it ends says what became of each. It judges only what is certain; the rest is for the pool to try.
import { Worker } from 'node:worker_threads'
import { type Attempt, failed, type Outcome, succeeded } from '../destination.ts'
import type { VendorFetch } from '../vendor-api.ts'
import { VendorCalls } from './handler-calls.ts'
import { WorkerMemory } from './handler-memory.ts'
import {
  Board,
  type FromWorker,
  type Line,
  type Run,
  seatStates,
  type Thrown,
  type ToWorker,
} from './handler-messages.ts'

/** A delivery on its way through the pool. */
export interface Task {
  attempt: Attempt
  end(outcome: Outcome): void
  /** How often a worker ended under it, through no fault of its own. */
  interruptions: number
}

export type EndKind = 'unusable' | 'blocked' | 'memory' | 'exit' | 'retired'

/** How a worker ended, and which deliveries have no outcome yet. */
export interface WorkerEnd {
  kind: EndKind
  reason: string
  /** Whose fault it was; undefined where it was none of those under way. */
  culprit: Task | undefined
  /** Whether it is certain whose fault it was: then it was nobody's of `running`. */
  certain: boolean
  /** Were running, the culprit not among them. */
  running: Task[]
  /** Had not been looked at. */
  waiting: Task[]
  /** Deliveries it was given in all. */
  served: number
}

export interface WorkerParts {
  subscription: string
  configPath: string
  seats: number
  memoryMiB: number
  /** How long a thread that is asked may take to answer, and a function that is told to end. */
  graceMs: number
  /** The same when the gateway ends. */
  closeGraceMs: number
  /** How long the configuration may take to load. */
  startTimeoutMs: number
  vendorFetch: VendorFetch
  /** What handlers log, with the delivery that it belongs to, where there is one. */
  logged(line: Line, attempt: Attempt | undefined): void
  /** Something was thrown that belongs to no delivery under way. */
  strayed(reason: string): void
  /** It is ready, or has free seats again. */
  freed(): void
  ended(end: WorkerEnd): void
}

interface Entry {
  task: Task
  number: number
  seat: number
  /** When it was told to end, at its time limit. */
  overdueAt: number | undefined
  /** The gateway ends: when it is given up. */
  releaseAt: number | undefined
  /** Its outcome is known; its function may still be running. */
  told: boolean
}

export class HandlerWorker {
  readonly #parts: WorkerParts
  readonly #worker: Worker
  readonly #board: Board
  readonly #free: number[]
  readonly #entries = new Map<number, Entry>()
  readonly #calls: VendorCalls
  readonly #memory: WorkerMemory
  readonly #startedAt = performance.now()
  readonly exited: Promise<void>
  #outgoing: Run[] = []
  #number = 0
  #served = 0
  #ready = false
  #retired = false
  #releasing = false
  #pingedAt: number | undefined
  #silentTicks = 0
  #end: { kind: EndKind; reason: string; certain?: boolean; culprit?: Entry | undefined } | undefined

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.#board = Board.of(parts.seats)
    this.#free = Array.from({ length: parts.seats }, (_, index) => parts.seats - 1 - index)
    this.#memory = new WorkerMemory(parts.memoryMiB)
    this.#calls = new VendorCalls(parts.vendorFetch, message => this.#send(message))
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    this.#worker = new Worker(new URL(`./handler-thread.${ending}`, import.meta.url), {
      workerData: {
        configPath: parts.configPath,
        subscription: parts.subscription,
        board: this.#board.memory,
      },
      name: `postern-handler-${parts.subscription}`,
      resourceLimits: this.#memory.resourceLimits,
    })
    this.#worker.on('message', (message: FromWorker) => this.#received(message))
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') this.#end ??= { kind: 'memory', reason: this.#memory.reason }
      else if (!this.#ready) this.#end ??= { kind: 'unusable', reason: error.message }
      else this.#end ??= { kind: 'exit', reason: `its thread ended: ${error.message}` }
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    this.exited = promise
    this.#worker.on('exit', code => {
      this.#exited(code)
      resolve()
    })
  }

  /** How many more deliveries it can be given now. */
  get free(): number {
    return this.#ready && !this.#retired && this.#end === undefined ? this.#free.length : 0
  }

  get starting(): boolean {
    return !this.#ready && this.#end === undefined
  }

  /** Whether deliveries are in it; one whose outcome is told already is none. */
  get busy(): boolean {
    return this.#entries.size > 0
  }

  run(task: Task): void {
    const entry: Entry = {
      task,
      number: ++this.#number,
      seat: this.#free.pop()!,
      overdueAt: undefined,
      releaseAt: undefined,
      told: false,
    }
    this.#served++
    this.#board.set(entry.seat, seatStates.given)
    this.#entries.set(entry.number, entry)
    if (this.#outgoing.push([entry.number, entry.seat, task.attempt.number, task.attempt.json]) > 1) return
    // All that the turn brings goes out together.
    setImmediate(() => this.#send({ kind: 'run', runs: this.#outgoing.splice(0) }))
  }

  /** Whether it has been given any. */
  get used(): boolean {
    return this.#served > 0
  }

  /** The gateway ends: functions are told to, and given up after a while. */
  release(): void {
    this.#releasing = true
    this.retire()
  }

  /** No more deliveries; it ends when those in it are done, or at their limits. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    this.#endIfDone()
  }

  get retired(): boolean {
    return this.#retired || this.#end !== undefined
  }

  /** Ends it at once, whatever runs in it. */
  terminate(kind: EndKind, reason: string): void {
    if (this.#end !== undefined) return
    this.#end = { kind, reason }
    void this.#worker.terminate()
  }

  /** Looks at limits, every few milliseconds while it is busy. */
  tick(): void {
    const now = performance.now()
    if (this.#end !== undefined) return
    if (!this.#ready) {
      if (now - this.#startedAt <= this.#parts.startTimeoutMs) return
      const reason = `the configuration was not loaded within ${this.#parts.startTimeoutMs} ms`
      this.terminate('unusable', reason)
      return
    }
    for (const entry of this.#entries.values()) this.#look(entry, now)
    this.#silentTicks =
      this.#pingedAt !== undefined && now - this.#pingedAt > this.#parts.graceMs ? this.#silentTicks + 1 : 0
    // After the second at the latest its answer would have been read: this thread may have been held up as well.
    if (this.#silentTicks > 1) {
      this.terminate('blocked', 'blocked its thread')
      return
    }
    this.#memory.look(this.#worker, now, () => this.terminate('memory', this.#memory.reason))
    if (this.#retired) this.#endIfDone()
  }

  #look(entry: Entry, now: number): void {
    const { signal, timeoutMs } = entry.task.attempt
    if ((signal.aborted || this.#releasing) && !entry.told) this.#release(entry, now)
    if (entry.overdueAt !== undefined) {
      // It was told to end and goes on: this thread will not be rid of it.
      if (entry.told && now - entry.overdueAt > this.#parts.graceMs) this.retire()
      return
    }
    if (this.#board.state(entry.seat) !== seatStates.started || this.#board.elapsedMs(entry.seat) < timeoutMs) return
    entry.overdueAt = now
    this.#send({ kind: 'abort', number: entry.number })
    if (this.#pingedAt !== undefined) return
    this.#pingedAt = now
    this.#send({ kind: 'ping' })
  }

  #release(entry: Entry, now: number): void {
    if (entry.releaseAt === undefined) {
      entry.releaseAt = now + this.#parts.closeGraceMs
      this.#send({ kind: 'abort', number: entry.number })
    }
    const isWaiting = this.#board.state(entry.seat) === seatStates.given
    if (!isWaiting && now < entry.releaseAt) return
    this.#tell(entry, released())
    this.retire()
  }

  #received(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#ready = true
        this.#parts.freed()
        return
      case 'unusable':
        this.terminate('unusable', message.reason)
        return
      case 'settled':
        for (const [number, thrown, aborted] of message.settled) {
          const entry = this.#entries.get(number)
          if (entry === undefined) continue
          this.#leave(entry)
          // What ends because it was told to has not done its work, however it ends.
          if (!aborted)
            this.#tell(entry, thrown === null ? succeeded() : failed(thrown.reason, { answer: thrown.stack }))
          else if (entry.releaseAt !== undefined) this.#tell(entry, released())
          else this.#tell(entry, tooLate(entry, thrown?.stack))
        }
        if (this.#retired) this.#endIfDone()
        else this.#parts.freed()
        return
      case 'logged':
        this.#parts.logged(message.line, this.#entries.get(message.line[0])?.task.attempt)
        return
      case 'pong':
        this.#pingedAt = undefined
        for (const entry of this.#entries.values()) if (entry.overdueAt !== undefined) this.#tell(entry, tooLate(entry))
        return
      case 'stray':
        this.#strayed(message.number, message.thrown)
        return
      case 'exiting': {
        const culprit = message.number === null ? undefined : this.#entries.get(message.number)
        const reason = `called process.exit(${message.code})`
        this.#end ??= { kind: 'exit', reason, certain: message.number !== null, culprit }
        return
      }
      case 'call':
        this.#calls.begin(message, this.#entries.get(message.number)?.task.attempt.event)
        return
      case 'hangUp':
        this.#calls.hangUp(message.call)
    }
  }

  /** What throws outside of its promise may leave anything behind: others go on to their end, and no new ones come. */
  #strayed(number: number | null, { reason, stack }: Thrown): void {
    if (!this.#ready) {
      this.terminate('unusable', reason)
      return
    }
    const entry = number === null ? undefined : this.#entries.get(number)
    if (entry === undefined || entry.told) this.#parts.strayed(reason)
    else this.#tell(entry, failed(reason, { answer: stack }))
    this.retire()
  }

  #tell(entry: Entry, outcome: Outcome): void {
    if (entry.told) return
    entry.told = true
    entry.task.end(outcome)
  }

  #leave(entry: Entry): void {
    this.#entries.delete(entry.number)
    this.#free.push(entry.seat)
  }

  #endIfDone(): void {
    for (const entry of this.#entries.values()) if (!entry.told) return
    this.terminate('retired', '')
  }

  #send(message: ToWorker): void {
    this.#worker.postMessage(message)
  }

  #exited(code: number): void {
    this.#end ??= { kind: 'exit', reason: `its thread ended with ${code}` }
    const { reason, culprit, certain = false } = this.#end
    const kind = this.#ready || this.#end.kind === 'retired' ? this.#end.kind : 'unusable'
    this.#calls.close()
    const running: Task[] = []
    const waiting: Task[] = []
    for (const entry of this.#entries.values()) {
      const state = this.#board.state(entry.seat)
      if (entry.told || entry === culprit) continue
      if (entry.releaseAt !== undefined) this.#tell(entry, released())
      else if (state === seatStates.succeeded) this.#tell(entry, succeeded())
      else if (state === seatStates.given) waiting.push(entry.task)
      // Those past their limits come first: one of them it is most likely.
      else if (entry.overdueAt !== undefined) running.unshift(entry.task)
      else running.push(entry.task)
    }
    this.#entries.clear()
    this.#parts.ended({
      kind,
      reason,
      culprit: culprit === undefined || culprit.told ? undefined : culprit.task,
      certain,
      running,
      waiting,
      served: this.#served,
    })
  }
}

export function released(): Outcome {
  return { result: 'released', status: null, reason: 'the gateway ends', answer: null, retryAfterMs: null }
}

export function tooLate({ task }: { task: Task }, stack: string | null = null): Outcome {
  return failed(`not done within ${task.attempt.timeoutMs} ms`, { answer: stack })
}
