// SIGTERM in mid-load: whoever had sent a request gets an answer, what was answered is stored, and the process ends.
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hold } from '../../src/store/sqlite/store.ts'
import { type GatewayProcess, startProcess } from '../support/process.ts'
import { databaseIn, newFolder, removeFolder, startIn } from './gateway.ts'
import { expectKept, inboxOf } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

const root = dirname(dirname(import.meta.dirname))
let folder: string
let gateway: GatewayProcess | undefined

beforeEach(() => {
  folder = newFolder()
})

afterEach(async () => {
  gateway?.kill('SIGKILL')
  await gateway?.ended
  gateway = undefined
  removeFolder(folder)
})

test('invariant 1: SIGTERM in mid-load cuts nobody off between request and answer, and ends with 0', async () => {
  const rounds = 4
  const acknowledged = new Set<string>()
  let after = 0
  for (let round = 0; round < rounds; round++) {
    gateway = await startIn(folder)
    const load = new Load({ url: gateway.url, requests: signedRequests(20_000) })
    await load.acknowledgedSome(150 + round * 37)
    const at = performance.now()
    expect(await gateway.stop()).toEqual({ code: 0, signal: null })
    await load.ended
    // What comes on a connection that was open is answered too; only new connections are refused.
    const cut = load.sent.filter(({ status, error }) => status === undefined && error !== 'ECONNREFUSED')
    expect(cut, 'sent and not answered').toEqual([])
    for (const { status } of load.sent) expect([200, 503, undefined]).toContain(status)
    for (const vendorid of load.acknowledged) acknowledged.add(vendorid)
    after += load.sent.filter(({ sentAt = 0, status }) => sentAt > at && status === 200).length
    expectKept(acknowledged, inboxOf(databaseIn(folder)))
    console.log(`SIGTERM: ${load.summary()}, in ${Math.round(performance.now() - at)} ms`)
    expect(performance.now() - at, 'it waits for nobody who is idle').toBeLessThan(5_000)
    expect(await knock(gateway.url)).toBe('ECONNREFUSED')
  }
  console.log(`SIGTERM: ${acknowledged.size} acknowledged, ${after} of them sent after the signal; none lost, none cut`)
})

test('SIGTERM waits for no sender who stops half way', async () => {
  gateway = await startIn(folder, { FAULTS_REQUEST_TIMEOUT_MS: '1500' })
  const { port } = new URL(gateway.url)
  const slow = connect(Number(port), '127.0.0.1')
  slow.on('error', () => {})
  await new Promise<void>(resolve => {
    slow.write('POST /hooks/banclo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"id":', () => resolve())
  })
  const load = new Load({ url: gateway.url, requests: signedRequests(100) })
  await load.ended
  expect(load.count(200)).toBe(100)
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
  slow.destroy()
  expectKept(load.acknowledged, inboxOf(databaseIn(folder)))
})

test.each([
  ['', ''],
  [', though nobody reads its log any more', '| sed -u /ready/q'],
])('under npm, whose shell passes no signal on, it ends when the shell does%s', async (_, reader) => {
  gateway = await startProcess({
    node: '/bin/sh',
    bin: '-c',
    args: [`"$0" "$1/bin/postern.js" ${reader}; exit`, process.execPath, root],
    cwd: folder,
    env: {
      POSTERN_CONFIG: join(root, 'postern.config.ts'),
      POSTERN_DATABASE: `sqlite:${databaseIn(folder)}`,
      npm_lifecycle_event: 'start',
    },
  })
  gateway.kill('SIGTERM')
  if (reader === '') await gateway.line('"msg":"stopping"')
  // Its output is at its end when both are.
  expect(await gateway.ended).toEqual({ code: null, signal: 'SIGTERM' })
  hold(databaseIn(folder)).close()
})

/** The code of the error that a new connection meets. */
function knock(url: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.once('connect', () => socket.destroy()).once('close', () => resolve(undefined))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
  })
}
