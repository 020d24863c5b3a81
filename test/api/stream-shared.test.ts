// What many readers cost: the end of the log is read once for all of them, large originals are bounded over all of them.
import { setTimeout as after } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { adminPrincipal } from '../../src/api/access.ts'
import { Readers } from '../../src/api/readers.ts'
import type { SharedEvent } from '../../src/api/shared-event.ts'
import { Tail } from '../../src/api/tail.ts'
import type { StoredEvent } from '../../src/store/record.ts'
import type { EventQuery, Store } from '../../src/store/store.ts'
import { StreamReader } from '../support/event-stream.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { plain } from '../support/plain-adapter.ts'
import { until } from '../support/until.ts'

/** A log in memory that counts how often it is asked. */
class CountedLog {
  lists = 0
  head = 0
  fails = false
  readonly #listeners = new Set<() => void>()

  append(count: number): void {
    this.head += count
    for (const listener of this.#listeners) listener()
  }

  get followers(): number {
    return this.#listeners.size
  }

  readonly store = {
    list: ({ from = 0, limit }: EventQuery) => {
      this.lists++
      if (this.fails) return Promise.reject(new Error('the log cannot be read'))
      const last = Math.min(this.head, from + limit)
      const events = Array.from({ length: last - from }, (_, index) => stored(from + 1 + index))
      return Promise.resolve({ events, next: last < this.head ? last : null, position: last })
    },
    extent: () => Promise.resolve({ head: this.head, oldest: Math.min(1, this.head), epoch: 'e' }),
    onAppended: (listener: () => void) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
  } as unknown as Store
}

const data = JSON.stringify({ refs: { loan: '1' } })
function stored(sequence: number): StoredEvent {
  const names = { source: 's', vendor: 'v', type: 'loan.created', vendortype: 'x', namespace: 's' }
  const nothing = { environment: null, subject: null, vendorid: null, vendortime: null, time: null, sameas: null }
  return { ...names, ...nothing, id: Buffer.alloc(16, sequence), sequence, received: 0, data, traceparent: null }
}

const quiet = { error() {}, warn() {}, info() {} } as never
let log: CountedLog
let tail: Tail
beforeEach(() => {
  log = new CountedLog()
  log.append(50)
  tail = new Tail({ store: log.store, requestOf: () => Promise.resolve(undefined), log: quiet })
})

/** A reader that takes all that the tail has for it. */
async function taker() {
  const taken: SharedEvent[] = []
  let wakes = 0
  let position = 0
  const leave = await tail.join(() => {
    wakes++
    for (let next = tail.next(position); next !== undefined; next = tail.next(position)) {
      taken.push(next)
      position = next.event.sequence
    }
  })
  position = tail.position
  return { taken, leave, wakes: () => wakes }
}

describe('the end of the log', () => {
  test('is read once for a hundred readers, who share each event and its text', async () => {
    const takers = await Promise.all(Array.from({ length: 100 }, taker))
    await until('it has looked', () => log.lists > 0)
    log.lists = 0
    for (let each = 0; each < 20; each++) {
      log.append(5)
      await until('it has come to all', () => takers.every(({ taken }) => taken.at(-1)?.event.sequence === log.head))
    }
    expect(log.lists).toBe(20)
    const [first, ...others] = takers
    expect(first!.taken).toHaveLength(100)
    expect(first!.wakes()).toBe(20)
    for (const { taken } of others) expect(taken.every((event, index) => event === first!.taken[index])).toBe(true)
    const [event] = first!.taken
    expect(event!.block('open')).toBe(event!.block('open'))
  })

  test('is one read for what is committed in quick succession', async () => {
    const { taken } = await taker()
    await until('it has looked', () => log.lists === 1)
    for (let each = 0; each < 150; each++) log.append(1)
    await until('all has come', () => taken.length === 150)
    expect(log.lists).toBeLessThanOrEqual(3)
  })

  test('is followed while anybody is there, and joined where it is then', async () => {
    expect(log.followers).toBe(0)
    const [one, two] = [await taker(), await taker()]
    expect(log.followers).toBe(1)
    one.leave()
    one.leave()
    expect(log.followers).toBe(1)
    two.leave()
    expect(log.followers).toBe(0)
    log.lists = 0
    log.append(1_000_000)
    expect(log.lists).toBe(0)
    const late = await taker()
    expect(tail.position).toBe(log.head)
    log.append(1)
    await until('the newest has come', () => late.taken.length === 1)
    expect(late.taken[0]!.event.sequence).toBe(log.head)
  })

  test('holds a thousand; whoever is further behind reads for itself', async () => {
    const { taken } = await taker()
    log.append(3_000)
    await until('all has come', () => taken.length === 3_000)
    expect([tail.isBehind(50), tail.isBehind(2_049), tail.isBehind(2_050)]).toEqual([true, true, false])
    expect(tail.next(2_050)!.event.sequence).toBe(2_051)
    expect(tail.next(tail.position)).toBeUndefined()
  })

  test('one that begins anew while it reads holds nothing of before: nobody skips what lies between', async () => {
    const leave = await tail.join(() => {})
    await until('it has come to the end', () => log.lists === 1)
    log.append(3)
    // It waits for its pace to read these, and what it reads comes after the head that it begins with anew.
    leave()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const { promise: read, resolve: answer } = Promise.withResolvers<void>()
    const { extent, list } = log.store
    log.store.extent = () => begun.then(extent)
    log.store.list = async query => {
      const page = await list(query)
      await read
      return page
    }
    const joined = tail.join(() => {})
    await after(30)
    log.append(2)
    begin()
    await joined
    Object.assign(log.store, { extent, list })
    answer()
    log.append(1_000)
    await until('it has come to the end again', () => tail.position === log.head)
    expect(tail.isBehind(53)).toBe(true)
  })

  test('holds no more than 8 MiB, the texts made of its events counted', async () => {
    const { taken } = await taker()
    const body = Buffer.from(JSON.stringify('z'.repeat(1024 * 1024)))
    const large = new Tail({
      store: log.store,
      requestOf: () => Promise.resolve({ body, query: '' } as never),
      log: quiet,
    })
    const leave = await large.join(() => {})
    log.append(100)
    await until('all has come', () => large.position === log.head && taken.length === 100)
    for (let position = 50; position < log.head; position++) await large.next(position)!.block('all')
    expect([large.isBehind(log.head - 9), large.isBehind(log.head - 7)]).toEqual([true, false])
    leave()
  })

  test('that could not be read is read again', async () => {
    const { taken } = await taker()
    await until('it has looked', () => log.lists === 1)
    log.fails = true
    log.append(1)
    await until('it has failed', () => log.lists === 2)
    log.fails = false
    await until('it has come', () => {
      tail.look()
      return taken.length === 1
    })
  })

  test('that cannot be followed is said to whoever joins, and tried anew by the next', async () => {
    const { extent } = log.store
    log.store.extent = () => Promise.reject(new Error('the log cannot be read'))
    await expect(tail.join(() => {})).rejects.toThrow('the log cannot be read')
    expect(log.followers).toBe(0)
    log.store.extent = extent
    const { taken } = await taker()
    log.append(1)
    await until('it has come', () => taken.length === 1)
  })
})

describe('readers', () => {
  test('look at the log at every heartbeat, should a wake-up be missed', async () => {
    const timers = new HeldTimers()
    const readers = new Readers({ store: log.store, log: quiet, timers })
    const leave = await readers.tail.join(() => {})
    readers.enter({ beat() {}, end() {} }, adminPrincipal)
    await until('it has looked', () => log.lists === 1)
    log.head++
    timers.beat()
    await until('it has come', () => readers.tail.position === log.head)
    leave()
    readers.close()
  })

  test('that hold too much together are dropped, those that hold theirs the longest first', () => {
    const readers = new Readers({ store: log.store, log: quiet, limits: { heldBytesMax: 3_000_000 } })
    const dropped: string[] = []
    const holder = (name: string) => ({ beat() {}, end() {}, drop: () => dropped.push(name) })
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(holder)
    const shared = Buffer.alloc(2_000_000)
    readers.hold(a!, Buffer.alloc(100))
    readers.hold(a!, shared)
    readers.hold(b!, shared)
    readers.hold(c!, shared)
    expect(dropped, 'one block is held once, however many hold it').toEqual([])
    readers.release(a!)
    readers.hold(a!, shared)
    readers.hold(d!, Buffer.alloc(2_000_000))
    expect(dropped).toEqual(['b', 'c', 'a'])
    readers.hold(a!, Buffer.alloc(9_000_000))
    expect(dropped, 'alone it may be as large as it is').toEqual(['b', 'c', 'a', 'd'])
    readers.close()
  })
})

describe('streams of large originals', () => {
  let gateway: TestGateway
  let timers: HeldTimers
  beforeEach(async () => {
    timers = new HeldTimers()
    gateway = await startTestGateway({
      config: { sources: { core: plain() } },
      readers: { timers, limits: { heldBytesMax: 24 * 1024 * 1024 } },
    })
  })
  afterEach(() => gateway.close())

  test('whose readers take nothing are dropped for others, and lose nothing by it', async () => {
    const pad = 'x'.repeat(15 * 1024 * 1024)
    for (const key of ['1', '2', '3']) {
      const answer = await gateway.post('/hooks/core', `[{"key":"${key}","type":"loan.created","unread":"${pad}"}]`)
      expect(answer.status, answer.text).toBe(200)
    }
    const open = async (query: string) => {
      const reader = await StreamReader.open(gateway.gateway.adminUrl, { token: testToken, query })
      reader.keepsText = false
      return reader
    }
    const stalled = [await open('?include=original&after=0'), await open('?include=original&after=1')]
    for (const reader of stalled) reader.pause()
    await until('one is dropped', () => gateway.lines().some(({ msg }) => msg === 'a stream was dropped'))
    const well = await open('?include=original&after=0')
    await well.until('all', () => well.sequences.length === 3)
    for (const reader of stalled) reader.resume()
    for (const [index, reader] of stalled.entries()) {
      const seen: number[] = []
      for (let at = reader; seen.at(-1) !== 3; ) {
        await until('its end', () => at.ended !== undefined || at.sequences.at(-1) === 3)
        seen.push(...at.sequences)
        const { lastEventId } = at
        at.cut()
        if (seen.at(-1) !== 3) at = await open(`?include=original&after=${lastEventId}`)
      }
      expect(seen).toEqual([1, 2, 3].slice(index))
    }
    well.cut()
  })
})
