// The configuration to start from: one source for each vendor. Secrets come from the environment (or files); where you
// develop, those that are missing are made once, kept in ./data and printed with what to enter where.
import { basic, defineConfig, env, pathToken, secret } from 'postern'
import { arix, ballerine, banclo, embarc, receeve } from 'postern/adapters'

export default defineConfig({
  publicUrl: env('PUBLIC_URL', `http://127.0.0.1:${env('PORT', '8080')}`),
  sources: {
    banclo: banclo({
      check: banclo.signature({ secret: secret('BANCLO_SECRET'), covers: 'body-without-security' }),
    }),
    embarc: embarc({ check: pathToken(secret('EMBARC_TOKEN')), currency: 'USD' }),
    ballerine: ballerine({ check: ballerine.signature({ secret: secret('BALLERINE_SECRET') }) }),
    arix: arix({ partner: 'TST', check: basic({ username: 'arix', password: secret('ARIX_PASSWORD') }) }),
    receeve: receeve({ check: receeve.signature({ publicKey: secret('RECEEVE_PUBLIC_KEY') }) }),
  },
  subscriptions: {
    // Where events go: a function, as here, or an endpoint, `http({ url: … })`. docs/subscriptions.md has every option.
    print: { types: ['*'], to: (event, { log }) => log.info(`${event.type} ${event.subject ?? ''}`) },
  },
})
