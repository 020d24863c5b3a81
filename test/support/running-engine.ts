// The delivery's engine over a real store, with destinations that a test makes and a clock that goes when it says so.
// Timers, the date and the performance clock are vitest's: what waits for them runs in `pass`, and nowhere else.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { type Engine, startEngine } from '../../src/delivery/engine.ts'
import type { FlowWatcher } from '../../src/delivery/flow-parts.ts'
import type { SubscriptionSpec } from '../../src/delivery/subscription.ts'
import { connectStore } from '../../src/store/connect.ts'
import type {
  Counts,
  Deliveries,
  Delivery,
  DeliveryState,
  Replay,
  SubscriptionRow,
} from '../../src/store/deliveries.ts'
import type { EventRecord } from '../../src/store/record.ts'
import { openSqliteStore } from '../../src/store/sqlite/store.ts'
import type { Store, StoreConnection } from '../../src/store/store.ts'
import { record, request, start } from '../contract/store/record.ts'
import { MadeDestination } from './made-destination.ts'
import { pass, quiet } from './quiet.ts'

export type SpecFields = Partial<SubscriptionSpec>

export function spec(name: string, fields: SpecFields = {}): SubscriptionSpec {
  return {
    name,
    origin: 'config',
    types: [],
    vendorTypes: [],
    sources: [],
    filter: null,
    concurrency: 4,
    rate: null,
    order: 'none',
    onDead: 'hold',
    retry: { scheduleMs: [0, 1_000, 5_000], jitter: 0 },
    breaker: { failures: 1_000, coolDownMs: 10_000 },
    timeoutMs: 15_000,
    include: [],
    skipSame: false,
    start: 'beginning',
    to: { kind: 'handler', memoryMiB: 128 },
    ...fields,
  }
}

/** What the engine said: the name of what it told, and of whom. */
export type Told = [what: keyof FlowWatcher, subscription: string, ...more: unknown[]]

type Method = keyof Deliveries

/** What is asked of the store and answered at once. */
const immediate: readonly Method[] = ['onAppended', 'onChanged', 'owns', 'tellDue', 'clockSkewMs', 'leaseMs', 'pollMs']

export class RunningEngine {
  readonly told: Told[] = []
  readonly destinations = new Map<string, MadeDestination>()
  /** Opened in all, those of former specs among them. */
  readonly opened: MadeDestination[] = []
  /** Random numbers in [0, 1) as the retries see them. */
  random = 0
  readonly #folder = mkdtempSync(join(tmpdir(), 'postern-engine-'))
  readonly #specs = new Map<string, SubscriptionSpec>()
  readonly #failing = new Map<Method, number>()
  readonly #held = new Map<Method, Promise<void>>()
  readonly #appended: (() => void)[] = []
  #store!: Store
  #connection!: StoreConnection
  #engine: Engine | undefined
  #calls = 0
  #records = 0

  static async open(): Promise<RunningEngine> {
    const running = new RunningEngine()
    running.#store = await openSqliteStore(join(running.#folder, 'postern.db'))
    vi.useFakeTimers({
      now: start,
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
    })
    return running
  }

  get store(): Store {
    return this.#store
  }

  get deliveries(): Deliveries {
    return this.#store.deliveries
  }

  get engine(): Engine {
    return this.#engine!
  }

  /** The destination of a subscription, there before the engine asks for it. */
  to(name: string): MadeDestination {
    let destination = this.destinations.get(name)
    if (destination === undefined) {
      destination = new MadeDestination()
      this.destinations.set(name, destination)
    }
    return destination
  }

  /** Makes a subscription, or changes it; with the engine running it is taken up. */
  async subscribe(name: string, fields: SpecFields = {}, cursor = 0): Promise<number> {
    this.#specs.set(name, spec(name, fields))
    const number = await this.deliveries.putSubscription({
      name,
      origin: 'config',
      spec: '{}',
      sealed: null,
      cursor,
      now: Date.now(),
    })
    await this.#engine?.reload()
    return number
  }

  async start(): Promise<void> {
    this.#connection = await connectStore(this.#store.channel())
    const watcher = new Proxy({} as FlowWatcher, {
      get:
        (_, what: keyof FlowWatcher) =>
        (subscription: string, ...more: unknown[]) => {
          this.told.push([what, subscription, ...more])
        },
    })
    this.#engine = await startEngine({
      store: this.#watched(this.#connection.deliveries),
      specOf: row => this.#specs.get(row.name),
      open: ({ name }) => {
        const destination = this.to(name)
        this.opened.push(destination)
        return destination
      },
      traced: (_event, _attributes, run) => run(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`),
      watcher,
      clock: { now: () => Date.now() },
      chance: { bytes: () => bytesOf(this.random) },
    })
    this.#connection.deliveries.onAppended(() => {
      for (const seen of this.#appended.splice(0)) seen()
    })
    await this.quiet()
  }

  /** With the engine running, resolves after it has heard of them. */
  async append(records: number | readonly EventRecord[]): Promise<void> {
    const made =
      typeof records === 'number' ? Array.from({ length: records }, () => record(`made ${++this.#records}`)) : records
    const seen = this.#engine === undefined ? undefined : new Promise<void>(resolve => this.#appended.push(resolve))
    for (let at = 0; at < made.length; at += 1_000) {
      await this.#store.append(made.slice(at, at + 1_000), request('a body'))
    }
    await seen
  }

  /** See quiet.ts. */
  pass(ms: number, steps = 1): Promise<void> {
    return pass(ms, steps, () => this.#calls)
  }

  quiet(): Promise<void> {
    return quiet(() => this.#calls)
  }

  /** The next calls of this method are refused, and do nothing. */
  fail(method: Method, times = 1): void {
    this.#failing.set(method, times)
  }

  /** Calls of this method wait until what is returned is called. */
  hold(method: Method): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#held.set(method, promise)
    return () => {
      this.#held.delete(method)
      resolve()
    }
  }

  /** How often the engine said that something could not be done. */
  get failures(): number {
    return this.told.filter(([what]) => what === 'failed').length
  }

  async row(name: string): Promise<SubscriptionRow> {
    return (await this.deliveries.subscriptions()).find(row => row.name === name)!
  }

  async counts(name: string): Promise<Partial<Counts>> {
    const counts = (await this.deliveries.counts()).get((await this.row(name)).number) ?? {}
    return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))
  }

  /** Oldest first. */
  async all(name: string): Promise<Delivery[]> {
    const { number: subscription } = await this.row(name)
    const found: Delivery[] = []
    let cursor: string | undefined
    do {
      const page = await this.deliveries.list(
        { subscription },
        { limit: 500, ...(cursor === undefined ? {} : { cursor }) },
      )
      found.push(...page.items)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return found.toReversed()
  }

  async states(name: string): Promise<DeliveryState[]> {
    return (await this.all(name)).map(({ state }) => state)
  }

  async replay(name: string, fields: { first: number; last: number; filter?: string }): Promise<Replay> {
    const { number: subscription } = await this.row(name)
    const { replay } = await this.deliveries.addReplay({
      subscription,
      filter: '{}',
      key: null,
      now: Date.now(),
      ...fields,
    })
    await this.engine.reload()
    return replay
  }

  /** Ends the engine, with the time that it gives its attempts passing at once. */
  async stop(graceMs = 0): Promise<void> {
    const closing = this.#engine?.close(graceMs)
    this.#engine = undefined
    let closed = false
    void closing?.finally(() => {
      closed = true
    })
    while (closing !== undefined && !closed) {
      await vi.advanceTimersByTimeAsync(graceMs + 1)
      await new Promise(resolve => setImmediate(resolve))
    }
    await closing
    await this.#connection?.close()
  }

  async remove(): Promise<void> {
    for (const destination of this.opened) for (const attempt of destination.open) attempt.end()
    if (this.#engine !== undefined) await this.stop()
    vi.useRealTimers()
    await this.#store.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #watched(store: Deliveries): Deliveries {
    return new Proxy(store, {
      get: (target, name: Method) => {
        if (immediate.includes(name)) return target[name]
        const method = target[name] as (...args: unknown[]) => unknown
        return async (...args: unknown[]) => {
          await this.#held.get(name)
          this.#calls++
          try {
            const left = this.#failing.get(name) ?? 0
            if (left > 0) {
              this.#failing.set(name, left - 1)
              throw new Error(`${name} is made to fail`)
            }
            return await method(...args)
          } finally {
            this.#calls--
          }
        }
      },
    })
  }
}

function bytesOf(random: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(Math.floor(random * 2 ** 32))
  return bytes
}
