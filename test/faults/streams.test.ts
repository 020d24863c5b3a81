// Readers of the log across ends of the gateway, announced and not: neither a stream nor a page that waits misses or
// doubles an event, and neither keeps the gateway from ending.
import { setTimeout as after } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamReader } from '../support/event-stream.ts'
import type { GatewayProcess } from '../support/process.ts'
import { until } from '../support/until.ts'
import { get, newFolder, removeFolder, startIn, token } from './gateway.ts'
import { inboxThroughApi } from './inbox.ts'
import { Load } from './load.ts'
import { chance, seedOfRun, signedRequests } from './requests.ts'

const rounds = 6
const perRound = 4_000

let folder: string
let gateway: GatewayProcess

beforeEach(async () => {
  folder = newFolder()
  gateway = await startIn(folder)
})
afterEach(async () => {
  gateway.kill('SIGKILL')
  await gateway.ended
  removeFolder(folder)
})

/** One that follows the log for as long as it is told to; what it has seen, in order. */
interface Follower {
  readonly seen: string[]
  /** Sequences, to compare with the log's order. */
  readonly sequences: string[]
  /** The last sequence that it has come to. */
  position(): string
  stop(): Promise<void>
}

/** Where the gateway is at the moment: it has another port after each start. */
type Where = () => string

function streamer(where: Where): Follower {
  const seen: string[] = []
  const sequences: string[] = []
  let isStopped = false
  let reader: StreamReader | undefined
  const running = (async () => {
    let lastEventId = ''
    while (!isStopped) {
      try {
        const options = lastEventId === '' ? { query: '?after=0' } : { lastEventId }
        reader = await StreamReader.open(where(), { token, ...options })
      } catch {
        // Between two gateways.
        await after(20)
        continue
      }
      expect(reader.status, reader.text).toBe(200)
      reader.keepsText = false
      await reader.over().catch(() => {})
      for (const { data, lastEventId: sequence } of reader.parser.events) {
        seen.push((JSON.parse(data) as { vendorid: string }).vendorid)
        sequences.push(sequence)
      }
      lastEventId = reader.lastEventId
    }
  })()
  const stop = () => {
    isStopped = true
    reader?.cut()
    return running
  }
  return { seen, sequences, position: () => reader?.lastEventId ?? '', stop }
}

function poller(where: Where): Follower {
  const seen: string[] = []
  const sequences: string[] = []
  let position = '0'
  let isStopped = false
  const running = (async () => {
    while (!isStopped) {
      try {
        const response = await get(`${where()}/api/v1/events?after=${position}&wait=1&limit=200`)
        if (response.status === 503) continue
        expect(response.status).toBe(200)
        const page = (await response.json()) as { items: { vendorid: string; sequence: string }[]; position: string }
        for (const item of page.items) {
          seen.push(item.vendorid)
          sequences.push(item.sequence)
        }
        position = page.position
      } catch (error) {
        if (error instanceof Error && error.name === 'AssertionError') throw error
        await after(20)
      }
    }
  })()
  const stop = () => {
    isStopped = true
    return running
  }
  return { seen, sequences, position: () => position, stop }
}

test.each([['SIGTERM'], ['SIGKILL']] as const)('a %s at random moments under load', async signal => {
  const random = chance(seedOfRun(`readers and ${signal}`))
  const where = () => gateway.url
  const followers = [streamer(where), streamer(where), poller(where)]
  const acknowledged = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    const load = new Load({ url: gateway.url, requests: signedRequests(perRound), connections: 8 })
    // The moment of the end is the fault itself.
    await load.acknowledgedSome(100)
    await after(random() * 400)
    const began = performance.now()
    gateway.kill(signal)
    const ended = await gateway.ended
    if (signal === 'SIGTERM') {
      expect(ended).toEqual({ code: 0, signal: null })
      expect(performance.now() - began, 'it waits for no reader').toBeLessThan(5_000)
    }
    await load.ended
    for (const vendorid of load.acknowledged) acknowledged.add(vendorid)
    gateway = await startIn(folder)
  }
  const { sequences } = await inboxThroughApi(gateway.url)
  expect(acknowledged.size).toBeGreaterThan(rounds * 10)
  const inOrder = [...sequences].sort(([, a], [, b]) => a - b).map(([vendorid]) => vendorid)
  const head = String(sequences.size).padStart(16, '0')
  await until('all have come to the end', () => followers.every(({ position }) => position() === head))
  for (const follower of followers) {
    await follower.stop()
    expect(follower.sequences).toEqual([...new Set(follower.sequences)].sort())
    expect(follower.seen).toEqual(inOrder)
  }
  for (const vendorid of acknowledged) expect(sequences.has(vendorid)).toBe(true)
  console.log(`readers: ${rounds} × ${signal}, ${inOrder.length} events, none missed, none doubled by 3 readers`)
  expect(gateway.output(), 'no fault of ours').not.toMatch(/"level":50/)
})
