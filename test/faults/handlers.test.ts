// Handlers in a gateway of its own process, as operators run it: whatever they do, it goes on, acknowledges, delivers to
// the others, and ends cleanly.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { send } from '../support/http.ts'
import { clientSecret, startApi, startOAuth, type TestApi, type TestOAuth } from '../support/oauth.ts'
import { type GatewayProcess, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-handlers-'))
const received = join(folder, 'received')
const token = 'a-token-of-the-handlers-test'
let oauth: TestOAuth
let api: TestApi
let gateway: GatewayProcess

beforeAll(async () => {
  writeFileSync(received, '')
  oauth = await startOAuth()
  api = await startApi(authorization =>
    oauth.verify(authorization.replace('Bearer ', '')).then(
      () => true,
      () => false,
    ),
  )
  gateway = await startProcess({
    env: {
      POSTERN_CONFIG: join(import.meta.dirname, 'handlers.config.ts'),
      POSTERN_DATABASE: `sqlite:${join(folder, 'postern.db')}`,
      POSTERN_ADMIN_TOKEN: token,
      NODE_ENV: 'production',
      RECEIVED_FILE: received,
      API_URL: api.url,
      TOKEN_URL: oauth.spec.tokenUrl,
      API_SECRET: clientSecret,
    },
  })
})
afterAll(async () => {
  gateway.kill('SIGKILL')
  await gateway.ended
  await oauth[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const get = async (path: string) => {
  const answer = await send(gateway.url, `/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status, answer.text).toBe(200)
  return answer.json as { items: { id: string; event: string; state: string }[] } & Record<string, unknown>
}

test('what handlers do harms nobody else', async () => {
  const guilty: Record<string, RegExp> = {
    throws: /^Error: no such loan$/,
    loops: /^blocked its thread: not done within 1000 ms$/,
    exits: /^called process\.exit\(0\)$/,
    throwsOutside: /^an error outside of its promise: Error: a timer of its own$/,
    fillsMemory: /^ran out of memory \(48 MiB\)$/,
    never: /^not done within 1000 ms$/,
  }
  const acts = ['prints', ...Object.keys(guilty).flatMap(act => ['nothing', act, 'nothing'])]
  const events = new Map<string, string>()
  for (const [index, act] of acts.entries()) {
    const body = JSON.stringify({ id: `act-${index}`, act })
    const answer = await send(gateway.url, '/hooks/core', { method: 'POST', body })
    expect(answer.status, answer.text).toBe(200)
    events.set((answer.json as { id: string }).id, act)
  }
  const of = async (subscription: string) => (await get(`/deliveries?subscription=${subscription}&limit=100`)).items
  const settled = async (subscription: string) =>
    (await of(subscription)).filter(({ state }) => state === 'succeeded' || state === 'dead').length === acts.length
  for (const subscription of ['everything', 'calls', 'acts']) {
    await until(`${subscription} is through`, () => settled(subscription), 120_000)
  }

  expect(new Set(readFileSync(received, 'utf8').trim().split('\n'))).toEqual(new Set(events.keys()))
  for (const { id, event, state } of await of('acts')) {
    const act = events.get(event)!
    expect([act, state]).toEqual([act, Object.hasOwn(guilty, act) ? 'dead' : 'succeeded'])
    const { attempts } = (await get(`/deliveries/${id}`)) as unknown as { attempts: { reason: string | null }[] }
    expect(attempts.map(({ reason }) => reason)).toEqual(
      Object.hasOwn(guilty, act) ? [expect.stringMatching(guilty[act]!)] : [null],
    )
  }
  expect((await of('calls')).every(({ state }) => state === 'succeeded')).toBe(true)
  expect(oauth.asked(), 'one token served all calls').toBe(1)
  expect(new Set(api.requests.map(({ url }) => url))).toEqual(new Set(acts.map(act => `/acts/${act}`)))
  expect(gateway.output()).toContain('printed by a handler')
  expect(gateway.output()).toContain('called back')
  expect(gateway.output()).not.toContain(clientSecret)

  const { code, signal } = await gateway.stop()
  expect({ code, signal }, gateway.output().slice(-2_000)).toEqual({ code: 0, signal: null })
})
