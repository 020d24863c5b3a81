// The way through the spool: what is acknowledged while the database is away is in the log once, in its order.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { shortLivedFileSystem } from '../../../src/store/spool/spool.ts'
import {
  appendAll,
  entryId,
  eventIdOf,
  idOf,
  logOf,
  record,
  rejected,
  request,
  start,
  waiting,
} from '../../contract/store/record.ts'
import { until } from '../../support/until.ts'
import { type Bench, limits, openBench } from './spooled.ts'

let bench: Bench

beforeEach(async () => {
  bench = await openBench()
})
afterEach(() => bench.remove())

const append = (key: string, fields: Parameters<typeof record>[1] = {}, body = `body of ${key}`) =>
  bench.store.append([record(key, fields)], request(body))
const keysOf = async (...keys: string[]) => {
  const found = (await logOf(bench.log)).map(({ id }) => id.toString('hex'))
  const names = new Map(keys.map(key => [idOf(key).toString('hex'), key]))
  return found.map(id => names.get(id) ?? 'another')
}
const entries = async () => (await bench.store.spool()).entries
const inSpool = (key: string) => [{ id: eventIdOf(key), status: 'accepted', sequence: 0, conflict: false }]

describe('while the database is there', () => {
  test('everything goes straight to it', async () => {
    expect(await append('a')).toEqual([{ id: eventIdOf('a'), status: 'accepted', sequence: 1, conflict: false }])
    expect(await bench.store.quarantine(waiting('q'), request('q'))).toBe('accepted')
    await bench.store.reject(rejected('r'), request('r'), limits)
    expect(bench.database.asked).toEqual(['append', 'quarantine', 'reject'])
    expect(await bench.store.health()).toEqual({ ok: true })
    expect(await bench.store.spool()).toMatchObject({ entries: 0, oldestSeconds: 0, refused: 0 })
    expect(bench.lines).toEqual([])
  })

  test.each(['store_refused', 'internal'] as const)('what it answers with %s is no matter of the spool', async code => {
    bench.database.fate = code
    await expect(append('a')).rejects.toMatchObject({ code })
    await expect(bench.store.quarantine(waiting('q'), request('q'))).rejects.toMatchObject({ code })
    bench.database.fate = 'done'
    expect(await bench.store.health()).toEqual({ ok: true })
    expect(await entries()).toBe(0)
  })
})

describe('while the database is away', () => {
  test.each(['store_unreachable', 'store_readonly', 'store_full', 'store_busy'] as const)(
    'as with %s, what comes in is accepted under its id, and moved when it is back',
    async code => {
      bench.database.fate = code
      expect(await append('a')).toEqual(inSpool('a'))
      expect(await append('b')).toEqual(inSpool('b'))
      expect(await bench.store.quarantine(waiting('q'), request('q'))).toBe('accepted')
      await bench.store.reject(rejected('r'), request('r'), limits)
      expect(await entries()).toBe(4)
      expect((await bench.log.extent()).head).toBe(0)

      bench.database.fate = 'done'
      await bench.drained()
      expect(await keysOf('a', 'b')).toEqual(['a', 'b'])
      expect(await bench.log.quarantined(entryId('q'))).toEqual({ ...waiting('q'), ...request('q') })
      expect(await bench.log.rejection(entryId('r'))).toEqual({ ...rejected('r'), ...request('r') })
      expect(bench.counts).toEqual({ drained: 4, refused: 0 })
      expect(await append('c')).toMatchObject([{ status: 'accepted', sequence: 3 }])
    },
  )

  test('only the first waits to find it out', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    const { length } = bench.database.asked
    for (const key of ['b', 'c', 'd']) await append(key)
    expect(bench.database.asked.filter(what => what === 'append')).toHaveLength(1)
    expect(bench.database.asked.length).toBeGreaterThanOrEqual(length)
    expect(bench.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'the database is away: what comes in waits in the spool' },
    ])
  })

  test('an event is moved whole: it stands in the log as if it had gone there straight', async () => {
    const whole = {
      vendor: 'vendor',
      type: 'loan.status_changed',
      vendortype: 'LOAN_\u0000CHANGED',
      environment: 'sandbox',
      namespace: 'lender/tenant',
      subject: 'loan/K0Z1Q',
      vendorid: 'evt-\ud83d\ude00',
      vendortime: '2026-01-01T00:00:00.123456789Z',
      time: '2026-01-01T00:00:00Z',
      received: start + 5,
      soft: 42,
      refs: { loan: 'K0Z1Q', application: 'APP\u0000-1' },
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    }
    const asked = request(Buffer.from([0, 255, 128]), {
      received: start + 5,
      method: 'PUT',
      rest: 'custom/x',
      query: 'a=b',
      headers: [['x-odd', '\u0000 \ud800']],
      sha256: Buffer.alloc(32, 7),
      redacted: ['data.iban'],
    })
    const send = (key: string) => [
      record(`${key}1`, whole),
      record(`${key}2`, { ...whole, soft: null, content: Buffer.from('content2') }),
    ]
    await bench.store.append(send('straight'), asked)
    bench.database.fate = 'store_unreachable'
    await bench.store.append(send('spooled'), asked)
    bench.database.fate = 'done'
    await bench.drained()

    const [first, second, third, fourth] = await logOf(bench.log)
    expect(third).toEqual({ ...first, id: idOf('spooled1'), sequence: 3, sameas: idOf('straight1') })
    expect(fourth).toEqual({ ...second, id: idOf('spooled2'), sequence: 4 })
    for (const event of [first, second, third, fourth]) expect(await bench.log.requestOf(event!)).toEqual(asked)
    const found = await bench.log.list({
      filter: { refs: ['application:APP\u0000-1', 'loan:K0Z1Q'] },
      order: 'oldest',
      limit: 9,
    })
    expect(found.events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
    // The content that decides over conflicts came along.
    for (const content of ['content2', 'another!']) {
      const again = record('spooled2', { ...whole, content: Buffer.from(content) })
      expect(await bench.store.append([again], asked)).toMatchObject([{ conflict: content !== 'content2' }])
    }
    expect(await bench.store.append([record('spooled1', whole)], asked)).toMatchObject([{ conflict: false }])
  })

  test('requests whose order counts go through it one after another', async () => {
    const keys = Array.from({ length: 50 }, (_, index) => `n${index}`)
    const arrivals = keys.map(key => ({ events: [record(key)], request: request(key) }))
    bench.database.fate = 'store_unreachable'
    const outcomes = await bench.store.appendInOrder(arrivals)
    expect(outcomes).toEqual(keys.map(inSpool))
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf(...keys)).toEqual(keys)
    expect((await bench.store.appendInOrder(arrivals))[49]).toMatchObject([{ status: 'duplicate', sequence: 50 }])
  })

  test('a request with more events than a page is moved with all of them', async () => {
    bench.database.fate = 'store_unreachable'
    await append('before')
    const keys = Array.from({ length: 700 }, (_, index) => `many ${index}`)
    await bench.store.append(
      keys.map(key => record(key)),
      request('many'),
    )
    await append('after')
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf('before', 'after', ...keys)).toEqual(['before', ...keys, 'after'])
    expect(bench.database.asked.filter(what => what.startsWith('appendInOrder'))).not.toContain('appendInOrder 3')
  })

  test('an append whose outcome is unknown is in the log once', async () => {
    bench.database.fate = 'lost'
    expect(await append('a')).toEqual(inSpool('a'))
    expect((await bench.log.extent()).head).toBe(1)
    bench.database.fate = 'store_unreachable'
    await append('b')
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf('a', 'b')).toEqual(['a', 'b'])
    expect((await bench.log.listConflicts({ limit: 9 })).items).toEqual([])
  })

  test('a drain whose answers are lost is repeated, and doubles nothing', async () => {
    bench.database.fate = 'store_unreachable'
    for (const key of ['a', 'b']) await append(key)
    await append('a', {}, 'other content')
    await bench.store.quarantine(waiting('q'), request('q'))
    await bench.store.reject(rejected('r'), request('r'), limits)
    bench.database.fate = 'lost'
    for (let round = 0; round < 3; round++) {
      const asked = bench.database.asked.length
      await until('another try', () => {
        bench.tryAgain()
        return bench.database.asked.length > asked
      })
    }
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf('a', 'b')).toEqual(['a', 'b'])
    expect((await bench.log.listConflicts({ limit: 9 })).items).toHaveLength(1)
    expect((await bench.log.listQuarantine({ limit: 9 })).items).toHaveLength(1)
    expect((await bench.log.listRejections({ limit: 9 })).items).toHaveLength(1)
    expect(bench.counts.drained).toBe(4)
  })
})

describe('the same thing twice', () => {
  test('is a duplicate within the spool, and behind it', async () => {
    await append('known')
    bench.database.fate = 'store_unreachable'
    expect(await append('known')).toEqual(inSpool('known'))
    expect(await append('a')).toEqual(inSpool('a'))
    expect(await append('a')).toMatchObject([{ status: 'duplicate', sequence: 0, conflict: false }])
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf('known', 'a')).toEqual(['known', 'a'])
    expect((await bench.log.listConflicts({ limit: 9 })).items).toEqual([])
  })

  test('with other content is a conflict, wherever its first is', async () => {
    await append('known', {}, 'first')
    bench.database.fate = 'store_unreachable'
    await append('known', {}, 'second')
    expect(await append('known', {}, 'first')).toMatchObject([{ status: 'duplicate', conflict: true }])
    await append('a', {}, 'first of a')
    await append('a', {}, 'second of a')
    await append('a', {}, 'third of a')
    bench.database.fate = 'done'
    await bench.drained()
    const { items } = await bench.log.listConflicts({ limit: 9 })
    const bodies = await Promise.all(
      items.map(async ({ number }) => (await bench.log.conflict(number))!.body.toString()),
    )
    expect(bodies.toSorted()).toEqual(['second', 'second of a', 'third of a'])
    expect(await keysOf('known', 'a')).toEqual(['known', 'a'])
    const [known, a] = await logOf(bench.log)
    expect((await bench.log.requestOf(known!))!.body.toString()).toBe('first')
    expect((await bench.log.requestOf(a!))!.body.toString()).toBe('first of a')
  })

  // Before its conflicts are looked for, and after: the second call hands over the one that was there.
  test.each([1, 2])('that comes while its first leaves the spool is not lost (call %i)', async call => {
    bench.database.fate = 'store_unreachable'
    await append('a', {}, 'first')
    await append('a', {}, 'second')
    const go = Promise.withResolvers<void>()
    let calls = 0
    bench.database.before = () => (++calls === call ? go.promise : Promise.resolve())
    bench.database.fate = 'done'
    await until('it is being moved', () => {
      bench.timers.pass(250)
      return calls >= call
    })
    // It finds its first in the spool, which is about to leave it.
    const third = append('a', {}, 'third')
    // The end of its waiting, where it is held.
    bench.timers.pass(1_000)
    expect(await third).toMatchObject([{ status: 'duplicate', conflict: true }])
    go.resolve()
    await bench.drained()
    expect((await bench.log.listConflicts({ limit: 9 })).items).toHaveLength(2)
    expect(await keysOf('a')).toEqual(['a'])
    expect(await entries()).toBe(0)
  })
})

describe('order', () => {
  test('while anything waits, all that comes in waits behind it, though the database is back', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    await append('b')
    bench.database.fate = 'done'
    // The drain pauses still.
    expect(await append('c')).toEqual(inSpool('c'))
    await bench.drained()
    expect(await append('d')).toMatchObject([{ sequence: 4 }])
    expect(await keysOf('a', 'b', 'c', 'd')).toEqual(['a', 'b', 'c', 'd'])
  })

  test('what comes while the last of the spool is moved waits for the way to be straight, and no longer than a second', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    bench.database.fate = 'done'
    const gates: PromiseWithResolvers<void>[] = []
    bench.database.before = () => {
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      return gate.promise
    }
    const next = async (count: number) => {
      await until('it is asked', () => {
        bench.tryAgain()
        return gates.length >= count
      })
    }
    await next(1)
    expect(await append('b')).toEqual(inSpool('b'))
    gates[0]!.resolve()
    // The page was the last one: b is moved while c is held.
    await next(2)
    let settled = false
    const held = append('c').then(outcomes => {
      settled = true
      return outcomes
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(settled).toBe(false)
    bench.timers.pass(1_000)
    expect(await held).toEqual(inSpool('c'))
    bench.database.before = () => Promise.resolve()
    for (const gate of gates) gate.resolve()
    await bench.drained()
    expect(await keysOf('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
  })

  test('senders who never pause do not keep it from ever being empty', async () => {
    bench.database.fate = 'store_unreachable'
    await Promise.all(Array.from({ length: 700 }, (_, index) => append(`before ${index}`)))
    bench.database.fate = 'done'
    let [acknowledged, isOver] = [0, false]
    // While a page is moved more come in than it holds, unless they must wait.
    bench.database.before = async () => {
      const enough = acknowledged + 300
      for (let turns = 0; turns < 5_000 && acknowledged < enough; turns++) {
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    const senders = Array.from({ length: 64 }, async (_, sender) => {
      for (let index = 0; !isOver; index++) {
        await append(`${sender}/${index}`)
        acknowledged++
      }
    })
    const isStraight = async () => {
      // The drain's pause, and no other time.
      bench.timers.pass(250)
      return (await bench.store.health()).degraded === undefined
    }
    await until('the way is straight', isStraight).finally(() => {
      isOver = true
      bench.database.before = () => Promise.resolve()
      bench.tryAgain()
    })
    await Promise.all(senders)
    expect(await entries()).toBe(0)
  })

  test('one that failed late, when the way was straight again, is moved on all the same', async () => {
    const late = Promise.withResolvers<void>()
    bench.database.before = () => late.promise
    bench.database.fate = 'store_unreachable'
    const slow = append('slow')
    bench.database.before = () => Promise.resolve()
    await append('a')
    bench.database.fate = 'done'
    await bench.drained()
    late.resolve()
    expect(await slow).toEqual(inSpool('slow'))
    await bench.drained()
    expect(await keysOf('a', 'slow')).toEqual(['a', 'slow'])
  })
})

describe('what the database refuses for what it holds', () => {
  const bad = idOf('bad').toString('hex')

  test('is set aside and told, and holds up nobody; the next start tries it again', async () => {
    bench.database.refuses = ({ id }) => id?.toString('hex') === bad
    bench.database.fate = 'store_unreachable'
    const keys = Array.from({ length: 20 }, (_, index) => `n${index}`)
    for (const key of [...keys.slice(0, 9), 'bad', ...keys.slice(9)]) await append(key)
    await append('bad', {}, 'other content')
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf(...keys)).toEqual(keys)
    expect(bench.counts).toEqual({ drained: 20, refused: 1 })
    expect(await bench.store.spool()).toMatchObject({ entries: 0, refused: 1, oldestSeconds: 0 })
    expect(bench.lines.filter(({ level }) => level === 'error').at(-1)).toMatchObject({
      fields: { refused: [eventIdOf('bad')], code: 'store_refused' },
    })
    // The way is straight, though it is there.
    expect(await append('straight')).toMatchObject([{ sequence: 21 }])

    await bench.restart()
    expect(bench.store.left).toBe(0)
    await bench.drained()
    expect(bench.counts).toEqual({ drained: 20, refused: 2 })
    bench.database.refuses = () => false
    await bench.restart()
    await bench.drained()
    expect(await keysOf(...keys, 'straight', 'bad')).toEqual([...keys, 'straight', 'bad'])
    expect((await bench.log.listConflicts({ limit: 9 })).items).toHaveLength(1)
    expect(await bench.store.spool()).toMatchObject({ entries: 0, refused: 0 })
  })

  test('takes with it what came in the same request', async () => {
    bench.database.refuses = ({ id }) => id?.toString('hex') === bad
    bench.database.fate = 'store_unreachable'
    await bench.store.append([record('beside'), record('bad')], request('both'))
    await append('other')
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf('other')).toEqual(['other'])
    expect(bench.counts.refused).toBe(2)
  })

  test('is of quarantine and rejections too', async () => {
    bench.database.fate = 'store_unreachable'
    for (const name of ['q1', 'q2']) await bench.store.quarantine(waiting(name), request(name))
    for (const name of ['r1', 'r2']) await bench.store.reject(rejected(name), request(name), limits)
    const { quarantine, reject } = bench.database
    bench.database.quarantine = (entry, ...rest) =>
      entry.id.equals(entryId('q1')) ? Promise.reject(new AppError('store_refused', 'no')) : quarantine(entry, ...rest)
    bench.database.reject = (entry, ...rest) =>
      entry.id.equals(entryId('r2')) ? Promise.reject(new AppError('store_refused', 'no')) : reject(entry, ...rest)
    bench.database.fate = 'done'
    await bench.drained()
    expect(await bench.log.quarantined(entryId('q2'))).toBeDefined()
    expect(await bench.log.rejection(entryId('r1'))).toBeDefined()
    expect(await bench.store.spool()).toMatchObject({ entries: 0, refused: 2 })
  })

  test('what it fails with for another reason is tried again, and told once', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    bench.database.fate = 'internal'
    for (let round = 0; round < 3; round++) {
      const asked = bench.database.asked.length
      await until('another try', () => {
        bench.tryAgain()
        return bench.database.asked.length > asked
      })
    }
    expect(bench.counts).toEqual({ drained: 0, refused: 0 })
    expect(bench.lines.filter(({ message }) => message.includes('tried again'))).toHaveLength(1)
    bench.database.fate = 'done'
    await bench.drained()
    expect(await keysOf('a')).toEqual(['a'])
  })
})

describe('the room', () => {
  test('ends at its limit with 503, and is there again when the spool has been moved on', async () => {
    await bench.restart({ bytesMax: 1_000_000 })
    bench.database.fate = 'store_unreachable'
    let taken = 0
    const big = 'x'.repeat(50_000)
    const full = await (async () => {
      for (;;) {
        try {
          await append(`n${taken}`, {}, `${taken}${big}`)
          taken++
        } catch (error) {
          return error
        }
      }
    })()
    expect(full).toMatchObject({ code: 'store_full', status: 503 })
    expect(taken).toBeGreaterThan(10)
    expect(await bench.store.health()).toMatchObject({ ok: false, problem: 'spool_full', degraded: 'spooling' })
    const { bytes } = await bench.store.spool()
    expect(bytes).toBeGreaterThan(900_000)
    expect(bytes).toBeLessThanOrEqual(1_000_000)

    bench.database.fate = 'done'
    await bench.drained()
    expect((await bench.log.extent()).head).toBe(taken)
    expect((await bench.store.spool()).bytes).toBeLessThan(300_000)
    bench.database.fate = 'store_unreachable'
    expect(await append('again', {}, big)).toEqual(inSpool('again'))
  })

  test('is not taken by rejections alone', async () => {
    await bench.restart({ bytesMax: 1_000_000 })
    bench.database.fate = 'store_unreachable'
    const big = 'x'.repeat(40_000)
    const some = Array.from({ length: 20 }, (_, index) =>
      bench.store.reject(rejected(`r${index}`), request(big), limits),
    )
    const settled = await Promise.allSettled(some)
    expect(settled.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(8)
    expect(await append('a', {}, big)).toEqual(inSpool('a'))
    expect(await bench.store.health()).toMatchObject({ ok: true })
  })
})

describe('health', () => {
  test('says that it spools, how much waits and since when', async () => {
    bench.database.fate = 'store_unreachable'
    // Nobody has sent anything: whoever asks finds it out for all.
    expect(await bench.store.health()).toMatchObject({ ok: true, degraded: 'spooling', spool: { entries: 0 } })
    await append('a', { received: start })
    await append('b', { received: start + 5_000 })
    expect(bench.database.asked).toEqual([])
    bench.now = start + 60_000
    const health = await bench.store.health()
    expect(health).toMatchObject({
      ok: true,
      degraded: 'spooling',
      spool: { entries: 2, oldestSeconds: 60, refused: 0 },
    })
    bench.database.fate = 'done'
    await bench.drained()
    expect(await bench.store.health()).toEqual({ ok: true })
  })

  test('an empty spool is left only when the database takes writes again', async () => {
    bench.database.fate = 'store_unreachable'
    await bench.store.health()
    for (let round = 0; round < 5; round++) {
      bench.tryAgain()
      expect(await bench.store.health()).toMatchObject({ degraded: 'spooling' })
    }
    bench.database.fate = 'done'
    await bench.drained()
    expect(await append('a')).toMatchObject([{ sequence: 1 }])
  })
})

describe('start and end', () => {
  test('what is in the spool from before is moved before anything that comes after', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    await append('b')
    const closing = bench.store.close()
    await until('it waits', () => bench.timers.waiting > 0)
    bench.timers.pass(5_000)
    await closing
    expect(bench.store.left).toBe(2)
    expect(bench.lines.at(-1)).toMatchObject({ level: 'error', fields: { entries: 2, refused: 0 } })

    bench.database.fate = 'done'
    const ready = Promise.withResolvers<void>()
    await bench.restart({ ready: ready.promise })
    expect(await append('c')).toEqual(inSpool('c'))
    ready.resolve()
    await bench.drained()
    expect(await keysOf('a', 'b', 'c')).toEqual(['a', 'b', 'c'])
  })

  test('a database that is away at the start is waited for', async () => {
    const ready = Promise.withResolvers<void>()
    await bench.restart({ ready: ready.promise })
    expect(await append('a')).toEqual(inSpool('a'))
    bench.tryAgain()
    expect(await bench.store.health()).toMatchObject({ ok: true, degraded: 'spooling' })
    expect(bench.database.asked).toEqual([])
    ready.resolve()
    await bench.drained()
    expect(await keysOf('a')).toEqual(['a'])
  })

  test('the end moves on what it can', async () => {
    bench.database.fate = 'store_unreachable'
    await appendAll(bench.store, [record('a'), record('b')])
    bench.database.fate = 'done'
    await bench.store.close()
    expect(bench.store.left).toBe(0)
    expect((await keysOf('a', 'b')).toSorted()).toEqual(['a', 'b'])
  })
})

test('a path that does not survive is known by its file system', () => {
  expect(shortLivedFileSystem('/dev/shm/spool.db')).toBe(process.platform === 'linux' ? 'tmpfs' : undefined)
  expect(shortLivedFileSystem(`${import.meta.dirname}/spool.db`)).not.toBe('tmpfs')
})
