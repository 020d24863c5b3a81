// The configuration of the fault tests that have subscribers: one of each kind, at the URLs that the test says.
import { defineConfig, env, http, secret } from 'postern'
import { banclo } from 'postern/adapters'

const retry = { scheduleMs: [0, ...Array<number>(49).fill(20)], jitter: 0.5 }

export default defineConfig({
  sources: {
    banclo: banclo({ check: banclo.signature({ secret: secret('BANCLO_SECRET'), covers: 'body-without-security' }) }),
  },
  subscriptions: {
    all: { retry, to: http({ url: env('FAN_OUT_ALL') }) },
    ordered: { retry, order: 'subject', to: http({ url: env('FAN_OUT_ORDERED') }) },
    failing: { retry, breaker: { failures: 1_000_000 }, to: http({ url: env('FAN_OUT_FAILING') }) },
    dying: { retry, order: 'subject', to: http({ url: env('FAN_OUT_DYING'), deadOn: [422] }) },
    chosen: { retry, filter: "data.refs.loan == 'K1'", to: http({ url: env('FAN_OUT_CHOSEN') }) },
  },
})
