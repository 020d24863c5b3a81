// What the delivery and a handler's worker thread tell each other, and the board on which the worker notes how far each
// delivery has come: it can be read even while the worker is stuck or gone. Plain data only.
import type { VendorAnswer } from '../vendor-api.ts'

/** What a worker starts with. */
export interface WorkerData {
  configPath: string
  subscription: string
  board: BoardMemory
}

/** One delivery to run. Numbers are never used twice within a worker; seats are. */
export type Run = [number: number, seat: number, attempt: number, json: string]

/** What somebody's function threw, as text of bounded length. */
export interface Thrown {
  reason: string
  stack: string | null
}

/** `aborted`: the function had been told to end before it did. */
export type Settled = [number: number, thrown: Thrown | null, aborted: boolean]

export type Level = 'info' | 'warn' | 'error'
/** `fields` as JSON. */
export type Line = [number: number, level: Level, message: string, fields: string | null]

export type ToWorker =
  | { kind: 'run'; runs: Run[] }
  | { kind: 'abort'; number: number }
  | { kind: 'ping' }
  | { kind: 'answer'; call: number; answer: VendorAnswer | string }

export type FromWorker =
  | { kind: 'ready' }
  | { kind: 'unusable'; reason: string }
  | { kind: 'settled'; settled: Settled[] }
  | { kind: 'logged'; line: Line }
  | { kind: 'pong' }
  /** Thrown outside of every promise that we wait for; `number` is whose code it was, where that is known. */
  | { kind: 'stray'; number: number | null; thrown: Thrown }
  | { kind: 'exiting'; number: number | null; code: number }
  | { kind: 'call'; call: number; number: number; path: string; request: CallRequest }
  | { kind: 'hangUp'; call: number }

export interface CallRequest {
  method: string
  headers: [name: string, value: string][]
  body: Uint8Array<ArrayBuffer> | null
}

export interface BoardMemory {
  states: SharedArrayBuffer
  startedAt: SharedArrayBuffer
}

/** `given`: not looked at yet. One that threw is told at once, and so needs no state. */
export const seatStates = { given: 0, started: 1, succeeded: 2 } as const
export type SeatState = (typeof seatStates)[keyof typeof seatStates]

export class Board {
  readonly memory: BoardMemory
  readonly #states: Int32Array
  readonly #startedAt: BigInt64Array

  constructor(memory: BoardMemory) {
    this.memory = memory
    this.#states = new Int32Array(memory.states)
    this.#startedAt = new BigInt64Array(memory.startedAt)
  }

  static of(seats: number): Board {
    return new Board({
      states: new SharedArrayBuffer(seats * Int32Array.BYTES_PER_ELEMENT),
      startedAt: new SharedArrayBuffer(seats * BigInt64Array.BYTES_PER_ELEMENT),
    })
  }

  state(seat: number): SeatState {
    return Atomics.load(this.#states, seat) as SeatState
  }

  set(seat: number, state: SeatState): void {
    if (state === seatStates.started) Atomics.store(this.#startedAt, seat, process.hrtime.bigint())
    Atomics.store(this.#states, seat, state)
  }

  /** Milliseconds since it was started: the one clock that all threads of a process share. */
  elapsedMs(seat: number): number {
    return Number(process.hrtime.bigint() - Atomics.load(this.#startedAt, seat)) / 1e6
  }
}
