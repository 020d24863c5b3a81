// Where calls may go: by address, by name, and by a name that changes its mind.
import { lookup as systemLookup } from 'node:dns/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEgress, EgressRefused, type Resolve } from '../../src/delivery/egress.ts'
import { addressKinds } from '../../src/delivery/egress-addresses.ts'
import { answers, startSubscriber } from '../support/subscriber.ts'
import { attemptOf, destinationTo } from './http-attempt.ts'

const open = createEgress({ allowPrivate: true, allow: [] })
const closed = createEgress({ allowPrivate: false, allow: [] })

const always = [
  // link-local, and the metadata of clouds
  '169.254.0.1',
  '169.254.169.254',
  '169.254.170.2',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fd00:ec2::254',
  'fd00:ec2::23',
  '100.100.100.200',
  '168.63.129.16',
  '192.0.0.192',
  'fd20:ce::254',
  'fd00:42::42',
  // unspecified, this network, multicast, broadcast
  '0.0.0.0',
  '0.1.2.3',
  '::',
  '224.0.0.1',
  '239.255.255.250',
  'ff02::1',
  '255.255.255.255',
  // the same in other clothes
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '::ffff:0.0.0.0',
  '::169.254.169.254',
  '::a9fe:a9fe',
  '::ffff:0:169.254.169.254',
  '64:ff9b::169.254.169.254',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::a9fe:a9fe',
  '64:ff9b:1::8.8.8.8',
  '2002:a9fe:a9fe::1',
  '2002:0:0::1',
  '2001:0:808:808::5601:5601',
  '2001:0:a9fe:a9fe::f7f7:f7f7',
  '::ffff:100.100.100.200',
  // no address at all
  'localhost',
  '',
  '1.2.3',
  '010.0.0.1',
  '1.2.3.4.5',
  'fe80::1::2',
]
const inside = [
  '127.0.0.1',
  '127.255.0.1',
  '::1',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '198.18.0.1',
  '240.0.0.1',
  '192.0.2.1',
  'fc00::1',
  'fdff::1',
  'fec0::1',
  '100::1',
  '2001:db8::1',
  '4000::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::127.0.0.1',
  '::7f00:1',
  '64:ff9b::10.0.0.1',
  '2002:7f00:1::',
  '2002:c0a8:101::1',
]
const outside = [
  '8.8.8.8',
  '1.1.1.1',
  '172.32.0.1',
  '172.15.0.1',
  '169.253.0.1',
  '100.128.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450::1',
  '::ffff:8.8.8.8',
  '::808:808',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
]

describe('addresses', () => {
  test.each(always)('%j is never called, whatever is allowed', async address => {
    const allow = ['0.0.0.0/0', '::/0']
    const egress = createEgress({ allowPrivate: true, allow, resolve: async () => [{ address, family: 4 }] })
    await expect(egress.check('a.test')).rejects.toThrow(EgressRefused)
    expect(addressKinds(address).some(({ kind }) => kind.reach === 'forbidden')).toBe(true)
  })

  test.each(inside)('%s is called only where private networks are', async address => {
    await expect(closed.check(address)).rejects.toThrow(/egress\.allow/)
    await open.check(address)
  })

  test.each(outside)('%s is called', async address => {
    await closed.check(address)
    await open.check(address)
  })

  test('in networks that are allowed are called, and others not', async () => {
    const some = createEgress({ allowPrivate: false, allow: ['10.1.0.0/16', '127.0.0.1', 'fd12::/16'] })
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '64:ff9b::10.1.2.3', '127.0.0.1', '[fd12::1]']) {
      await some.check(address)
    }
    for (const address of ['10.2.0.1', '127.0.0.2', 'fd13::1', '[::1]', '64:ff9b::10.2.0.1']) {
      await expect(some.check(address)).rejects.toThrow(EgressRefused)
    }
  })

  test('of all IPv4 those that IPv6 carries are judged as they are', () => {
    fc.assert(
      fc.property(fc.ipV4(), address => {
        const [kind] = addressKinds(address)
        for (const carried of [`::ffff:${address}`, `64:ff9b::${address}`]) {
          expect(addressKinds(carried)[0]).toEqual(kind)
        }
      }),
    )
  })

  test('a network that is none is said so', () => {
    expect(() => createEgress({ allowPrivate: false, allow: ['10.0.0.0/33'] })).toThrow(/10\.0\.0\.0\/33/)
  })
})

describe('names', () => {
  const resolving =
    (...addresses: string[]): Resolve =>
    async () =>
      addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))

  test('each address is checked: one that may not be called is enough to refuse', async () => {
    const egress = createEgress({ allowPrivate: true, allow: [], resolve: resolving('127.0.0.1', '169.254.169.254') })
    await expect(egress.check('a.test')).rejects.toThrow(
      'a.test resolves to 169.254.169.254, which is never called: link-local',
    )
    const some = createEgress({ allowPrivate: false, allow: [], resolve: resolving('8.8.8.8', '::1') })
    await expect(some.check('a.test')).rejects.toThrow(
      'a.test resolves to ::1, which is loopback and not in egress.allow',
    )
  })

  test('are looked up once for all who ask at the same time', async () => {
    let asked = 0
    const { promise, resolve } = Promise.withResolvers<[{ address: string; family: number }]>()
    const look = () => {
      asked++
      return promise
    }
    const egress = createEgress({ allowPrivate: false, allow: [], resolve: look })
    const checks = [egress.check('a.test'), egress.check('a.test')]
    resolve([{ address: '8.8.8.8', family: 4 }])
    await Promise.all(checks)
    await egress.check('a.test')
    expect(asked).toBe(2)
  })
})

describe('connections', () => {
  test('go to the address that was checked, and the name is not looked up again', async () => {
    const subscriber = await startSubscriber()
    const asked: string[] = []
    // A name whose server gives another answer the second time.
    const resolve: Resolve = async host => {
      asked.push(host)
      return [{ address: asked.length === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]
    }
    const egress = createEgress({ allowPrivate: true, allow: [], resolve })
    const url = `http://rebound.test:${subscriber.port}/events`
    const to = destinationTo(url, {}, { egress, connections: 1 })
    expect(await to.attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
    expect(asked).toEqual(['rebound.test'])
    expect(subscriber.received[0]!.headers.host).toBe(`rebound.test:${subscriber.port}`)
    // The next connection is checked anew.
    subscriber.behave(answers(204, { connection: 'close' }))
    await to.attempt(attemptOf())
    await subscriber.idle()
    expect(await to.attempt(attemptOf())).toMatchObject({
      result: 'failed',
      reason: 'rebound.test resolves to 169.254.169.254, which is never called: link-local',
    })
    expect(subscriber.received).toHaveLength(2)
    await to.close()
    await subscriber.close()
  })

  test('may try each of several addresses that were checked', async () => {
    const subscriber = await startSubscriber()
    const resolve: Resolve = async () => [
      { address: '127.0.0.99', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ]
    const to = destinationTo(
      `http://two.test:${subscriber.port}/`,
      {},
      { egress: createEgress({ allowPrivate: true, allow: [], resolve }) },
    )
    expect(await to.attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
    await to.close()
    await subscriber.close()
  })

  test.each([
    'http://127.0.0.1',
    'http://2130706433',
    'http://0x7f.1',
    'http://017700000001',
    'http://127.1',
    'http://１２７.0.0.1',
    'http://127.0.0.1.',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://localhost',
    'http://localhost.',
    'http://0/',
    'http://0.0.0.0',
    'http://[::]',
  ])('%s does not get past it', async base => {
    const subscriber = await startSubscriber()
    const url = new URL(base)
    url.port = String(subscriber.port)
    const to = destinationTo(String(url), {}, { egress: closed })
    expect(await to.attempt(attemptOf())).toMatchObject({
      result: 'failed',
      status: null,
      reason: expect.stringMatching(/never called|egress\.allow|ENOTFOUND localhost\.$/),
    })
    expect(subscriber.connections).toBe(0)
    await to.close()
    await subscriber.close()
  })

  test('a name that there is not', async () => {
    const resolve: Resolve = () => systemLookup('nowhere.invalid', { all: true })
    const to = destinationTo(
      'http://nowhere.invalid/',
      {},
      { egress: createEgress({ allowPrivate: false, allow: [], resolve }) },
    )
    expect(await to.attempt(attemptOf())).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
    })
    await to.close()
  })

  test('a name that nothing is known of, and one whose look-up never ends', async () => {
    const none = destinationTo(
      'http://none.test/',
      {},
      { egress: createEgress({ allowPrivate: false, allow: [], resolve: async () => [] }) },
    )
    expect(await none.attempt(attemptOf())).toMatchObject({ reason: 'getaddrinfo ENOTFOUND none.test' })
    await none.close()
    const egress = createEgress({ allowPrivate: false, allow: [], resolve: () => new Promise(() => {}) })
    const silent = destinationTo('http://silent.test/', { connectTimeoutMs: 100 }, { egress })
    expect(await silent.attempt(attemptOf())).toMatchObject({ reason: 'no connection within 100 ms' })
    await silent.close()
  })
})
