// Readers that are cut at any moment, come late, or fall behind while events are posted at speed: each sees every event
// once, in the log's order.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chance, seedOfRun } from '../faults/requests.ts'
import { StreamReader } from '../support/event-stream.ts'
import { startTestGateway, type TestGateway, testToken } from '../support/gateway.ts'
import { HeldTimers } from '../support/held-timers.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { until } from '../support/until.ts'

const day = 86_400_000
let gateway: TestGateway
let timers: HeldTimers
let now = Date.parse('2026-06-30T12:00:00.000Z')

const start = (limits: { stalledBeatsMax?: number } = {}) =>
  startTestGateway({
    config: { sources: { core: plain({ vendor: 'core_bank' }) } },
    clock: { now: () => now },
    readers: { timers, limits },
  })

beforeEach(async () => {
  timers = new HeldTimers()
  gateway = await start()
})
afterEach(() => gateway.close())

const open = (query = '', lastEventId?: string) =>
  StreamReader.open(gateway.gateway.adminUrl, {
    token: testToken,
    query,
    ...(lastEventId === undefined ? {} : { lastEventId }),
  })
const post = (from: number, count: number, pad = '') =>
  gateway.post(
    '/hooks/core',
    plainBody(
      ...Array.from({ length: count }, (_, index) => ({
        key: String(from + index),
        type: (from + index) % 3 === 0 ? 'loan.created' : 'loan.updated',
        data: { pad },
      })),
    ),
  )
const upTo = (last: number, isWanted = (_: number) => true) =>
  Array.from({ length: last }, (_, index) => index + 1).filter(isWanted)

/** A client that is cut after any number of bytes and comes again, until it has seen the last one of `total`. */
async function follow(query: string, last: number, random: () => number, keepsIdsAlone = true) {
  const seen: number[] = []
  let position: string | undefined
  let cuts = 0
  for (;;) {
    const reader = await open(position === undefined ? `${query}&after=0` : query, position)
    expect(reader.status, reader.text).toBe(200)
    const bytesMax = random() * 60_000
    await reader.until('more', () => reader.bytes >= bytesMax || reader.sequences.at(-1) === last)
    reader.cut()
    seen.push(...reader.sequences)
    // Not every client keeps an id that came without an event.
    position = keepsIdsAlone ? reader.lastEventId : (reader.parser.events.at(-1)?.lastEventId ?? position)
    if (seen.at(-1) === last) return { seen, cuts }
    cuts++
  }
}

describe('neither misses nor doubles an event', () => {
  test('a reader that is cut at random moments while events are posted at speed', async () => {
    const random = chance(seedOfRun('streams that are cut'))
    const total = 6_000
    let cuts = 0
    let isPosting = true
    const posting = (async () => {
      for (let from = 1; from <= total; from += 40) {
        await Promise.all([0, 10, 20, 30].map(each => post(from + each, 10)))
        // Beats fall between blocks wherever they come.
        timers.beat()
      }
      isPosting = false
    })()
    // What is posted at once has no order of its own: the log has.
    const readers = Array.from({ length: 6 }, async (_, index) => {
      const { seen, cuts: own } = await follow('?type=*', total, random, index % 2 === 0)
      expect(seen).toEqual(upTo(total))
      cuts += own
    })
    await Promise.all([posting, ...readers])
    expect(isPosting).toBe(false)
    expect(cuts).toBeGreaterThan(100)
    console.log(`streams: 6 readers, ${total} events, ${cuts} cuts; none missed, none doubled`)
  })

  test('one whose filter takes a third', async () => {
    const random = chance(seedOfRun('streams with a filter'))
    const posting = (async () => {
      for (let from = 1; from <= 2_400; from += 24) await post(from, 24)
    })()
    const { seen } = await follow('?type=loan.created', 2_400, random)
    await posting
    const listed = await gateway.events('&type=loan.created')
    expect(seen).toEqual(listed.map(({ sequence }) => Number(sequence)))
    expect(seen).toEqual(upTo(2_400, number => number % 3 === 0))
  })

  test('ones that come one after the other while all goes on: the past meets the present', async () => {
    await post(1, 400)
    const first = await open('?after=0')
    const others: Promise<StreamReader>[] = []
    for (let from = 401; from <= 4_400; from += 100) {
      await post(from, 100)
      others.push(open(`?after=${(from * 7) % 400}`))
    }
    for (const reader of [first, ...(await Promise.all(others))]) {
      await reader.until('the last', () => reader.sequences.at(-1) === 4_400)
      expect(reader.sequences).toEqual(upTo(4_400).slice(reader.sequences[0]! - 1))
      reader.cut()
    }
    expect(first.sequences[0]).toBe(1)
  })

  test('one that does not read for so long that it falls out of what is held', async () => {
    const slow = await open('?after=0')
    const fast = await open('?after=0')
    slow.keepsText = fast.keepsText = false
    slow.pause()
    const pad = 'x'.repeat(20_000)
    for (let from = 1; from <= 1_400; from += 50) await post(from, 50, pad)
    await fast.until('the last', () => fast.sequences.at(-1) === 1_400)
    slow.resume()
    await slow.until('the last', () => slow.sequences.at(-1) === 1_400)
    expect([slow.sequences, fast.sequences]).toEqual([upTo(1_400), upTo(1_400)])
    slow.cut()
    fast.cut()
  })
})

test('a heartbeat says no position before what leads to it was sent, and falls into no event', async () => {
  const last = 24
  let isOver = false
  // Hearts beat far faster here than anybody reads: that is no reason to drop a reader.
  await gateway.close()
  gateway = await start({ stalledBeatsMax: Number.POSITIVE_INFINITY })
  const beating = (async () => {
    while (!isOver) {
      timers.beat()
      await new Promise(resolve => setImmediate(resolve))
    }
  })()
  try {
    const live = await open('?include=original')
    // Larger than what is written at once, and read for each stream by itself.
    for (let from = 1; from <= last; from++) await post(from, 1, 'x'.repeat(from % 2 === 0 ? 200_000 : 10))
    const past = await open('?include=original&after=0')
    for (const reader of [live, past]) {
      await reader.until('the last', () => reader.sequences.at(-1) === last)
      expect(reader.sequences).toEqual(upTo(last))
      for (const { data, lastEventId } of reader.parser.events) {
        expect(JSON.parse(data)).toMatchObject({ sequence: lastEventId, data: { original: [{}] } })
      }
      await reader.until('as many heartbeats', () => reader.parser.positions.length > last)
      for (const { id, dispatched } of reader.parser.positions) expect(Number(id)).toBe(dispatched)
      reader.cut()
    }
  } finally {
    isOver = true
    await beating
  }
})

test('retention that overtakes a reader ends its stream, and it is told when it comes again', async () => {
  const pad = 'x'.repeat(100_000)
  const reader = await open('?after=0')
  reader.keepsText = false
  // After its first events it takes nothing, until what comes next for it is gone.
  await post(1, 1, pad)
  await reader.until('the first', () => reader.sequences.length === 1)
  reader.pause()
  for (let from = 2; from <= 200; from += 10) await post(from, 10, pad)
  now += 100 * day
  await post(1_000, 1)
  await gateway.gateway.store.expire(new Map(), now - day, now, new AbortController().signal)
  reader.resume()
  expect(await reader.over()).toBe('end')
  expect(reader.sequences).toEqual(upTo(reader.sequences.length))
  expect(reader.sequences.length).toBeLessThan(200)
  const again = await open('', reader.lastEventId)
  expect([again.status, again.json]).toMatchObject([410, { code: 'position_gone' }])
})

describe('a slow reader', () => {
  const large = 512 * 1024
  const fill = async (count: number) => {
    for (let from = 1; from <= count; from++) await post(from, 1, 'y'.repeat(large))
  }
  const dropped = () => gateway.lines().filter(({ msg }) => msg === 'a stream was dropped')

  test('is dropped where it takes nothing, is not buffered for meanwhile, and goes on when it comes again', async () => {
    await fill(64)
    const slow = await open('?after=0')
    slow.keepsText = false
    slow.pause()
    await until('it is dropped', () => {
      timers.beat()
      return dropped().length > 0
    })
    const [line] = dropped() as unknown as [{ position: string; waitingBytes: number; why: string }]
    expect(line.why).toContain('takes nothing')
    // Beside what the kernel's buffers hold, a slice and what the connection had taken before it said stop.
    expect(line.waitingBytes).toBeLessThan(1024 * 1024)
    expect(Number(line.position)).toBeLessThan(64)
    slow.resume()
    expect(await slow.over()).toBe('cut')
    const again = await open('', slow.lastEventId)
    again.keepsText = false
    await again.until('the last', () => again.sequences.at(-1) === 64)
    expect([...slow.sequences, ...again.sequences]).toEqual(upTo(64))
    again.cut()
  })

  test('is left alone while it gets on, however slowly', async () => {
    await fill(64)
    const slow = await open('?after=0')
    slow.keepsText = false
    while (slow.sequences.length < 64) {
      const enough = slow.bytes + 8 * 1024 * 1024
      slow.resume()
      await slow.until('more', () => slow.bytes >= enough || slow.sequences.length === 64)
      slow.pause()
      timers.beat()
    }
    expect([slow.sequences, dropped()]).toEqual([upTo(64), []])
    slow.cut()
  })

  test('is in nobody else’s way', async () => {
    const [slow, well] = [await open(), await open()]
    slow.pause()
    slow.keepsText = well.keepsText = false
    await fill(40)
    await well.until('the last', () => well.sequences.at(-1) === 40)
    expect(well.sequences).toEqual(upTo(40))
    slow.cut()
    well.cut()
  })
})
