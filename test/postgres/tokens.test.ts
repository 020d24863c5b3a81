// Tokens over several nodes: what one does every other one knows at once.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { StreamReader } from '../support/event-stream.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { send } from '../support/http.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import type { TestDatabase } from '../support/postgres.ts'
import { createDatabase } from '../support/postgres-database.ts'
import { expectProblem } from '../support/problem.ts'
import { tokenOf } from '../support/tokens.ts'

let database: TestDatabase
let nodes: TestGateway[] = []
const timers = [new HeldTimers(), new HeldTimers()]

beforeAll(async () => {
  database = await createDatabase()
  const start = (index: number) =>
    startTestGateway({
      env: { POSTERN_DATABASE: database.url, POSTERN_NODE: `node-${index}`, POSTERN_POOL: '4' },
      config: { sources: { north: plain(), south: plain() } },
      readers: { timers: timers[index]! },
    })
  nodes = [await start(0), await start(1)]
})
afterAll(async () => {
  for (const node of nodes) await node.close()
  await database?.drop()
})

test('what is made at one is taken at the other, and what is revoked there is refused here', async () => {
  const [here, there] = nodes as [TestGateway, TestGateway]
  const { id, token } = await tokenOf(here, ['raw'], { name: 'both', sources: ['north'] })
  const present = (node: TestGateway, path = '/events') =>
    send(node.url, `/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  await here.post('/hooks/north', plainBody({ key: '1' }))
  const { id: event } = (await there.post('/hooks/south', plainBody({ key: '1' }))).json as { id: string }
  expect((await present(there)).json).toMatchObject({ items: [{ source: '/sources/north' }] })
  expectProblem(await present(there, `/events/${event}/raw`), 404, 'not_found')
  const taken = await there.api('/tokens', { method: 'POST', body: '{"name":"both","scopes":["read"]}' })
  expectProblem(taken, 409, 'token_name_taken')

  const reader = await StreamReader.open(here.gateway.adminUrl, { token })
  expect((await there.api(`/tokens/${id}`, { method: 'DELETE' })).status).toBe(200)
  for (const node of nodes) expectProblem(await present(node), 401, 'unauthenticated')
  timers[0]!.beat()
  expect(await reader.over()).toBe('end')

  const audit = (await here.api('/audit')).json as { items: object[] }
  expect(audit.items).toMatchObject([
    { actor: 'admin', action: 'token.revoke', target: id, status: 200 },
    { actor: 'admin', action: 'token.make', target: 'both', status: 409 },
    { actor: 'both', tokenId: id, action: 'event.raw', target: event, status: 404 },
    { actor: 'admin', action: 'token.make', target: 'both', status: 201 },
  ])
})
