// `postern events export` as a process, where the disk is full, the connection is cut or nobody reads on: no line is lost,
// none comes twice, and an export that is not whole says from where to go on.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-export-'))
const last = 1000
/** A kilobyte: all of them are several chunks, of which some fit within the limit of a file below. */
const lineOf = (number: number) => `${JSON.stringify({ sequence: String(number), data: 'é'.repeat(480) })}\n`

let server: Server
let url: string
/** How many lines a connection lasts. */
let linesMax: number
beforeAll(async () => {
  server = createServer((request, response) => {
    const after = Number(new URL(request.url!, 'http://gateway').searchParams.get('after') ?? 0)
    const count = Math.min(linesMax, last - after)
    const lines = Array.from({ length: count }, (_, index) => lineOf(after + index + 1)).join('')
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    if (after + count === last) response.end(lines)
    else response.write(lines + lineOf(0).slice(0, 100), () => setImmediate(() => response.destroy()))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

const run = (shell: string, ...args: string[]) =>
  runCommand(['events', 'export', ...args], { cwd: folder, shell, env: { POSTERN_URL: url, POSTERN_TOKEN: 'a-token' } })
const all = Array.from({ length: last }, (_, index) => lineOf(index + 1)).join('')
const read = (name: string) => readFileSync(join(folder, name), 'utf8')

test.each([
  ['--output', 'exec "$@" --output'],
  ['standard output', 'exec "$@" >'],
])('a full disk under %s: only whole lines are left, and the rest follows from the position', async (name, shell) => {
  linesMax = last
  const [cut, rest] = [`${name} cut`, `${name} rest`]
  const { code, stderr } = await run(`ulimit -f 1200; ${shell} '${cut}'`)
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/EFBIG.*--after \d+\n$/) })
  const position = /--after (\d+)/.exec(stderr)![1]!
  expect(Number(position)).toBeGreaterThan(0)
  expect(await run(`${shell} '${rest}'`, '--after', position)).toMatchObject({ code: 0 })
  // Of what the shell has opened nothing can be taken back.
  const kept =
    name === '--output' ? read(cut) : read(cut).split('\n').slice(0, Number(position)).join('\n').concat('\n')
  expect(kept + read(rest) === all).toBe(true)
})

test('nothing can be written at all', async () => {
  linesMax = last
  const { code, stderr } = await run('exec "$@" > /dev/full')
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/ENOSPC.*--after 0\n$/) })
})

test('cut many times, it goes on as long as it comes further', async () => {
  linesMax = 120
  const { code, stdout, stderr } = await run('exec "$@"')
  expect([code, stdout === all]).toEqual([0, true])
  expect(stderr).toMatch(/^(— cut after \d+ events: going on\n){8}1,000 events\n$/)
})

test('who reads no further ends it quietly', async () => {
  linesMax = last
  const { stdout, stderr } = await run('{ "$@"; echo "ended with $?" >&2; } | head -n 1')
  expect({ stdout, stderr }).toEqual({ stdout: lineOf(1), stderr: 'ended with 0\n' })
})
