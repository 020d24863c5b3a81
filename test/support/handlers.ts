// Real handlers for tests: a configuration file in a folder of its own, loaded by real worker threads. What a handler is
// to do stands in its event's `data.act`; whatever it logs is kept.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { Attempt, Destination, Outcome } from '../../src/delivery/destination.ts'
import { type HandlerTiming, handlerDestination } from '../../src/delivery/destinations/handler.ts'
import type { VendorAnswer, VendorCall, VendorFetch } from '../../src/delivery/vendor-api.ts'

export interface Logged {
  level: string
  message: string
  delivery?: string
  attempt?: number
  subscription?: string
  fields?: Record<string, unknown>
  reason?: string
}

export interface TestHandlers {
  readonly folder: string
  readonly logged: Logged[]
  /** Calls of `vendor.fetch` that nobody has answered yet, by their paths. */
  readonly calls: Map<string, VendorCall>
  destination(subscription: string, options?: DestinationOptions): Destination
  /** Answers the calls of that path, made already or to come. */
  answer(path: string, answer?: Partial<VendorAnswer>): void
  /** How often an act was begun. */
  begun(act: string): number
  /** Worker threads of this process that have not ended. */
  threads(): number
  /** Writes a file into the configuration's folder. */
  write(name: string, text: string): void
  close(): Promise<void>
}

export interface DestinationOptions {
  concurrency?: number
  memoryMiB?: number
  timing?: Partial<HandlerTiming>
  vendorFetch?: VendorFetch
}

export function startHandlers(config: string): TestHandlers {
  const folder = mkdtempSync(join(tmpdir(), 'postern-handlers-'))
  const configPath = join(folder, 'postern.config.ts')
  writeFileSync(configPath, config)
  const logged: Logged[] = []
  const write = (level: string) => (fields: object, message: string) => logged.push({ ...fields, level, message })
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  const calls = new Map<string, VendorCall>()
  const answers = new Map<string, PromiseWithResolvers<VendorAnswer>>()
  const answerTo = (path: string) => {
    const found = answers.get(path) ?? Promise.withResolvers<VendorAnswer>()
    answers.set(path, found)
    return found
  }
  const destinations: Destination[] = []
  const threads = new Set<Worker>()
  const started = (thread: Worker) => {
    threads.add(thread)
    thread.once('exit', () => threads.delete(thread))
  }
  process.on('worker', started)
  return {
    folder,
    logged,
    calls,
    destination(subscription, { concurrency = 16, memoryMiB = 128, timing = {}, vendorFetch } = {}) {
      const destination = handlerDestination({
        subscription,
        spec: { kind: 'handler', memoryMiB },
        configPath,
        concurrency,
        log,
        vendorFetch:
          vendorFetch ??
          (call => {
            calls.set(call.path, call)
            return answerTo(call.path).promise
          }),
        timing: { startEveryMs: 0, ...timing },
      })
      destinations.push(destination)
      return destination
    },
    answer(path, answer = {}) {
      answerTo(path).resolve({ status: 200, statusText: 'OK', headers: [], body: new Uint8Array(), ...answer })
    },
    begun: act => logged.filter(({ message, fields }) => message === 'begun' && fields?.act === act).length,
    threads: () => threads.size,
    write: (name, text) => writeFileSync(join(folder, name), text),
    async close() {
      await Promise.all(destinations.map(destination => destination.close()))
      process.off('worker', started)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

let deliveries = 0
const forEver = new AbortController().signal

/** An attempt at an event with this `data`. Its limit is far off, where none is given. */
export function attemptOf(data: object, more: Partial<Attempt> = {}): Attempt {
  const text = JSON.stringify({ refs: {}, ...data })
  return {
    event: { source: 'core', data: text } as Attempt['event'],
    json: `{"specversion":"1.0","id":"evt_1","type":"loan.created","data":${text}}`,
    delivery: `dlv_${++deliveries}`,
    number: 1,
    replay: null,
    traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
    now: 0,
    timeoutMs: 60_000,
    signal: forEver,
    ...more,
  }
}

/** Makes attempts of one destination, by what their handlers are to do. */
export function acting(destination: Destination): (act: string, more?: Partial<Attempt>) => Promise<Outcome> {
  return (act, more) => destination.attempt(attemptOf({ act }, more))
}

/** Acts that each say `begun` with the thread they run in, and wait where they must for the test to let them go on. */
export const actsConfig = `
import { setTimeout as delay } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { defineConfig, unverified } from 'postern'
import { generic } from 'postern/adapters'

const kept: unknown[] = []

const acts: Record<string, (event: any, context: any) => unknown> = {
  done() {},
  async doneLater() { await delay(5) },
  throws() { throw new TypeError('no such loan') },
  async rejects() { await null; throw new Error('no such loan', { cause: new Error('the core is away') }) },
  throwsText() { throw 'no such loan' },
  throwsNothing() { throw undefined },
  throwsProxy() { throw new Proxy({}, { get() { throw new Error('never') }, getPrototypeOf() { throw new Error('never') } }) },
  throwsMuch() { throw new Error('x'.repeat(1_000_000)) },
  thenable() { return { then(_: unknown, reject: (error: Error) => void) { reject(new Error('a thenable')) } } },
  async waits(_, { vendor }) { await vendor.fetch('/waits') },
  loops() { for (;;); },
  busy() { for (const until = Date.now() + 50; Date.now() < until; ); },
  async loopsLater() { await delay(5); for (;;); },
  loopsInMicrotasks() { const on = (): Promise<void> => Promise.resolve().then(on); return on() },
  throwsOutside() { setTimeout(() => { throw new Error('a timer of its own') }, 5); return new Promise(() => {}) },
  rejectsOutside() { setTimeout(() => Promise.reject(new Error('a promise of its own')), 5); return new Promise(() => {}) },
  throwsAfterwards() { setTimeout(() => { throw new Error('when it had ended') }, 50) },
  exits() { process.exit(0) },
  async exitsLater() { await delay(5); process.exit(3) },
  exitsAfterwards() { setTimeout(() => process.exit(4), 50) },
  fillsArray() { for (let i = 0; ; i++) kept.push(i * 1.5) },
  fillsMap() { const map = new Map(); for (let i = 0; ; i++) map.set(i, i) },
  async fillsBuffers() { for (;;) { kept.push(Buffer.alloc(1_000_000, 1)); await null } },
  async leaks() { kept.push(Buffer.alloc(30_000_000, 1)); await delay(250) },
  recurses() { const down = (): unknown => [down()]; return down() },
  never() { return new Promise(() => {}) },
  async honours(_, { signal }) { await delay(60_000, undefined, { signal }) },
  async givesIn(_, { signal }) { await delay(60_000, undefined, { signal }).catch(() => {}) },
}

export default defineConfig({
  sources: { core: generic({ vendor: 'core', check: unverified('a test'), id: 'id', type: 'type' }) },
  subscriptions: {
    acts: {
      types: ['*'],
      to(event, context) {
        const { act } = event.data as { act?: string }
        context.log.info({ act, thread: threadId }, 'begun')
        return acts[act!]!(event, context)
      },
    },
    other: { types: ['*'], to: () => {} },
  },
})
`
