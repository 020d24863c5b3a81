// The main thread's end of the delivery: it starts the thread, speaks to it, and starts another should it ever die.
import { Worker } from 'node:worker_threads'
import { AppError } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { Store, StoreChannel } from '../store/store.ts'
import type { DeliveryControl } from './control.ts'
import type { Outcome } from './destination.ts'
import type { SubscriptionSpec } from './subscription.ts'
import type { VendorApiSpec } from './vendor-api.ts'

/** What the thread is given; plain data. */
export interface ThreadData {
  channel: StoreChannel
  /** Subscriptions of the configuration file, with their secrets. */
  specs: readonly SubscriptionSpec[]
  configPath: string
  /** What API-made subscriptions are sealed with. */
  sealingKey: string
  /** Networks that API-made subscriptions may call though they are private. */
  egressAllow: readonly string[]
  /** By source. */
  vendorApis: Readonly<Record<string, VendorApiSpec>>
}

export type ToThread =
  | { op: 'changed' }
  | { op: 'test'; id: number; subscription: string }
  | { op: 'metrics'; id: number }
  | { op: 'close'; graceMs: number }

export type FromThread =
  | { op: 'ready' }
  | { op: 'log'; level: 'info' | 'warn' | 'error'; fields: object; message: string }
  | { op: 'answer'; id: number; value: unknown }

export interface DeliveryThread extends DeliveryControl {
  /** Whether it runs: without subscriptions it does not. */
  readonly running: boolean
  start(): Promise<void>
  /** What is under way may end within `graceMs`. */
  close(graceMs: number): Promise<void>
}

const restartAfterMs = 1_000
const answerWithinMs = 60_000

/** `enabled`: whether this process delivers at all. */
export function deliveryThread(
  store: Store,
  data: Omit<ThreadData, 'channel'>,
  { enabled, log }: { enabled: boolean; log: Log },
): DeliveryThread {
  let worker: Worker | undefined
  let closing = false
  let starting: Promise<void> | undefined
  let questions = 0
  const answers = new Map<number, (value: unknown) => void>()

  const ask = async <Value>(question: { op: 'test'; subscription: string } | { op: 'metrics' }) => {
    const id = ++questions
    const { promise, resolve } = Promise.withResolvers<unknown>()
    answers.set(id, resolve)
    const late = setTimeout(() => resolve(undefined), answerWithinMs)
    worker?.postMessage({ ...question, id } satisfies ToThread)
    const value = (await promise) as Value | undefined
    clearTimeout(late)
    answers.delete(id)
    return value
  }

  async function launch(): Promise<void> {
    const channel = store.channel()
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const started = new Worker(new URL(`../delivery-thread.${ending}`, import.meta.url), {
      workerData: { ...data, channel } satisfies ThreadData,
      transferList: channel.engine === 'sqlite' ? [channel.port] : [],
      name: 'postern-delivery',
      resourceLimits: { maxYoungGenerationSizeMb: 16 },
    })
    worker = started
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    started.on('message', (message: FromThread) => {
      if (message.op === 'ready') resolve()
      if (message.op === 'log') log[message.level](message.fields, message.message)
      if (message.op === 'answer') answers.get(message.id)?.(message.value)
    })
    started.on('error', error => {
      log.error({ err: error }, 'the delivery has failed')
      reject(error)
    })
    started.on('exit', () => {
      worker = undefined
      for (const answer of answers.values()) answer(undefined)
      reject(new AppError('internal', 'the delivery ended before it had started'))
      if (closing) return
      log.error({}, 'the delivery has ended and is started again; what it had leased is tried again')
      setTimeout(() => {
        if (!closing) starting = launch().catch(() => {})
      }, restartAfterMs).unref()
    })
    return promise
  }

  return {
    get running() {
      return worker !== undefined
    },
    start() {
      starting ??= launch()
      return starting
    },
    changed() {
      if (!enabled) return
      if (starting === undefined) void this.start().catch(() => {})
      else void starting.then(() => worker?.postMessage({ op: 'changed' } satisfies ToThread)).catch(() => {})
    },
    async test(subscription) {
      await starting
      return worker === undefined ? undefined : ask<Outcome>({ op: 'test', subscription })
    },
    async metrics() {
      if (worker === undefined) return ''
      const text = await ask<string>({ op: 'metrics' })
      if (text === undefined) throw new AppError('unavailable', 'the delivery did not answer')
      return text
    },
    async close(graceMs) {
      closing = true
      await starting?.catch(() => {})
      if (worker === undefined) return
      const ended = new Promise(resolve => worker?.once('exit', resolve))
      worker.postMessage({ op: 'close', graceMs } satisfies ToThread)
      await ended
    },
  }
}
