// A gateway of its own for a test: real sockets, a real database in a folder of its own, a log that is kept in memory.
// At its end it proves what holds for every test: each inbound request has its line in the log, and no line has a
// secret or a body in it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Chance, Clock } from '../../src/clock.ts'
import type { Config } from '../../src/config/config.ts'
import { readSettings } from '../../src/config/settings.ts'
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway.ts'
import { openLog } from '../../src/observe/log.ts'
import { keys } from '../contract/fixture.ts'
import { type Answer, type RequestOptions, send } from './http.ts'

export interface TestGatewayOptions {
  config: Config
  env?: Record<string, string>
  clock?: Clock
  chance?: Chance
  readers?: GatewayOptions['readers']
  /** The path of the database; default one in a fresh folder, which is removed at the end. */
  database?: string
  /** Texts that must never be in the log, beside those of the fixtures and the token. */
  secrets?: readonly string[]
}

export interface LogLine {
  msg: string
  [field: string]: unknown
}

export interface TestGateway {
  readonly gateway: Gateway
  readonly url: string
  readonly database: string
  /** The log so far. */
  lines(): LogLine[]
  /** The log's lines of inbound requests. */
  requests(): LogLine[]
  /** Any request to the entrance. */
  request(target: string, options?: RequestOptions): Promise<Answer>
  post(target: string, body: string | Uint8Array, headers?: RequestOptions['headers']): Promise<Answer>
  /** To the inbox API, with the token: `api('/events')`. */
  api(path: string, options?: RequestOptions): Promise<Answer>
  /** Everything in the log of events, oldest first. */
  events(query?: string): Promise<Record<string, unknown>[]>
  rejections(): Promise<Record<string, unknown>[]>
  quarantine(): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export const testToken = 'test-admin-token-0123456789'

const fixtureSecrets = [
  testToken,
  keys.ballerine.hmacSecret,
  keys.banclo.hmacSecret,
  keys.embarc.optionalHmacSecret,
  keys.standardWebhooks.secret,
  keys.stripe.secret,
  't0ken-in-path',
  'eXl5OjEyMzQ=',
] as readonly string[]

export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const folder = options.database === undefined ? mkdtempSync(join(tmpdir(), 'postern-test-')) : undefined
  const database = options.database ?? join(folder!, 'postern.db')
  const written: string[] = []
  const bodies = new Set<string>()
  const settings = readSettings({
    HOST: '127.0.0.1',
    PORT: '0',
    POSTERN_DATABASE: `sqlite:${database}`,
    // A thread of its own, that hardly any test is about.
    POSTERN_SEARCH: 'off',
    ...options.env,
  })
  const gateway = await startGateway({
    settings,
    config: options.config,
    env: { POSTERN_ADMIN_TOKEN: testToken, ...options.env },
    log: openLog({ level: 'info', write: line => written.push(line) }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.chance === undefined ? {} : { chance: options.chance }),
    ...(options.readers === undefined ? {} : { readers: options.readers }),
  })

  let knocks = 0
  const request = async (target: string, more: RequestOptions = {}) => {
    if (more.body !== undefined && more.body.length >= 16) bodies.add(Buffer.from(more.body).toString('utf8', 0, 400))
    const answer = await send(gateway.url, target, more)
    // What Node itself refuses, a head too large, is no request yet.
    if (target.startsWith('/hooks/') && answer.status !== 431) knocks++
    return answer
  }
  const api = (path: string, more: RequestOptions = {}) =>
    send(gateway.adminUrl, `/api/v1${path}`, {
      ...more,
      headers: { authorization: `Bearer ${gateway.token}`, ...(more.headers as Record<string, string> | undefined) },
    })
  const all = async (path: string) => {
    const items: Record<string, unknown>[] = []
    let next: string | null = ''
    while (next !== null) {
      const separator = path.includes('?') ? '&' : '?'
      const answer = await api(next === '' ? path : `${path}${separator}cursor=${encodeURIComponent(next)}`)
      expect(answer.status, answer.text).toBe(200)
      const page = answer.json as { items: Record<string, unknown>[]; next: string | null }
      items.push(...page.items)
      next = page.next
    }
    return items
  }
  const lines = () => written.map(line => JSON.parse(line) as LogLine)
  return {
    gateway,
    url: gateway.url,
    database,
    lines,
    requests: () => lines().filter(line => line.msg === 'request'),
    request,
    post: (target, body, headers = { 'content-type': 'application/json' }) =>
      request(target, { method: 'POST', body, headers }),
    api,
    events: (query = '') => all(`/events?order=oldest&limit=500${query}`),
    rejections: () => all('/rejections?limit=500'),
    quarantine: () => all('/quarantine?limit=500'),
    async close() {
      await gateway.close()
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
      assertSilent(written, [...fixtureSecrets, gateway.token, ...(options.secrets ?? [])], bodies)
      // Connections of a test's own may have sent more.
      const logged = lines().filter(line => line.msg === 'request').length
      expect(logged, 'every inbound request has its line in the log').toBeGreaterThanOrEqual(knocks)
    },
  }
}

function assertSilent(written: readonly string[], secrets: readonly string[], bodies: Iterable<string>): void {
  const log = written.join('')
  for (const secret of secrets) expect(log, 'a secret is in the log').not.toContain(secret)
  for (const body of bodies) {
    expect(log, 'a body is in the log').not.toContain(body)
    expect(log, 'a body is in the log').not.toContain(JSON.stringify(body).slice(1, -1))
  }
  for (const line of written) expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true)
}
