// How an attempt gets there: one pool a destination, TLS with certificates of both sides, and proxies.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { Destination } from '../../src/delivery/destination.ts'
import { createEgress } from '../../src/delivery/egress.ts'
import { type ForwardProxy, startForwardProxy } from '../support/forward-proxy.ts'
import { answers, inTurn, never, type Subscriber, slow, startSubscriber } from '../support/subscriber.ts'
import { attemptOf, destinationTo, secretA } from './http-attempt.ts'

const pem = (name: string) => readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tls', name), 'utf8')
const ca = pem('ca.pem')
const server = { cert: pem('server.pem'), key: pem('server.key') }
const client = { cert: pem('client.pem'), key: pem('client.key') }

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})
function opened<Thing extends { close(): Promise<void> }>(thing: Thing): Thing {
  open.push(thing)
  return thing
}
const started = async (...[options]: Parameters<typeof startSubscriber>): Promise<Subscriber> =>
  opened(await startSubscriber(options))
const proxied = async (...[options]: Parameters<typeof startForwardProxy>): Promise<ForwardProxy> =>
  opened(await startForwardProxy(options))
const to = (...args: Parameters<typeof destinationTo>): Destination => opened(destinationTo(...args))

describe('the pool', () => {
  test('has no more connections than it may, and keeps them', async () => {
    const subscriber = await started({ behaviour: slow(5) })
    const destination = to(subscriber.url, {}, { connections: 3 })
    const all = Array.from({ length: 60 }, (_, index) => destination.attempt(attemptOf({ number: index + 1 })))
    expect(new Set((await Promise.all(all)).map(({ result }) => result))).toEqual(new Set(['succeeded']))
    expect(subscriber.received).toHaveLength(60)
    expect(subscriber.connections).toBe(3)
  })

  test('is its own: one destination that never answers takes nothing from another', async () => {
    const silent = await started({ behaviour: never })
    const well = await started()
    const stuck = to(silent.url, {}, { connections: 2 })
    const waiting = [1, 2, 3, 4].map(number => stuck.attempt(attemptOf({ number })))
    await silent.atLeast(2)
    expect(await to(well.url).attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
    await stuck.close()
    expect((await Promise.all(waiting)).map(({ result }) => result)).toEqual(waiting.map(() => 'released'))
  })

  test('an attempt that waits for a connection until its time is over is not sent afterwards', async () => {
    const subscriber = await started({ behaviour: inTurn(slow(300), answers(204)) })
    const destination = to(subscriber.url, {}, { connections: 1 })
    const first = destination.attempt(attemptOf())
    await subscriber.atLeast(1)
    expect(await destination.attempt(attemptOf({ number: 2, timeoutMs: 50 }))).toMatchObject({
      result: 'failed',
      reason: 'no connection within 50 ms',
    })
    expect(await first).toMatchObject({ result: 'succeeded' })
    expect(await destination.attempt(attemptOf({ number: 3 }))).toMatchObject({ result: 'succeeded' })
    expect(subscriber.received.map(({ headers }) => headers['postern-attempt'])).toEqual(['1', '3'])
  })

  test('a connection that was closed while idle is replaced, and nothing fails', async () => {
    const subscriber = await started({ behaviour: answers(204, { connection: 'close' }) })
    const destination = to(subscriber.url, {}, { connections: 1 })
    for (let number = 1; number <= 5; number++) {
      expect(await destination.attempt(attemptOf({ number }))).toMatchObject({ result: 'succeeded' })
    }
    expect(subscriber.connections).toBe(5)
  })
})

describe('TLS', () => {
  test("with the client's certificate, where it is asked for, and the server's checked by its own authority", async () => {
    const subjects: string[] = []
    const subscriber = await started({
      tls: { ...server, ca, requestCert: true, rejectUnauthorized: true },
      behaviour: ({ socket, response }) => {
        subjects.push(String((socket as TLSSocket).getPeerCertificate().subject.CN))
        response.writeHead(204).end()
      },
    })
    expect(await to(subscriber.url, { tls: { ...client, ca } }).attempt(attemptOf())).toMatchObject({
      result: 'succeeded',
    })
    expect(subjects).toEqual(['postern'])
    const bare = await to(subscriber.url, { tls: { ca } }).attempt(attemptOf())
    expect(bare).toMatchObject({ result: 'failed', status: null })
    expect(subscriber.received).toHaveLength(1)
  })

  test('by name and by address; a name that is not in the certificate is refused', async () => {
    const subscriber = await started({ tls: server })
    const named = (host: string) => subscriber.url.replace('127.0.0.1', host)
    const egress = createEgress({
      allowPrivate: true,
      allow: [],
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    })
    const over = (host: string) => to(named(host), { tls: { ca } }, { egress }).attempt(attemptOf())
    expect(await over('127.0.0.1')).toMatchObject({ result: 'succeeded' })
    expect(await over('localhost')).toMatchObject({ result: 'succeeded' })
    expect(await over('other.test')).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(/ERR_TLS_CERT_ALTNAME_INVALID/),
    })
    expect(subscriber.received).toHaveLength(2)
  })

  test('an authority that nobody named is refused', async () => {
    const subscriber = await started({ tls: server })
    expect(await to(subscriber.url).attempt(attemptOf())).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(/UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED/),
    })
    expect(subscriber.received).toHaveLength(0)
  })

  test('a server that never shakes hands is given up after the time for connecting', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const accepted = once(silent, 'connection')
    const { port } = silent.address() as AddressInfo
    const outcome = await to(`https://127.0.0.1:${port}/`, { connectTimeoutMs: 150 }).attempt(attemptOf())
    expect(outcome).toMatchObject({ result: 'failed', status: null, reason: 'no connection within 150 ms' })
    const [socket] = (await accepted) as [Socket]
    socket.destroy()
    silent.close()
  })

  test('a key that is none is a failed attempt, and its text is not told', async () => {
    const subscriber = await started({ tls: server })
    const outcome = await to(subscriber.url, { tls: { cert: 'hunter2', key: 'hunter3' } }).attempt(attemptOf())
    expect(outcome).toMatchObject({ result: 'failed', status: null })
    expect(outcome.reason).not.toMatch(/hunter/)
  })
})

describe('a proxy', () => {
  test('is asked for a tunnel to https, which nobody between can read', async () => {
    const subscriber = await started({ tls: { ...server, ca, requestCert: true, rejectUnauthorized: true } })
    const proxy = await proxied()
    const spec = { proxy: proxy.url, tls: { ...client, ca }, secrets: [secretA] }
    const destination = to(subscriber.url, spec, { connections: 1 })
    for (const number of [1, 2]) {
      expect(await destination.attempt(attemptOf({ number }))).toMatchObject({ result: 'succeeded', status: 204 })
    }
    expect(proxy.asked).toEqual([`CONNECT 127.0.0.1:${subscriber.port}`])
    expect(subscriber.received[0]!.headers).not.toHaveProperty('proxy-authorization')
  })

  test('is given plain http with the whole URL', async () => {
    const subscriber = await started({ behaviour: answers(503, { 'retry-after': '7' }, 'later') })
    const proxy = await proxied()
    expect(await to(subscriber.url, { proxy: proxy.url }).attempt(attemptOf())).toMatchObject({
      result: 'failed',
      status: 503,
      answer: 'later',
      retryAfterMs: 7_000,
    })
    expect(proxy.asked).toEqual([`POST ${subscriber.url}`])
    expect(subscriber.received[0]!.headers.host).toBe(`127.0.0.1:${subscriber.port}`)
  })

  test.each(['http', 'https'])('that wants credentials gets them, and its refusal is a failure: %s', async scheme => {
    const subscriber = await started(scheme === 'https' ? { tls: server } : {})
    const proxy = await proxied({ credentials: 'me:hunter2' })
    const tls = { ca }
    const known = proxy.url.replace('http://', 'http://me:hunter2@')
    expect(await to(subscriber.url, { proxy: known, tls }).attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
    const wrong = proxy.url.replace('http://', 'http://me:hunter3@')
    const outcome = await to(subscriber.url, { proxy: wrong, tls }).attempt(attemptOf())
    expect(outcome).toMatchObject({ result: 'failed', reason: expect.stringMatching(/407/) })
    expect(outcome.reason).not.toMatch(/hunter/)
    expect(subscriber.received).toHaveLength(1)
    expect(subscriber.received[0]!.headers).not.toHaveProperty('proxy-authorization')
  })

  test("does not save from the check of the destination's addresses, nor is it itself exempt", async () => {
    const proxy = await proxied()
    const url = 'http://169.254.169.254/latest/meta-data'
    expect(await to(url, { proxy: proxy.url }).attempt(attemptOf())).toMatchObject({
      result: 'failed',
      reason: '169.254.169.254, which is never called: link-local',
    })
    const resolve = async () => [{ address: '169.254.169.254', family: 4 }]
    const egress = createEgress({ allowPrivate: true, allow: [], resolve })
    expect(await to('https://a.test/', { proxy: proxy.url }, { egress }).attempt(attemptOf())).toMatchObject({
      reason: 'a.test resolves to 169.254.169.254, which is never called: link-local',
    })
    for (const destination of ['http://8.8.8.8/', 'https://8.8.8.8/']) {
      const outcome = await to(destination, { proxy: 'http://169.254.169.254:3128' }).attempt(attemptOf())
      expect(outcome).toMatchObject({ reason: '169.254.169.254, which is never called: link-local' })
    }
    expect(proxy.asked).toEqual([])
  })

  test('closing releases what goes through it', async () => {
    const tunnelled = await started({ tls: server, behaviour: never })
    const plain = await started({ behaviour: never })
    const proxy = await proxied()
    for (const subscriber of [tunnelled, plain]) {
      const destination = to(subscriber.url, { proxy: proxy.url, tls: { ca } })
      const outcome = destination.attempt(attemptOf())
      await subscriber.atLeast(1)
      await destination.close()
      expect((await outcome).result).toBe('released')
    }
  })

  test('is left to judge a name that only it knows', async () => {
    const subscriber = await started()
    const proxy = await proxied({ hosts: { 'inside.test': '127.0.0.1' } })
    const resolve = () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }))
    const egress = createEgress({ allowPrivate: true, allow: [], resolve })
    const url = `http://inside.test:${subscriber.port}/events`
    expect(await to(url, { proxy: proxy.url }, { egress }).attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
  })

  test('that never opens the tunnel does not hold its place for ever', async () => {
    const proxy = await proxied({ silent: true })
    const destination = to('https://127.0.0.1:9/', { proxy: proxy.url, connectTimeoutMs: 150 }, { connections: 1 })
    for (const number of [1, 2]) {
      expect(await destination.attempt(attemptOf({ number }))).toMatchObject({
        result: 'failed',
        reason: 'no connection within 150 ms',
      })
    }
    expect(proxy.asked).toHaveLength(2)
  })

  test('that is not there, and one that refuses the tunnel', async () => {
    const gone = await proxied()
    await gone.close()
    const outcome = await to('https://127.0.0.1:9/', { proxy: gone.url }).attempt(attemptOf())
    expect(outcome).toMatchObject({ result: 'failed', reason: expect.stringMatching(/ECONNREFUSED/) })
  })
})
