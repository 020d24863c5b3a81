// A gateway whose handlers do what their events say, beside one that must get every event, and a vendor's API at API_URL.
import { appendFileSync } from 'node:fs'
import { defineConfig, env, secret, unverified } from 'postern'
import { generic } from 'postern/adapters'

const received = env('RECEIVED_FILE')
const kept: unknown[] = []
const acts: Record<string, () => unknown> = {
  throws() {
    throw new Error('no such loan')
  },
  loops() {
    for (;;);
  },
  exits: () => process.exit(0),
  throwsOutside() {
    setTimeout(() => {
      throw new Error('a timer of its own')
    })
    return new Promise(() => {})
  },
  fillsMemory() {
    for (let number = 0; ; number++) kept.push(number * 1.5)
  },
  never: () => new Promise(() => {}),
  prints: () => console.log('printed by a handler'),
}

export default defineConfig({
  sources: {
    core: generic({
      vendor: 'core',
      check: unverified('a test'),
      id: 'body.id',
      type: `'acted'`,
      data: '{ refs: { act: body.act } }',
      api: {
        baseUrl: env('API_URL'),
        auth: { kind: 'oauth', tokenUrl: env('TOKEN_URL'), clientId: 'gateway', clientSecret: secret('API_SECRET') },
      },
    }),
  },
  subscriptions: {
    acts: {
      timeoutMs: 1_000,
      memoryMiB: 48,
      retry: { scheduleMs: [0] },
      breaker: { failures: 1_000 },
      to: event => acts[event.data.refs.act ?? '']?.(),
    },
    calls: {
      retry: { scheduleMs: [0] },
      to: async (event, { vendor, log }) => {
        const response = await vendor.fetch(`/acts/${event.data.refs.act}`)
        log.info({ status: response.status, ...((await response.json()) as object) }, 'called back')
      },
    },
    everything: { to: event => appendFileSync(received, `${event.id}\n`) },
  },
})
