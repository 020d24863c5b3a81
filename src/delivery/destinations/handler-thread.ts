// A handler's worker thread: loads the configuration, picks the function by its subscription's name and runs it for each
// delivery it is given. It never judges: it tells what was returned or thrown, and whose code it was.
import { AsyncLocalStorage } from 'node:async_hooks'
import { dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import type { Handler } from '../../config/handler.ts'
import { functionOf } from '../../config/handler-function.ts'
import { loadConfig, nameOurselves, placeOf } from '../../config/load.ts'
import { lateValues } from '../../config/resolve-secrets.ts'
import { readSecretsLate } from '../../config/secret.ts'
import type { VendorAnswer } from '../vendor-api.ts'
import { Context } from './handler-context.ts'
import { boundedLines } from './handler-lines.ts'
import {
  Board,
  type CallRequest,
  type FromWorker,
  type Level,
  type Run,
  type Settled,
  seatStates,
  type Thrown,
  type ToWorker,
  type WorkerData,
} from './handler-messages.ts'
import { thrownOf } from './handler-thrown.ts'

const port = parentPort!
const { configPath, subscription, board: memory } = workerData as WorkerData
const board = new Board(memory)
/** After so long, what is done is told and the loop turns, so that one batch of slow events looks like no stuck thread. */
const sliceMs = 5

interface Running {
  number: number
  seat: number
  over: boolean
  context: Context
}

/** Whose code is running, through timers, promises and callbacks. */
const own = new AsyncLocalStorage<Running>()
const runnings = new Map<number, Running>()
const calls = new Map<number, PromiseWithResolvers<VendorAnswer>>()
const writeLine = boundedLines(
  line => send({ kind: 'logged', line }),
  () => performance.now(),
)
let callNumber = 0
let waiting: Run[] = []
let next = 0
/** Aborted before they were started. */
const dropped = new Set<number>()
let settled: Settled[] = []
let flushing = false

function send(message: FromWorker): void {
  port.postMessage(message)
}

function flush(): void {
  flushing = false
  if (settled.length === 0) return
  const told = settled
  settled = []
  send({ kind: 'settled', settled: told })
}

function settle(running: Running, thrown: Thrown | null): void {
  if (running.over) return
  running.over = true
  runnings.delete(running.number)
  settled.push([running.number, thrown, running.context.aborted])
  // A success can be read from the board, should this thread get stuck before it is told; an error cannot.
  if (thrown !== null) {
    flush()
    return
  }
  board.set(running.seat, seatStates.succeeded)
  if (flushing) return
  flushing = true
  setImmediate(flush)
}

function contextOf(number: number, attempt: number, isOver: () => boolean): Context {
  return new Context({
    attempt,
    write(level: Level, message: string, fields: string | null) {
      writeLine([number, level, message, fields])
    },
    call: (path, request, signal) =>
      isOver() ? Promise.reject(new Error('vendor.fetch: the delivery is over')) : call(number, path, request, signal),
  })
}

async function call(number: number, path: string, request: CallRequest, signal: AbortSignal): Promise<VendorAnswer> {
  const id = ++callNumber
  const answered = Promise.withResolvers<VendorAnswer>()
  calls.set(id, answered)
  const hangUp = () => {
    send({ kind: 'hangUp', call: id })
    answered.reject(signal.reason)
  }
  signal.addEventListener('abort', hangUp)
  send({ kind: 'call', call: id, number, path, request })
  try {
    return await answered.promise
  } finally {
    signal.removeEventListener('abort', hangUp)
    calls.delete(id)
  }
}

function start(handler: Handler, [number, seat, attempt, json]: Run): void {
  if (dropped.delete(number)) return
  board.set(seat, seatStates.started)
  const running: Running = {
    number,
    seat,
    over: false,
    context: contextOf(number, attempt, () => running.over),
  }
  runnings.set(number, running)
  try {
    const returned = own.run(running, handler, JSON.parse(json), running.context)
    if (isThenable(returned)) {
      Promise.resolve(returned).then(
        () => settle(running, null),
        error => settle(running, thrownOf(error)),
      )
    } else settle(running, null)
  } catch (error) {
    settle(running, thrownOf(error))
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === 'object' && typeof (value as { then?: unknown }).then === 'function'
}

function work(handler: Handler): void {
  const until = performance.now() + sliceMs
  while (next < waiting.length) {
    start(handler, waiting[next++]!)
    if (performance.now() > until) break
  }
  flush()
  if (next < waiting.length) setImmediate(work, handler)
  else {
    waiting = []
    next = 0
  }
}

function received(handler: Handler, message: ToWorker): void {
  switch (message.kind) {
    case 'run': {
      const idle = waiting.length === 0
      for (const run of message.runs) waiting.push(run)
      if (idle) work(handler)
      return
    }
    case 'abort': {
      const { number } = message
      if (waiting.some(([each], index) => index >= next && each === number)) dropped.add(number)
      runnings.get(number)?.context.abort()
      return
    }
    case 'ping':
      flush()
      send({ kind: 'pong' })
      return
    case 'answer': {
      const { answer } = message
      if (typeof answer === 'string') calls.get(message.call)?.reject(new Error(`vendor.fetch: ${answer}`))
      else calls.get(message.call)?.resolve(answer)
    }
  }
}

/** Nobody awaits what threw: it is told whose it was, and the rest goes on until this thread is replaced. */
function stray(how: string, error: unknown): void {
  const running = own.getStore()
  const { reason, stack } = thrownOf(error)
  flush()
  send({ kind: 'stray', number: running?.number ?? null, thrown: { reason: `${how}: ${reason}`, stack } })
  if (running !== undefined) {
    running.over = true
    runnings.delete(running.number)
  }
}

process.on('uncaughtException', error => stray('an error outside of its promise', error))
process.on('unhandledRejection', error => stray('a promise that nobody awaited', error))
process.on('exit', code => {
  flush()
  send({ kind: 'exiting', number: own.getStore()?.number ?? null, code })
})

try {
  readSecretsLate(name => lateValues(name, process.env))
  const { config } = await loadConfig(configPath, dirname(configPath))
  // What the function imports later finds us as well.
  nameOurselves(configPath)
  const handler = await functionOf(config, subscription)
  port.on('message', (message: ToWorker) => received(handler, message))
  send({ kind: 'ready' })
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error)
  const place = placeOf(error instanceof Error ? (error.cause ?? error) : error, dirname(configPath))
  send({ kind: 'unusable', reason: place === undefined ? reason : `${reason} (${place})` })
}
