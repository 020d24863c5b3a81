// The configuration of the nodes of one PostgreSQL, at the URLs that the test says.
import { defineConfig, env, http, secret } from 'postern'
import { banclo } from 'postern/adapters'

const common = {
  retry: { scheduleMs: [0, ...Array<number>(49).fill(50)], jitter: 0.5 },
  breaker: { failures: 1_000_000 },
}

export default defineConfig({
  sources: {
    banclo: banclo({ check: banclo.signature({ secret: secret('BANCLO_SECRET'), covers: 'body-without-security' }) }),
  },
  subscriptions: {
    all: { ...common, to: http({ url: env('FAN_OUT_ALL') }) },
    ordered: { ...common, order: 'subject', to: http({ url: env('FAN_OUT_ORDERED') }) },
  },
  limits: { leaseMs: 3_000 },
})
