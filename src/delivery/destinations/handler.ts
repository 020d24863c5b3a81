// A subscription's handler as a destination: one worker thread for all its deliveries, another where that one must go,
// and deliveries that may have ended a worker tried alone, so that only the one whose fault it is is charged.
// No handler's code ever runs in this thread.
import type { Log } from '../../observe/log.ts'
import { type Attempt, type Destination, failed, type Outcome } from '../destination.ts'
import type { HandlerSpec } from '../subscription.ts'
import type { VendorFetch } from '../vendor-api.ts'
import { eventLengthMax } from './handler-memory.ts'
import type { Line } from './handler-messages.ts'
import { HandlerWorker, released, type Task, type WorkerEnd } from './handler-worker.ts'

export interface HandlerParts {
  /** Its name: how the function is found in the configuration. */
  subscription: string
  spec: HandlerSpec
  /** The configuration file that this process was started with. */
  configPath: string
  /** Deliveries in the worker at once; more of them wait here, and their time does not run. */
  concurrency: number
  log: Pick<Log, 'info' | 'warn' | 'error'>
  vendorFetch: VendorFetch
  /** For tests. */
  timing?: Partial<HandlerTiming>
}

export interface HandlerTiming {
  /** How long a thread that is asked may take to answer, and a function that is told to end. Default 250 ms. */
  graceMs: number
  /** How long functions may take to end when the gateway does. Default 2 s. */
  closeGraceMs: number
  /** How long the configuration may take to load in the worker. Default 30 s. */
  startTimeoutMs: number
  /** How soon after a start that failed the next is tried; until then attempts fail at once. Default 5 s. */
  startCoolDownMs: number
  /** Between two starts at least. Default 500 ms. */
  startEveryMs: number
  /** A worker without work is ended after so long. Default 60 s. */
  idleMs: number
}

const timingDefault: HandlerTiming = {
  graceMs: 250,
  closeGraceMs: 2_000,
  startTimeoutMs: 30_000,
  startCoolDownMs: 5_000,
  startEveryMs: 500,
  idleMs: 60_000,
}
/** How often limits are looked at while there is work. */
const tickMs = 20
/** Workers that only wait for their last deliveries, at once: each has its memory. */
const retiringMax = 3
/** A delivery under which so many workers ended, through others' faults, is run alone. */
const interruptionsMax = 3
const dangerousMax = 1_000

export function handlerDestination(parts: HandlerParts): Destination {
  const pool = new HandlerPool(parts)
  return { attempt: attempt => pool.attempt(attempt), close: () => pool.close() }
}

class HandlerPool {
  readonly #parts: HandlerParts
  readonly #timing: HandlerTiming
  /** Wait for a seat in the worker. */
  #queue: Task[] = []
  /** Wait to be run alone, one by one. */
  #suspects: Task[] = []
  /** Deliveries whose earlier attempts ended their worker: from now on they are run alone. */
  readonly #dangerous = new Set<string>()
  #active: HandlerWorker | undefined
  #probation: HandlerWorker | undefined
  /** Every worker that has not ended, those that take no more deliveries among them. */
  readonly #workers = new Set<HandlerWorker>()
  #unfinished = 0
  #startedAt = -Infinity
  #unusable: { until: number; reason: string } | undefined
  #ticking: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined
  #closing = false

  constructor(parts: HandlerParts) {
    this.#parts = parts
    this.#timing = { ...timingDefault, ...parts.timing }
  }

  attempt(attempt: Attempt): Promise<Outcome> {
    if (attempt.signal.aborted || this.#closing) return Promise.resolve(released())
    const { memoryMiB } = this.#parts.spec
    if (attempt.json.length > eventLengthMax(memoryMiB)) {
      return Promise.resolve(failed(`an event of this size does not fit into the handler's ${memoryMiB} MiB`))
    }
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const end = (outcome: Outcome) => {
      this.#unfinished--
      if (outcome.result === 'succeeded') this.#dangerous.delete(attempt.delivery)
      resolve(outcome)
    }
    const task: Task = { attempt, end, interruptions: 0 }
    this.#unfinished++
    clearTimeout(this.#idle)
    ;(this.#dangerous.has(attempt.delivery) ? this.#suspects : this.#queue).push(task)
    this.#ticking ??= setInterval(() => this.#tick(), tickMs)
    this.#fill()
    return promise
  }

  /** Ends everything: functions are told so, and have a moment. */
  async close(): Promise<void> {
    this.#closing = true
    for (const task of [...this.#queue.splice(0), ...this.#suspects.splice(0)]) task.end(released())
    for (const worker of this.#workers) worker.release()
    this.#ticking ??= setInterval(() => this.#tick(), tickMs)
    await Promise.all([...this.#workers].map(worker => worker.exited))
    clearInterval(this.#ticking)
    clearTimeout(this.#idle)
  }

  /** Gives deliveries to workers, and starts workers for those that have none. */
  #fill(): void {
    const now = performance.now()
    if (this.#unusable !== undefined && this.#queue.length + this.#suspects.length > 0) {
      if (now < this.#unusable.until) {
        this.#failAll(this.#unusable.reason)
        return
      }
      this.#unusable = undefined
    }
    if (this.#active?.retired) this.#active = undefined
    if (this.#queue.length > 0 && this.#active === undefined && this.#mayStart(now)) {
      this.#active = this.#start(this.#parts.concurrency)
      this.#startedAt = now
    }
    while (this.#queue.length > 0 && this.#active !== undefined && this.#active.free > 0) {
      this.#active.run(this.#queue.shift()!)
    }
    if (this.#suspects.length === 0) return
    this.#probation ??= this.#start(1)
    if (this.#probation.free > 0 && !this.#probation.used) this.#probation.run(this.#suspects.shift()!)
  }

  #mayStart(now: number): boolean {
    return !this.#closing && now - this.#startedAt >= this.#timing.startEveryMs && this.#workers.size <= retiringMax
  }

  #start(seats: number): HandlerWorker {
    const { subscription, spec, configPath, vendorFetch, log } = this.#parts
    const worker: HandlerWorker = new HandlerWorker({
      subscription,
      configPath,
      seats,
      memoryMiB: spec.memoryMiB,
      ...this.#timing,
      vendorFetch,
      logged: (line, attempt) => this.#logged(line, attempt),
      strayed: reason => log.warn({ subscription, reason }, 'a handler went on after it had ended, and threw'),
      freed: () => this.#freed(worker),
      ended: end => this.#ended(worker, end),
    })
    this.#workers.add(worker)
    return worker
  }

  #freed(worker: HandlerWorker): void {
    // A fresh one for each suspect.
    if (worker === this.#probation && worker.used && !worker.busy) worker.retire()
    this.#fill()
  }

  #ended(worker: HandlerWorker, end: WorkerEnd): void {
    this.#workers.delete(worker)
    const wasAlone = worker === this.#probation
    if (wasAlone) this.#probation = undefined
    if (worker === this.#active) this.#active = undefined
    const { subscription, log } = this.#parts
    const { kind, reason, culprit, certain, running, waiting, served } = end
    if (kind !== 'retired') log.warn({ subscription, reason }, `a handler's worker ended: ${kind}`)
    if (this.#closing) for (const task of [...running, ...waiting]) task.end(released())
    else if (kind === 'unusable') {
      const why = `the handler cannot be started: ${reason}`
      this.#unusable = { until: performance.now() + this.#timing.startCoolDownMs, reason: why }
      this.#queue.push(...running, ...waiting)
      this.#failAll(why)
    } else {
      this.#queue.unshift(...waiting)
      if (culprit !== undefined) this.#charge(culprit, kind, reason)
      const [only] = running
      // Memory may have been filled by earlier ones, and code of theirs may have gone on: alone is who was alone throughout.
      const alone = running.length === 1 && (kind === 'blocked' || served === 1)
      if (!certain && alone && only !== undefined) this.#charge(only, kind, reason)
      else for (const task of running) this.#again(task, certain)
    }
    this.#fill()
  }

  #charge(task: Task, kind: WorkerEnd['kind'], reason: string): void {
    if (this.#dangerous.size >= dangerousMax) this.#dangerous.delete(this.#dangerous.values().next().value!)
    this.#dangerous.add(task.attempt.delivery)
    const { timeoutMs } = task.attempt
    task.end(failed(kind === 'blocked' ? `${reason}: not done within ${timeoutMs} ms` : reason))
  }

  /** One that ran while its worker ended. */
  #again(task: Task, innocent: boolean): void {
    task.interruptions++
    if (innocent && task.interruptions < interruptionsMax) this.#queue.unshift(task)
    else this.#suspects.push(task)
  }

  #failAll(reason: string): void {
    for (const task of [...this.#queue.splice(0), ...this.#suspects.splice(0)]) task.end(failed(reason))
  }

  #tick(): void {
    const isAborted = ({ attempt }: Task) => attempt.signal.aborted
    for (const task of [...this.#queue, ...this.#suspects].filter(isAborted)) task.end(released())
    this.#queue = this.#queue.filter(task => !isAborted(task))
    this.#suspects = this.#suspects.filter(task => !isAborted(task))
    for (const worker of this.#workers) worker.tick()
    this.#fill()
    if (this.#unfinished > 0 || [...this.#workers].some(worker => worker.busy || worker.retired)) return
    clearInterval(this.#ticking)
    this.#ticking = undefined
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => this.#active?.retire(), this.#timing.idleMs).unref()
  }

  #logged([, level, message, fields]: Line, attempt: Attempt | undefined): void {
    const { subscription, log } = this.#parts
    log[level](
      {
        subscription,
        ...(attempt === undefined ? {} : { delivery: attempt.delivery, attempt: attempt.number }),
        ...(fields === null ? {} : { fields: JSON.parse(fields) as unknown }),
      },
      message,
    )
  }
}
