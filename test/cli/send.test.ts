// `postern send` as a process: every vendor's requests, signed by what a start has made, to a gateway that checks them.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonLines, runCommand } from '../support/command.ts'
import { type GatewayProcess, startProcess } from '../support/process.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-send-'))
let gateway: GatewayProcess
let listed: Listed[]
let first: string
const postern = (...args: string[]) => runCommand(args, { cwd: folder, env: { POSTERN_URL: gateway.url } })

beforeAll(async () => {
  // With the configuration that it comes with.
  gateway = await startProcess({ cwd: folder })
  listed = jsonLines<Listed>(await postern('send', '--list', '--json'))
  first = listed[0]!.source
})
afterAll(async () => {
  await gateway.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Listed {
  source: string
  type: string
}

test('one of each source is taken, and a corrupt one is refused', async () => {
  const sources = [...new Set(listed.map(({ source }) => source))]
  expect(sources.length).toBe(5)
  for (const source of sources) {
    const last = listed.findLast(each => each.source === source)!.type
    const [taken, refused] = await Promise.all([
      postern('send', source, last),
      postern('send', source, '--corrupt', '--json'),
    ])
    expect({ source, ...taken }).toMatchObject({ source, code: 0, stdout: expect.stringMatching(/^200 .*"accepted"/) })
    expect({ source, code: refused.code }).toEqual({ source, code: 0 })
    const { answers } = JSON.parse(refused.stdout) as { answers: { status: number; count: number }[] }
    expect({ source, answers }).toMatchObject({ source, answers: [{ status: expect.toBeOneOf([401, 404]), count: 1 }] })
  }
  const types = jsonLines<{ vendor: string }>(await postern('events', 'list', '--json'))
  expect(types.map(({ vendor }) => vendor).toSorted()).toEqual(sources.toSorted())
})

test('many, some of them twice, at a rate', async () => {
  const begun = performance.now()
  const ran = await postern('send', first, '--count', '100', '--rate', '200', '--duplicates', '25', '--json')
  expect(ran).toMatchObject({ code: 0, stderr: '' })
  // Not before the last of them was due.
  expect(performance.now() - begun).toBeGreaterThan(490)
  const { sent, answers } = JSON.parse(ran.stdout) as { sent: number; answers: { verdict: string; count: number }[] }
  expect(sent).toBe(100)
  const count = (verdict: string) => answers.find(each => each.verdict === verdict)?.count ?? 0
  expect(count('accepted') + count('duplicate')).toBe(100)
  expect(count('duplicate')).toBe(25)
  const few = await postern('send', first, '--count', '10', '--duplicates', '50')
  expect(few.stdout).toMatch(/^200 +accepted +5 [\s\S]*^200 +duplicate +5 /m)
  const table = await postern('send', first, '--count', '3')
  expect(table.stdout).toMatch(/^200 +accepted +3 /m)
})

test('--dry-run prints a line that works when it is pasted', async () => {
  const { source } = listed.at(-1)!
  const { code, stdout } = await postern('send', source, '--dry-run')
  expect(code).toBe(0)
  const json = JSON.parse((await postern('send', source, '--dry-run', '--json')).stdout)
  expect(json).toEqual({
    method: 'POST',
    url: expect.stringMatching(`^${gateway.url}/hooks/${source}`),
    headers: expect.any(Object),
    body: expect.any(String),
  })
  expect(execFileSync('sh', ['-c', stdout], { encoding: 'utf8' })).toContain('"accepted"')
})

test('what cannot be sent is said', async () => {
  const [unknown, type, away, noSecrets, unsaid] = await Promise.all([
    postern('send', 'nobody'),
    postern('send', first, 'no.such.type'),
    postern('send', first, '--url', 'http://127.0.0.1:9'),
    runCommand(['send', first], { cwd: folder, env: { POSTERN_DATABASE: `sqlite:${folder}/elsewhere/postern.db` } }),
    postern('send'),
  ])
  expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining(first) })
  expect(type).toMatchObject({ code: 3, stderr: expect.stringContaining('there are:') })
  expect(away).toMatchObject({ code: 4, stderr: expect.stringContaining('not answered') })
  expect(noSecrets).toMatchObject({ code: 1, stderr: expect.stringContaining('is not set') })
  expect(unsaid).toMatchObject({ code: 1, stderr: expect.stringContaining('--list') })
})
