// A store with a spool before it, over files of its own: the database is another SQLite inbox behind a switch.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { Timers } from '../../../src/clock.ts'
import { type SpooledParts, spooled } from '../../../src/store/spool/spooled-store.ts'
import { openSqliteStore } from '../../../src/store/sqlite/store.ts'
import type { SpooledStore, Store } from '../../../src/store/store.ts'
import { eventIdOf, idOf, logOf, record, request, start } from '../../contract/store/record.ts'
import { HeldTimers } from '../../support/held-timers.ts'
import { type SwitchedStore, switched } from '../../support/switched-store.ts'
import { until } from '../../support/until.ts'

export interface Line {
  level: 'info' | 'warn' | 'error'
  fields: Record<string, unknown>
  message: string
}

export interface Bench {
  store: SpooledStore
  /** What the spool moves into, with its switch, and without. */
  database: SwitchedStore
  log: Store
  timers: HeldTimers
  lines: Line[]
  counts: { drained: number; refused: number }
  path: string
  /** What comes in is told this time. */
  now: number
  /** The next try of the drain. */
  tryAgain(): void
  /** The drain has found the database away for the first time, and waits for its next try. */
  pauses(): Promise<void>
  /** All that waits has been moved. */
  drained(): Promise<void>
  /** Ends and starts anew over the same files. */
  restart(options?: Partial<BenchOptions>): Promise<void>
  remove(): Promise<void>
}

export interface BenchOptions {
  bytesMax: number
  ready: Promise<void>
  timers: Pick<Timers, 'after'>
}

/** In memory, where there is such a place: these tests are about order and loss, and make thousands of commits. */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

export const limits = { countMax: 200, bytesMax: 1_000_000 }

export async function openBench(options: Partial<BenchOptions> = {}): Promise<Bench> {
  const folder = mkdtempSync(join(place, 'postern-spool-'))
  const path = join(folder, 'spool.db')
  const timers = new HeldTimers()
  const log = await openSqliteStore(join(folder, 'log.db'))
  const bench: Bench = {
    store: undefined as never,
    database: undefined as never,
    log,
    timers,
    lines: [],
    counts: { drained: 0, refused: 0 },
    path,
    now: start,
    tryAgain() {
      for (const pause of [250, 500, 1_000, 2_000, 4_000, 5_000]) timers.pass(pause)
    },
    pauses() {
      const waits = 'the spool waits for the database'
      return until('the drain pauses', () => bench.lines.some(({ message }) => message === waits))
    },
    async drained() {
      await until('the spool is empty', async () => {
        bench.tryAgain()
        return (await bench.store.health()).degraded === undefined
      })
    },
    async restart(more = options) {
      await bench.store.close()
      await open(more)
    },
    async remove() {
      bench.database.fate = 'done'
      await bench.store.close().catch(() => {})
      await log.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  async function open({ bytesMax = 64 * 1024 * 1024, ready, timers: others = timers }: Partial<BenchOptions>) {
    const own = switched({ ...log, close: () => Promise.resolve() }, ready)
    if (bench.database !== undefined) {
      own.fate = bench.database.fate
      own.refuses = bench.database.refuses
    }
    bench.database = own
    const say = (level: Line['level']) => (fields: object, message: string) =>
      void bench.lines.push({ level, fields: fields as Line['fields'], message })
    const parts: SpooledParts = {
      path,
      bytesMax,
      rejectionLimits: limits,
      clock: { now: () => bench.now },
      log: { info: say('info'), warn: say('warn'), error: say('error') },
      observer: {
        drained: entries => {
          bench.counts.drained += entries
        },
        refused: entries => {
          bench.counts.refused += entries
        },
      },
      timers: others,
      random: () => 1,
    }
    bench.store = await spooled(own, parts)
  }
  await open(options)
  return bench
}

/** A bench for each test of a file, and what nearly all of them do with it. */
export function eachBench() {
  let current: Bench
  beforeEach(async () => {
    current = await openBench()
  })
  afterEach(() => current.remove())
  const bench = new Proxy({} as Bench, {
    get: (_, name: keyof Bench) => current[name],
    set: (_, name, value) => Reflect.set(current, name, value),
  })
  return {
    bench,
    append: (key: string, fields: Parameters<typeof record>[1] = {}, body = `body of ${key}`) =>
      bench.store.append([record(key, fields)], request(body)),
    keysOf: async (...keys: string[]) => {
      const found = (await logOf(bench.log)).map(({ id }) => id.toString('hex'))
      const names = new Map(keys.map(key => [idOf(key).toString('hex'), key]))
      return found.map(id => names.get(id) ?? 'another')
    },
    entries: async () => (await bench.store.spool()).entries,
  }
}

export const inSpool = (key: string) => [{ id: eventIdOf(key), status: 'accepted', sequence: 0, conflict: false }]
