// The configuration that the fault tests run under: one signed source, and limits that a test can make short.
import { defineConfig, env, secret } from 'postern'
import { banclo } from 'postern/adapters'

export default defineConfig({
  sources: {
    banclo: banclo({ check: banclo.signature({ secret: secret('BANCLO_SECRET'), covers: 'body-without-security' }) }),
  },
  limits: {
    headersTimeoutMs: Number(env('FAULTS_HEADERS_TIMEOUT_MS', '10000')),
    requestTimeoutMs: Number(env('FAULTS_REQUEST_TIMEOUT_MS', '30000')),
  },
})
