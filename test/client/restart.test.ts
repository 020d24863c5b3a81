// The client's stream across real ends of a gateway, announced and not, while events come in: what it has seen is the
// log, event for event, in its order.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { createClient, type EventFilter } from 'postern/client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '../support/own-server.ts'
import { type GatewayProcess, startProcess } from '../support/process.ts'
import { until } from '../support/until.ts'

const token = 'a-token-of-the-restart-test'
const total = 240
let folder: string
let port: number
let gateway: GatewayProcess

const start = () =>
  startProcess({
    env: {
      PORT: String(port),
      POSTERN_CONFIG: join(folder, 'postern.config.ts'),
      POSTERN_DATABASE: `sqlite:${join(folder, 'postern.db')}`,
      POSTERN_ADMIN_TOKEN: token,
    },
  })

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-client-'))
  port = await freePort()
  writeFileSync(
    join(folder, 'postern.config.ts'),
    `import { bearer, defineConfig } from 'postern'
     import { generic } from 'postern/adapters'
     export default defineConfig({
       sources: { app: generic({ vendor: 'app', check: bearer('the-app'), id: 'body.id', type: 'body.type' }) },
     })`,
  )
  gateway = await start()
})
afterEach(async () => {
  gateway.kill('SIGKILL')
  await gateway.ended
  rmSync(folder, { recursive: true, force: true })
})

/** Until it is acknowledged: a vendor comes again. */
async function post(id: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/hooks/app`, {
      method: 'POST',
      headers: { authorization: 'Bearer the-app', 'content-type': 'application/json' },
      body: JSON.stringify({ id: String(id), type: id % 2 === 0 ? 'even' : 'odd' }),
    }).catch(() => undefined)
    if (answer?.status === 200) return
    await after(10)
  }
}

test('no event is missed and none comes twice, across kill -9 and a stop', async () => {
  const client = createClient({ url: `http://127.0.0.1:${port}`, token })
  const stopping = new AbortController()
  const { signal } = stopping
  let opened = 0
  const follow = async (filter: EventFilter, from: string | undefined) => {
    const seen: string[] = []
    const options = { signal, retry: { firstMs: 20, longestMs: 100 }, onOpen: () => opened++ }
    const events = client.events(filter, from === undefined ? options : { ...options, after: from })
    const running = (async () => {
      for await (const event of events) seen.push(event.id)
    })()
    return { seen, running }
  }
  const all = await follow({ type: ['*'] }, '0')
  // One that began without a position, and to which only every other event is sent.
  const even = await follow({ vendorType: ['even'] }, undefined)
  await until('both are open', () => opened === 2)

  let sent = 0
  const sending = (async () => {
    for (; sent < total; sent++) await post(sent)
  })()
  for (const [at, signal] of [
    [80, 'SIGKILL'],
    [160, 'SIGTERM'],
  ] as const) {
    await until(`${at} are sent`, () => sent >= at)
    gateway.kill(signal)
    await gateway.ended
    gateway = await start()
  }
  await sending

  const logged: string[] = []
  const evens: string[] = []
  for (let position = '0'; ; ) {
    const query = { after: position, limit: 500, type: ['*'] }
    const { data } = await client.GET('/events', { params: { query } })
    if (data.items.length === 0) break
    logged.push(...data.items.map(({ id }) => id))
    evens.push(...data.items.filter(({ vendortype }) => vendortype === 'even').map(({ id }) => id))
    position = data.position!
  }
  expect(logged).toHaveLength(total)
  await until('all of them have come', () => all.seen.length >= total && even.seen.length >= total / 2)
  stopping.abort()
  await Promise.all([all.running, even.running])
  expect(all.seen).toEqual(logged)
  expect(even.seen).toEqual(evens)
  expect(opened).toBeGreaterThanOrEqual(6)
})
