// Senders that take their time hold up nobody else, and not for long.
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { GatewayProcess } from '../support/process.ts'
import { newFolder, removeFolder, startIn } from './gateway.ts'
import { expectKept, inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { signedRequests } from './requests.ts'

/** Several times the limits: none of the senders below ever gets to its end. */
const dripEveryMs = 1_000
const limits = { FAULTS_HEADERS_TIMEOUT_MS: '1000', FAULTS_REQUEST_TIMEOUT_MS: '1500' }

let folder: string
let gateway: GatewayProcess

beforeEach(async () => {
  folder = newFolder()
  gateway = await startIn(folder, limits)
})

afterEach(async () => {
  gateway.kill('SIGKILL')
  await gateway.ended
  removeFolder(folder)
})

/** Sends `begin` at once and `rest` a byte at a time; resolves with what came back once the gateway ends it. */
function drip(url: string, begin: string, rest: string): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let at = 0
    let received = ''
    socket.write(begin)
    const dripping = setInterval(() => socket.write(rest[at++] ?? ''), dripEveryMs)
    socket.setEncoding('latin1').on('data', chunk => {
      received += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearInterval(dripping)
      resolve(received)
    })
  })
}

const [whole] = signedRequests(1)
const head = `POST /hooks/banclo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${whole!.body.length}\r\n`
const half = whole!.body.subarray(0, whole!.body.length / 2).toString()

test.each([
  ['a header a byte a second', `${head.slice(0, 20)}`, head.slice(20)],
  ['a body that stops half way', `${head}\r\n${half}`, ''],
  ['a body a byte a second', `${head}\r\n${half}`, whole!.body.toString().slice(half.length)],
  [
    'a chunked body without an end',
    `${head.replace(/Content-Length.*\r\n/, 'Transfer-Encoding: chunked\r\n')}\r\n5\r\n{"id"\r\n`,
    '',
  ],
  ['nothing at all', '', ''],
])('%s is ended by the time limits while others are served', async (_, begin, rest) => {
  let ended = 0
  const slow = Array.from({ length: 50 }, () => drip(gateway.url, begin, rest).finally(() => ended++))
  const load = new Load({ url: gateway.url, requests: signedRequests(200), connections: 8 })
  await load.acknowledgedSome(20)
  expect(ended, 'the others are served while the slow ones hang on').toBeLessThan(50)
  await load.ended
  expect(load.summary()).toBe('200 × 200')
  for (const answer of await Promise.all(slow)) expect(answer).toMatch(/^($|HTTP\/1.1 408 )/)
  const inbox = await inboxThroughApi(gateway.url)
  expectKept(load.acknowledged, inbox)
  expect(inbox.sequences.size).toBe(200)
  expect(gateway.output(), 'no fault of ours').not.toMatch(/"level":50/)
})
