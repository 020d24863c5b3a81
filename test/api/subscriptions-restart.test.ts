// A subscription that was made over the API outlives the process, with its secret sealed.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { expectProblem } from '../support/problem.ts'
import { startSubscriber } from '../support/subscriber.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-api-subscriptions-'))
const database = join(folder, 'postern.db')
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const start = (env: Record<string, string> = {}) =>
  startTestGateway({ config: { sources: { plain: plain() }, egress: { allow: ['127.0.0.0/8'] } }, database, env })
const shownBy = async (running: TestGateway) => (await running.api('/subscriptions/kept')).json

test('one that was made here is there, paused as it was, and signs with its secret', async () => {
  const sink = await startSubscriber()
  let running = await start()
  const made = await running.api('/subscriptions/kept', {
    method: 'PUT',
    body: JSON.stringify({ types: ['kept.*'], to: { url: sink.url } }),
  })
  const { secret } = made.json as { secret: string }
  await running.api('/subscriptions/kept/pause', { method: 'POST' })
  await running.post('/hooks/plain', plainBody({ key: 'kept', type: 'kept.one' }))
  await running.close()
  for (const file of [database, `${database}-wal`]) {
    if (existsSync(file)) expect(readFileSync(file).includes(secret)).toBe(false)
  }

  running = await start()
  try {
    expect(await shownBy(running)).toMatchObject({
      paused: { by: 'person' },
      lag: 2,
      problem: null,
    })
    expect(sink.received).toHaveLength(0)
    await running.api('/subscriptions/kept/resume', { method: 'POST' })
    await sink.atLeast(1)
    const { text, headers } = sink.received[0]!
    expect(() => new Webhook(secret).verify(text, headers as Record<string, string>)).not.toThrow()
  } finally {
    await running.close()
    await sink.close()
  }
})

test('under another key it says what to do, and harms nothing', async () => {
  const running = await start({ POSTERN_KEY: 'another-key-of-thirty-two-characters' })
  try {
    expect(await shownBy(running)).toMatchObject({ problem: expect.stringContaining('put it anew') })
    expectProblem(await running.api('/subscriptions/kept/test', { method: 'POST' }), 503, 'unavailable')
    const again = await running.api('/subscriptions/kept', {
      method: 'PUT',
      body: JSON.stringify({ to: { url: 'http://127.0.0.1:9/' } }),
    })
    expect(again.json).toMatchObject({ problem: null, secret: expect.stringMatching(/^whsec_/) })
  } finally {
    await running.close()
  }
})
