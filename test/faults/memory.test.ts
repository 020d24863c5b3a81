// A stranger's largest bodies cost little memory before their check: what was kept of each array element or form field
// once ended the process.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type GatewayProcess, startProcess } from '../support/process.ts'

const bytes = 16 * 1024 * 1024 - 1_024
const fill = (start: string, piece: string, end: string) =>
  start + piece.repeat(Math.floor((bytes - start.length - end.length) / piece.length)) + end

const folder = mkdtempSync(join(tmpdir(), 'postern-memory-'))
let gateway: GatewayProcess
beforeAll(async () => {
  gateway = await startProcess({
    cwd: join(import.meta.dirname, '..', '..'),
    env: {
      NODE_OPTIONS: '--max-old-space-size=400',
      POSTERN_DATABASE: `sqlite:${join(folder, 'postern.db')}`,
      POSTERN_ADMIN_TOKEN: 'a-token-of-the-tests',
    },
  })
})
afterAll(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

test.each([
  ['array elements', fill('[0', ',0', ']')],
  ['members', fill('{"a":0', ',"a":0', '}')],
  ['members of the signature’s name', fill('{"security":0', ',"security":0', '}')],
  ['members of a redacted name', fill('[0', ',{"metadata":{"token":0}}', ']')],
  ['form fields', fill('a=1', '&a=1', '')],
  ['text that is cut short', fill('{', '"token":1,', '')],
])('16 MiB of %s, unsigned, to every source that reads bodies: refused, and service goes on', async (_name, body) => {
  for (const source of ['banclo', 'ballerine', 'receeve']) {
    const answer = await fetch(`${gateway.url}/hooks/${source}`, { method: 'POST', body })
    expect([400, 401], source).toContain(answer.status)
    await answer.text()
  }
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200)
})
