// The delivery's thread: it builds the engine and what the engine is given, and answers the main thread. It receives no
// request and serves none, so that nothing done here delays an acknowledgement.
import { parentPort, workerData } from 'node:worker_threads'
import { systemChance, systemClock } from './clock.ts'
import type { Destination, Outcome } from './delivery/destination.ts'
import { handlerDestination } from './delivery/destinations/handler.ts'
import { httpDestination } from './delivery/destinations/http.ts'
import { createEgress } from './delivery/egress.ts'
import { egressFetch } from './delivery/egress-fetch.ts'
import { startEngine } from './delivery/engine.ts'
import { openSpec } from './delivery/sealed-spec.ts'
import type { SubscriptionSpec } from './delivery/subscription.ts'
import { testEvent } from './delivery/test-event.ts'
import type { FromThread, ThreadData, ToThread } from './delivery/thread.ts'
import { vendorApi } from './delivery/vendor-api.ts'
import { flowWatcher } from './delivery/watcher.ts'
import { sealedBox } from './ingest/sealed-box.ts'
import { DeliveryMetrics } from './observe/delivery-metrics.ts'
import type { Log } from './observe/log.ts'
import { withAttemptSpan } from './observe/traces.ts'
import { Announcer } from './own-events.ts'
import { connectStore } from './store/connect.ts'

const port = parentPort!
const data = workerData as ThreadData
const say = (message: FromThread) => port.postMessage(message)
const [clock, chance] = [systemClock, systemChance]

const log: Log = {
  request: () => {},
  info: (fields, message) => say({ op: 'log', level: 'info', fields, message }),
  warn: (fields, message) => say({ op: 'log', level: 'warn', fields, message }),
  error: (fields, message) => say({ op: 'log', level: 'error', fields, message }),
  flush: async () => {},
}

const store = await connectStore(data.channel)
const metrics = new DeliveryMetrics()
const announcer = new Announcer({ append: store.append, clock, log })
const box = sealedBox(data.sealingKey, chance)
const configured = new Map(data.specs.map(spec => [spec.name, spec]))
/** Whoever writes the configuration file may call any machine of theirs; whoever has a token for the API may not. */
const egress = {
  config: createEgress({ allowPrivate: true, allow: [] }),
  api: createEgress({ allowPrivate: false, allow: data.egressAllow }),
}
const vendorFetch = vendorApi({ apis: data.vendorApis, fetch: egressFetch(egress.config), clock })

const engine = await startEngine({
  store: store.deliveries,
  specOf: row => (row.origin === 'config' ? configured.get(row.name) : openSpec(row, box)),
  open,
  traced: withAttemptSpan,
  watcher: flowWatcher({ metrics, announcer, log }),
  clock,
  chance,
})

port.on('message', (message: ToThread) => {
  switch (message.op) {
    case 'changed':
      void engine.reload().catch(error => log.error({ err: error }, 'subscriptions could not be read again'))
      break
    case 'test':
      void test(message.subscription).then(value => say({ op: 'answer', id: message.id, value }))
      break
    case 'metrics':
      void metrics.text().then(value => say({ op: 'answer', id: message.id, value }))
      break
    case 'close':
      void close(message.graceMs)
  }
})
say({ op: 'ready' })

function open(spec: SubscriptionSpec): Destination {
  const { name, to, origin, concurrency } = spec
  if (to.kind === 'http') return httpDestination(to, { egress: egress[origin], connections: concurrency, clock })
  const { configPath } = data
  return handlerDestination({ subscription: name, spec: to, configPath, concurrency, log, vendorFetch })
}

/** One made event, which is no event of the log. */
async function test(name: string): Promise<Outcome | undefined> {
  const found = engine.destination(name)
  if (found === undefined) return undefined
  const { spec, destination } = found
  const now = clock.now()
  const made = testEvent(name, now, chance)
  const delivery = 'dlv_00000000000000000000000000'
  const attributes = { subscription: name, delivery, number: 1, replay: null, kind: spec.to.kind } as const
  return withAttemptSpan(made.event, attributes, traceparent =>
    destination.attempt({
      ...made,
      delivery,
      number: 1,
      replay: null,
      traceparent,
      now,
      timeoutMs: spec.timeoutMs,
      signal: new AbortController().signal,
    }),
  )
}

async function close(graceMs: number): Promise<void> {
  await engine.close(graceMs)
  await announcer.close()
  metrics.close()
  await store.close()
  port.close()
}
