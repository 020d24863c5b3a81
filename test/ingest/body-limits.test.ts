// How much a body may hold: counted as it comes and as it is inflated, whatever its length claims to be.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine } from '../../adapters/index.ts'
import { basic } from '../../src/checks/basic.ts'
import { BodyReader, InFlight } from '../../src/ingest/body.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type Answer, RawConnection, type RequestOptions, statuses } from '../support/http.ts'
import { ballerineBody, ballerineHeaders, basicHeader } from '../support/signed.ts'

const bodyBytesMax = 100_000
const gzip = { 'Content-Encoding': 'gzip' }
const password = 'arix-pass-word'
const known = { authorization: basicHeader('arix', password) }

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({
    config: {
      sources: {
        ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }), bodyBytesMax }),
        arix: arix({ partner: 'TST', check: basic({ username: 'arix', password }), bodyBytesMax }),
      },
      limits: { requestTimeoutMs: 1_500, headersTimeoutMs: 1_000, bodyBytesInFlightMax: 2_000_000 },
    },
    secrets: [password],
  })
})
afterAll(() => gateway.close())

/** A genuine body of exactly so many bytes. */
function sized(bytes: number, id: string): string {
  const body = ballerineBody(id, '"filler":"#"')
  return body.replace('#', 'x'.repeat(bytes - body.length + 1))
}

type Sent = [name: string, options: (body: string) => RequestOptions]
const ways: Sent[] = [
  ['with its length', body => ({ body, headers: ballerineHeaders(body) })],
  ['chunked', body => ({ body, chunkBytes: 7_001, headers: ballerineHeaders(body) })],
  ['gzipped', body => ({ body: gzipSync(body), headers: { ...ballerineHeaders(body), ...gzip } })],
  [
    'gzipped and chunked',
    body => ({ body: gzipSync(body), chunkBytes: 13, headers: { ...ballerineHeaders(body), ...gzip } }),
  ],
]

describe('a body at its source’s limit', () => {
  test.each(ways)('%s: exactly the limit is taken, one byte more is not', async (name, options) => {
    const full = sized(bodyBytesMax, `full ${name}`)
    const taken = await gateway.request('/hooks/ballerine', { method: 'POST', ...options(full) })
    expect(taken.json).toMatchObject({ status: 'accepted' })
    const { id } = taken.json as { id: string }
    expect((await gateway.api(`/events/${id}/raw`)).text).toBe(full)

    const over = sized(bodyBytesMax + 1, `over ${name}`)
    const events = (await gateway.events()).length
    expectTooLarge(await gateway.request('/hooks/ballerine', { method: 'POST', ...options(over) }))
    expect((await gateway.events()).length).toBe(events)
    const [rejection] = await gateway.rejections()
    expect(rejection).toMatchObject({ source: 'ballerine', status: 413, truncated: true })
    expect(rejection?.reason).toContain(`bodyBytesMax (${bodyBytesMax} bytes)`)
    const kept = await gateway.api(`/rejections/${String(rejection?.id)}/raw`)
    expect(kept.bytes.length).toBeLessThanOrEqual(16_384)
    expect(gateway.lines().some(line => line.level === 50 && line.source === 'ballerine')).toBe(true)
  })

  test('a stranger’s body over the limit is refused for its size; behind Basic, for its password', async () => {
    const body = 'x'.repeat(bodyBytesMax * 3)
    expectTooLarge(await gateway.post('/hooks/ballerine', body))
    expect((await gateway.post('/hooks/arix', body, { authorization: basicHeader('arix', 'no') })).status).toBe(401)
    expectTooLarge(await gateway.post('/hooks/arix', body, known))
  })

  test('the answer reaches a sender who is still sending', async () => {
    expectTooLarge(await gateway.post('/hooks/ballerine', 'x'.repeat(30_000_000)))
  })
})

describe('gzip', () => {
  test('a bomb is refused, however many come at once, and service goes on', async () => {
    const bomb = gzipSync(Buffer.alloc(60_000_000))
    expect(bomb.length).toBeLessThan(bodyBytesMax)
    const bombs = Array.from({ length: 20 }, () => gateway.post('/hooks/ballerine', bomb, gzip))
    for (const { status } of await Promise.all(bombs)) expect([413, 503]).toContain(status)
    const body = ballerineBody('after the bombs')
    expect((await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))).status).toBe(200)
  })

  test('room is taken while it is inflated, not after: no bomb is held that there is no room for', async () => {
    const taken: number[] = []
    class Counting extends InFlight {
      override take(bytes: number, own?: number): boolean {
        taken.push(bytes)
        return super.take(bytes, own)
      }
    }
    const inFlight = new Counting(1_000_000)
    inFlight.take(1)
    const { incoming, server } = await serveOne(gzipSync(Buffer.alloc(8_000_000)))
    const reader = new BodyReader(inFlight)
    expect(await reader.read(incoming, 16_000_000)).toMatchObject({ ok: false, problem: 'no_memory' })
    expect(Math.max(...taken)).toBeLessThanOrEqual(256 * 1024)
    reader.release()
    expect(inFlight.bytes).toBe(1)
    await server.close()
  })

  test.each([
    ['gzip cut short', gzipSync(Buffer.alloc(50_000, 'a line of text that repeats itself. ')).subarray(0, -9)],
    ['gzip with a wrong sum', flipped(gzipSync(pseudoRandom(40_000)), -6)],
  ])('%s: genuine without its body, kept whole as it came; signed in its body, unreadable', async (_name, body) => {
    const genuine = await gateway.post('/hooks/arix', body, { ...known, ...gzip })
    expect([genuine.status, genuine.text]).toEqual([200, expect.stringContaining('quarantined')])
    const { request } = genuine.json as { request: string }
    expect((await gateway.api(`/quarantine/${request}/raw`)).bytes.equals(body)).toBe(true)
    const unreadable = await gateway.post('/hooks/ballerine', body, { ...ballerineHeaders(body), ...gzip })
    expect(unreadable.status).toBe(400)
    expect((await gateway.rejections())[0]).toMatchObject({ source: 'ballerine', status: 400 })
  })

  test('a body that only says it is gzip is checked as it came: a proxy may have inflated it', async () => {
    const body = ballerineBody('inflated on the way')
    const answer = await gateway.post('/hooks/ballerine', body, { ...ballerineHeaders(body), ...gzip })
    expect(answer.json).toMatchObject({ status: 'accepted' })
    const unsigned = await gateway.post('/hooks/ballerine', body, gzip)
    expect(unsigned.status).toBe(401)
  })

  test.each(['GZIP', 'x-gzip', ' gzip '])('%o is gzip', async encoding => {
    const body = ballerineBody(`encoding ${encoding}`)
    const headers = { ...ballerineHeaders(body), 'Content-Encoding': encoding }
    expect((await gateway.post('/hooks/ballerine', gzipSync(body), headers)).json).toMatchObject({ status: 'accepted' })
  })

  test('two gzip members one after another are one body', async () => {
    const body = ballerineBody('members')
    const both = Buffer.concat([gzipSync(body.slice(0, 50)), gzipSync(body.slice(50))])
    const answer = await gateway.post('/hooks/ballerine', both, { ...ballerineHeaders(body), ...gzip })
    expect(answer.json).toMatchObject({ status: 'accepted' })
  })

  test.each(['br', 'deflate', 'gzip, gzip', 'identity'])('%o is not inflated: checked on its bytes', async encoding => {
    const body = ballerineBody(`as it is ${encoding}`)
    const headers = { ...ballerineHeaders(body), 'Content-Encoding': encoding }
    expect((await gateway.post('/hooks/ballerine', body, headers)).json).toMatchObject({ status: 'accepted' })
  })
})

describe('lengths that lie', () => {
  const body = (id: string) => ballerineBody(id)
  const head = (text: string, more: string[]) =>
    [
      'POST /hooks/ballerine HTTP/1.1',
      'Host: gateway',
      ...Object.entries(ballerineHeaders(text)).map(([name, value]) => `${name}: ${value}`),
      ...more,
      '\r\n',
    ].join('\r\n')

  test('a longer one than the body: nothing is stored, and the time limit ends it', async () => {
    const before = await gateway.events()
    const text = body('cut')
    const connection = new RawConnection(gateway.url)
    connection.write(head(text, [`Content-Length: ${text.length + 1}`]) + text)
    expect(statuses(await connection.closed())).toEqual([408])
    expect(await gateway.events()).toEqual(before)
  })

  test('a sender that goes away: nothing is stored', async () => {
    const before = await gateway.events()
    const text = body('gone')
    const connection = new RawConnection(gateway.url)
    const aborted = () => gateway.requests().filter(({ verdict }) => verdict === 'aborted').length
    const earlier = aborted()
    connection.write(head(text, [`Content-Length: ${text.length + 1}`]) + text)
    connection.socket.end()
    await expect.poll(aborted).toBe(earlier + 1)
    expect(await gateway.events()).toEqual(before)
    connection.destroy()
  })

  test('a shorter one than the body: what it counts is the body, and its signature is not that one’s', async () => {
    const before = await gateway.events()
    const text = body('longer')
    const connection = new RawConnection(gateway.url)
    connection.write(head(text, [`Content-Length: ${text.length - 1}`]) + text)
    expect(statuses(await connection.closed()).at(-1)).toBe(400)
    await expect
      .poll(async () => (await gateway.rejections())[0])
      .toMatchObject({ status: 401, bytes: text.length - 1 })
    expect(await gateway.events()).toEqual(before)
  })

  test('a claim of 100 GB, and none of it sent: the answer comes at the limit of what came', async () => {
    const connection = new RawConnection(gateway.url)
    connection.write(head('', ['Content-Length: 100000000000']) + 'x'.repeat(bodyBytesMax + 1))
    expect(statuses(await connection.until(received => received.includes('\r\n\r\n')))).toEqual([413])
    connection.destroy()
  })

  test.each([
    ['two of them', ['Content-Length: 5', 'Content-Length: 6']],
    ['one beside chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['none that is a number', ['Content-Length: 0x10']],
    ['a negative one', ['Content-Length: -1']],
  ])('%s: 400, and the connection ends', async (_name, more) => {
    const connection = new RawConnection(gateway.url)
    connection.write(`${head('', more)}0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(statuses(await connection.closed())).toEqual([400])
  })

  test('several requests in one packet are several requests', async () => {
    const texts = ['one', 'two', 'three'].map(body)
    const connection = new RawConnection(gateway.url)
    connection.write(texts.map(text => head(text, [`Content-Length: ${text.length}`]) + text).join(''))
    const received = await connection.until(text => text.split('"status":"accepted"').length === 4)
    expect(statuses(received)).toEqual([200, 200, 200])
    connection.destroy()
  })

  test('a slow sender is ended by the time limit, and gives back its room', async () => {
    const slow = Array.from({ length: 30 }, () => {
      const connection = new RawConnection(gateway.url)
      connection.write(`${head('', ['Content-Length: 90000'])}${'x'.repeat(60_000)}`)
      return connection
    })
    for (const connection of slow) expect(statuses(await connection.closed())).toEqual([408])
    const text = body('after the slow')
    expect((await gateway.post('/hooks/ballerine', text, ballerineHeaders(text))).status).toBe(200)
  })
})

test('503 with Retry-After while the bodies in flight leave no room; then service as before', async () => {
  const small = await startTestGateway({
    config: {
      sources: { ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) }) },
      limits: { bodyBytesInFlightMax: 100_000 },
    },
  })
  try {
    const holder = new RawConnection(small.url)
    holder.write(`POST /hooks/ballerine HTTP/1.1\r\nHost: x\r\nContent-Length: 60001\r\n\r\n${'x'.repeat(60_000)}`)
    const body = sized(50_000, 'no room')
    const refused = () => small.post('/hooks/ballerine', body, ballerineHeaders(body))
    await expect.poll(async () => (await refused()).status).toBe(503)
    const answer = await refused()
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
    expect(answer.json).toEqual({ type: 'about:blank', title: 'Service Unavailable', status: 503 })
    expect(await small.rejections()).toEqual([])
    // One body is always taken, or the largest never could be.
    holder.write('x')
    await holder.until(received => received.includes('\r\n\r\n'))
    holder.destroy()
    const large = sized(150_000, 'larger than all the room')
    expect((await small.post('/hooks/ballerine', large, ballerineHeaders(large))).json).toMatchObject({
      status: 'accepted',
    })
  } finally {
    await small.close()
  }
})

function expectTooLarge(answer: Answer): void {
  expect(answer.status, answer.text).toBe(413)
  expect(answer.json).toEqual({ type: 'about:blank', title: 'Content Too Large', status: 413 })
}

function flipped(bytes: Buffer, at: number): Buffer {
  bytes.writeUInt8(bytes.at(at)! ^ 1, bytes.length + at)
  return bytes
}

/** Bytes that do not compress. */
function pseudoRandom(length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
    createHash('sha256').update(String(index)).digest(),
  )
  return Buffer.concat(blocks).subarray(0, length)
}

/** A gzipped body as a request of Node's own. */
async function serveOne(body: Buffer) {
  const { promise, resolve } = Promise.withResolvers<IncomingMessage>()
  const server = createServer(incoming => resolve(incoming))
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  const connection = new RawConnection(`http://127.0.0.1:${port}`)
  connection.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`)
  connection.write(body)
  return {
    incoming: await promise,
    server: {
      close: () =>
        new Promise<void>(closed => {
          connection.destroy()
          server.close(() => closed())
        }),
    },
  }
}
