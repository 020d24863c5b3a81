// A worker's memory. V8's own limit ends the whole process where one step allocates far past it (a growing array, a map),
// so it is set high, and the worker is ended from outside well before it comes to that. Buffers count too.
import type { ResourceLimits, Worker } from 'node:worker_threads'

/** How often a busy worker is looked at. */
const everyMs = 100
const mebibyte = 1024 * 1024

export class WorkerMemory {
  readonly resourceLimits: ResourceLimits
  readonly reason: string
  readonly #bytesMax: number
  #askedAt = -Infinity
  #asking = false

  constructor(memoryMiB: number) {
    this.resourceLimits = {
      maxOldGenerationSizeMb: Math.max(8 * memoryMiB, 1280),
      maxYoungGenerationSizeMb: 12,
    }
    this.reason = `ran out of memory (${memoryMiB} MiB)`
    // With garbage that is not collected yet: V8 lets a heap of this size grow to less than twice what lives in it.
    this.#bytesMax = 2 * memoryMiB * mebibyte
  }

  /** Calls `exceeded` when it has grown too large. */
  look(worker: Worker, now: number, exceeded: () => void): void {
    if (this.#asking || now - this.#askedAt < everyMs) return
    this.#askedAt = now
    this.#asking = true
    worker.getHeapStatistics().then(
      heap => {
        this.#asking = false
        const { used_heap_size: used, external_memory: external } = heap as unknown as Record<string, number>
        if ((used ?? 0) + (external ?? 0) > this.#bytesMax) exceeded()
      },
      () => {
        // It has ended.
      },
    )
  }
}

/**
 * The largest event that a worker of so much memory is given, in characters: parsed, one can become twenty times as
 * large in a single step.
 */
export function eventLengthMax(memoryMiB: number): number {
  return (Math.max(8 * memoryMiB, 1280) * mebibyte) / 48
}
