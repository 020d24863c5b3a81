// Time and chance, passed in by argument so that every test can hold them still.
// Nothing else in the project calls Date.now() or randomBytes() for something that is stored.
import { randomBytes } from 'node:crypto'

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
}

export interface Chance {
  /** `length` unpredictable bytes. */
  bytes(length: number): Buffer
}

/** What happens later. Each returns how to call it off. */
export interface Timers {
  after(milliseconds: number, run: () => void): () => void
  every(milliseconds: number, run: () => void): () => void
}

export const systemClock: Clock = { now: () => Date.now() }
/** Asking the system costs more than what is asked for: small ones are cut from a larger one, and never cut twice. */
const pooledBytes = 4_096
const pooledMax = 32
let pool = Buffer.alloc(0)

export const systemChance: Chance = {
  bytes(length) {
    if (length > pooledMax) return randomBytes(length)
    if (pool.length < length) pool = randomBytes(pooledBytes)
    const bytes = Buffer.from(pool.subarray(0, length))
    pool.fill(0, 0, length)
    pool = pool.subarray(length)
    return bytes
  },
}

/** A number in [0, 1). */
export function fraction(chance: Chance): number {
  return chance.bytes(4).readUInt32BE() / 2 ** 32
}

/** Keeps no process alive. */
export const systemTimers: Timers = {
  after(milliseconds, run) {
    const timer = setTimeout(run, milliseconds).unref()
    return () => clearTimeout(timer)
  },
  every(milliseconds, run) {
    const timer = setInterval(run, milliseconds).unref()
    return () => clearInterval(timer)
  },
}

/** The time as an RFC 3339 text in UTC with milliseconds: `2024-01-15T15:45:00.812Z`. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
