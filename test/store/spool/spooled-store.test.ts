// The way through the spool: what is acknowledged while the database is away is in the log once.
import { describe, expect, test } from 'vitest'
import {
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
import { eachBench, inSpool, limits } from './spooled.ts'

const { append, bench, entries, keysOf } = eachBench()

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

  test('tokens and the audit log are its own', () => {
    expect(bench.store.tokens).toBe(bench.database.tokens)
    expect(bench.store.audit).toBe(bench.database.audit)
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
