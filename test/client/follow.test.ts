// The stream across whatever may befall it, against a server that does what it is told: nothing is missed, nothing comes
// twice, and what will not pass by itself is thrown.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient, type FollowOptions, PosternProblem } from 'postern/client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ServerSentEvents } from '../../src/client/server-sent-events.ts'
import { until } from '../support/until.ts'

type Act = (request: IncomingMessage, response: ServerResponse) => void

let server: Server
let url: string
/** What the next connections meet, in turn; the last one stays. */
let acts: Act[]
let asked: URL[]

beforeEach(async () => {
  acts = []
  asked = []
  server = createServer((request, response) => {
    asked.push(new URL(request.url!, 'http://gateway'))
    const act = acts.length > 1 ? acts.shift()! : acts[0]!
    act(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

const event = (sequence: number) => `data: ${JSON.stringify({ sequence })}\nid: ${sequence}\n\n`
const heartbeat = (position: number) => `:\nid: ${position}\n\n`
const headers = { 'content-type': 'text/event-stream' }
/** Sends the text; then hangs up, ends well, or stays. */
const sends =
  (text: string, then: 'destroy' | 'end' | 'stay' = 'stay'): Act =>
  (_, response) => {
    response.writeHead(200, headers)
    response.write(text, () => {
      if (then !== 'stay') setImmediate(() => response[then]())
    })
  }
const problem =
  (status: number, more: object = {}, extra: Record<string, string> = {}): Act =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json', ...extra })
    response.end(JSON.stringify({ code: 'a_code', detail: 'a detail', status, errors: [], ...more }))
  }

/** The sequences of the first `count` events. */
async function take(count: number, options: FollowOptions = {}): Promise<number[]> {
  const taken: number[] = []
  const client = createClient({ url, token: 'a-token' })
  const events = client.events(
    { type: ['loan.*'], ref: ['a:1', 'b:2'] },
    { retry: { firstMs: 1, longestMs: 4 }, ...options },
  )
  for await (const { sequence } of events) {
    taken.push(sequence as unknown as number)
    if (taken.length === count) break
  }
  return taken
}
const positions = () => asked.map(({ searchParams }) => searchParams.get('after'))

test('goes on behind the last whole event, wherever the connection was cut', async () => {
  const whole = event(1) + heartbeat(5) + event(7) + event(8)
  // At every byte of the third event, its end among them.
  for (let cut = (event(1) + heartbeat(5)).length + 1; cut < whole.length - event(8).length; cut += 3) {
    asked.length = 0
    acts = [sends(whole.slice(0, cut), 'destroy'), sends(event(7) + event(8))]
    expect(await take(3, { after: 0 })).toEqual([1, 7, 8])
    expect(positions()).toEqual(['0', '5'])
  }
  expect(asked[0]!.searchParams.getAll('ref')).toEqual(['a:1', 'b:2'])
})

test('a filter that takes little goes on from where the gateway has looked to, before any event', async () => {
  acts = [sends(heartbeat(40), 'end'), sends(heartbeat(90), 'destroy'), sends(event(91))]
  expect(await take(1)).toEqual([91])
  expect(positions()).toEqual([null, '40', '90'])
})

test('what has been taken counts, not what has come', async () => {
  acts = [sends(event(1) + event(2) + event(3), 'destroy'), sends(event(4))]
  expect(await take(4)).toEqual([1, 2, 3, 4])
  expect(positions()).toEqual([null, '3'])
})

test('leaving the loop ends the connection', async () => {
  let closed = false
  acts = [
    (request, response) => {
      request.socket.once('close', () => {
        closed = true
      })
      sends(event(1))(request, response)
    },
  ]
  expect(await take(1)).toEqual([1])
  await until('the connection has ended', () => closed)
})

test('an abort ends the iteration without an error, at any time', async () => {
  acts = [sends(event(1))]
  const stopping = new AbortController()
  const taken: unknown[] = []
  const client = createClient({ url, token: 'a-token' })
  for await (const each of client.events({}, { signal: stopping.signal })) {
    taken.push(each)
    setTimeout(() => stopping.abort(), 5)
  }
  expect(taken).toHaveLength(1)
  acts = [problem(503, {}, { 'retry-after': '100' })]
  const waiting = new AbortController()
  const events = client.events({}, { signal: waiting.signal, onCut: () => waiting.abort() })
  expect(await events.next()).toEqual({ done: true, value: undefined })
  expect(await client.events({}, { signal: AbortSignal.abort() }).next()).toMatchObject({ done: true })
})

describe('what passes', () => {
  test('a 503 is waited out as long as it asks for, and more the more fail', async () => {
    const waits: number[] = []
    const away = [503, 500, 502, 429, 503].map(status => problem(status, {}, { 'retry-after': '0' }))
    acts = [...away, sends(event(1))]
    const options = { retry: { firstMs: 8, longestMs: 30 }, onCut: (_: Error, waitMs: number) => waits.push(waitMs) }
    expect(await take(1, options)).toEqual([1])
    for (const [index, longest] of [8, 16, 30, 30, 30].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(longest / 2)
      expect(waits[index]).toBeLessThanOrEqual(longest)
    }
    acts = [problem(503, {}, { 'retry-after': '100' })]
    const stopping = new AbortController()
    const onCut = (_: Error, waitMs: number) => {
      waits.push(waitMs)
      stopping.abort()
    }
    expect(await take(1, { ...options, signal: stopping.signal, onCut })).toEqual([])
    expect(waits.at(-1)).toBeGreaterThanOrEqual(100_000)
  })

  test('nobody there, and a silence', async () => {
    const cuts: string[] = []
    const options = { silenceMs: 30, onCut: (error: Error) => cuts.push(error.message) }
    acts = [(_, response) => void response.destroy(), sends(heartbeat(3)), sends(event(4))]
    expect(await take(1, options)).toEqual([4])
    expect(cuts[0]).toMatch(/^no gateway answers: /)
    expect(cuts[1]).toContain('nothing came for 30 ms')
    expect(positions()).toEqual([null, null, '3'])
  })

  test('onOpen is told of each opening', async () => {
    let opened = 0
    acts = [sends(event(1), 'end'), sends(event(2))]
    await take(2, { onOpen: () => opened++ })
    expect(opened).toBe(2)
  })
})

describe('what does not pass is thrown at once', () => {
  test.each([400, 401, 403, 404])('%i', async status => {
    acts = [sends(event(1), 'end'), problem(status, { code: 'the_code' })]
    await expect(take(5)).rejects.toMatchObject({ name: 'PosternProblem', status, code: 'the_code' })
    expect(asked).toHaveLength(2)
  })

  test('410, with the oldest position there is', async () => {
    const errors = [{ parameter: 'after', detail: 'read on from 300', position: '0000000000000300' }]
    acts = [problem(410, { code: 'position_gone', errors })]
    const error = await take(1, { after: '12' }).catch(error => error)
    expect(error).toBeInstanceOf(PosternProblem)
    expect(error).toMatchObject({ status: 410, code: 'position_gone', oldest: '0000000000000300' })
  })

  test('what is no stream', async () => {
    for (const type of ['text/html', 'application/json', 'application/x-ndjson']) {
      acts = [(_, response) => void response.writeHead(200, { 'content-type': type }).end('{}')]
      await expect(take(1)).rejects.toMatchObject({ name: 'PosternProblem', status: 200, code: 'unknown' })
    }
    expect(asked).toHaveLength(3)
  })
})

test('the stream is taken apart whatever its line ends, and wherever it is cut', () => {
  const text = 'retry: 1\n:\nid: 4\n\ndata: {"a":\r\ndata: "\u2028"}\rid: 5\r\n\r\ndata:x\nid\n\nid: 6\0\ndata: y\n\n'
  const blocks = [
    { data: undefined, id: '4' },
    { data: '{"a":\n"\u2028"}', id: '5' },
    { data: 'x', id: '' },
    { data: 'y', id: '' },
  ]
  for (let cut = 0; cut <= text.length; cut++) {
    const stream = new ServerSentEvents()
    expect([...stream.push(text.slice(0, cut)), ...stream.push(text.slice(cut))]).toEqual(blocks)
  }
})
