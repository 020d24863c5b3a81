// Events about ourselves: at most one a minute for a cause, with a count that loses nothing; the same on two nodes; and
// never a reason for anything else to fail.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { catalogue } from '../src/event.ts'
import { openLog } from '../src/observe/log.ts'
import { Announcer } from '../src/own-events.ts'
import type { StoredEvent } from '../src/store/record.ts'
import { openSqliteStore } from '../src/store/sqlite/store.ts'
import type { AppendStatus, Store } from '../src/store/store.ts'
import { standingClock } from './support/standing-clock.ts'

const start = Date.parse('2026-03-01T10:00:10Z')
const grown = { refs: { source: 'arix', request: 'req_1' }, reason: 'there is no type x' }

interface Told {
  identity: string
  at: number
  data: { count: number; reason?: string }
}

/** A store that remembers what it is told, and says `duplicate` where it was told before. */
function notebook(statusOf: (identity: string) => AppendStatus | Error = () => 'accepted') {
  const told: Told[] = []
  const append: Store['append'] = async events => {
    const { identity, received, data } = events[0]!
    const known = told.some(each => each.identity === identity)
    const status = known ? 'duplicate' : statusOf(identity)
    if (status instanceof Error) throw status
    if (status === 'accepted') told.push({ identity, at: received, data: JSON.parse(data) })
    return [{ id: 'evt_', status, sequence: 1, conflict: false }]
  }
  return { told, append, counts: () => told.map(({ data }) => data.count) }
}

const silent = openLog({ level: 'silent' })

describe('one cause', () => {
  test('is told of at once, and after a minute with the count of all that followed', async () => {
    const time = standingClock(start)
    const { told, append } = notebook()
    const announcer = new Announcer({ append, ...time, log: silent })
    for (let index = 0; index < 500; index++) {
      announcer.announce('postern.quarantine.grown', 'arix', { ...grown, reason: `number ${index}` })
    }
    expect(told.map(({ data }) => data)).toEqual([{ ...grown, reason: 'number 0', count: 1 }])
    await time.pass(59_999)
    expect(told).toHaveLength(1)
    await time.pass(1)
    expect(told[1]).toMatchObject({ at: start + 60_000, data: { reason: 'number 499', count: 499 } })
    // Nothing more happened: nothing more is told, and the next occurrence is told of at once.
    await time.pass(600_000)
    expect(told).toHaveLength(2)
    expect(time.waiting()).toBe(0)
    announcer.announce('postern.quarantine.grown', 'arix', grown)
    expect(told).toHaveLength(3)
    await announcer.close()
  })

  test('is its own: another type, and another cause of the same, do not wait for it', async () => {
    const time = standingClock(start)
    const { told, append } = notebook()
    const announcer = new Announcer({ append, ...time, log: silent })
    announcer.announce('postern.quarantine.grown', 'arix', grown)
    announcer.announce('postern.quarantine.grown', 'banclo', grown)
    announcer.announce('postern.rejections.spiked', 'arix', {
      refs: { source: 'arix' },
      cause: 'check_failed',
      httpStatus: 401,
    })
    expect(new Set(told.map(({ identity }) => identity)).size).toBe(3)
    await announcer.close()
  })

  test('whatever happens when, every occurrence is counted once, and no two events are less than a minute apart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(100_000), { maxLength: 40 }), fc.nat(59_999), async (pauses, offset) => {
        const time = standingClock(start + offset)
        const { told, append, counts } = notebook()
        const announcer = new Announcer({ append, ...time, log: silent })
        for (const pause of pauses) {
          await time.pass(pause)
          announcer.announce('postern.quarantine.grown', 'arix', grown)
        }
        await time.pass(60_000)
        expect(counts().reduce((sum, count) => sum + count, 0)).toBe(pauses.length)
        for (const [index, { at }] of told.slice(1).entries()) {
          expect(at - told[index]!.at).toBeGreaterThanOrEqual(60_000)
        }
        await announcer.close()
      }),
    )
  })

  test('`times` says how often it happened before it was worth telling', async () => {
    const { counts, append } = notebook()
    const announcer = new Announcer({ append, ...standingClock(start), log: silent })
    announcer.announce('postern.quarantine.grown', 'arix', grown, { times: 21 })
    expect(counts()).toEqual([21])
    await announcer.close()
  })
})

describe('two nodes, and a restart', () => {
  test('in the same minute are one event; what it did not count is told of a minute later', async () => {
    const time = standingClock(start)
    const { told, append, counts } = notebook()
    const one = new Announcer({ append, ...time, log: silent })
    const other = new Announcer({ append, ...time, log: silent })
    one.announce('postern.quarantine.grown', 'arix', grown)
    await time.pass(20_000)
    other.announce('postern.quarantine.grown', 'arix', grown)
    await time.pass(0)
    expect(told).toHaveLength(1)
    await time.pass(60_000)
    expect(counts()).toEqual([1, 1])
    await Promise.all([one.close(), other.close()])
    expect(told).toHaveLength(2)
  })

  test('at its end it tells what it has not told yet, under an identity of its own', async () => {
    const time = standingClock(start)
    const { told, append, counts } = notebook()
    const announcer = new Announcer({ append, ...time, log: silent })
    for (let index = 0; index < 5; index++) announcer.announce('postern.quarantine.grown', 'arix', grown)
    await announcer.close()
    expect(counts()).toEqual([1, 4])
    expect(new Set(told.map(({ identity }) => identity)).size).toBe(2)
    expect(time.waiting()).toBe(0)
    announcer.announce('postern.quarantine.grown', 'arix', grown)
    expect(told).toHaveLength(2)
  })

  test('a clock that is put back does not make it tell under the same identity', async () => {
    const time = standingClock(start)
    const { told, append } = notebook()
    const announcer = new Announcer({ append, ...time, log: silent })
    announcer.announce('postern.quarantine.grown', 'arix', grown)
    time.jump(-3_600_000)
    announcer.announce('postern.quarantine.grown', 'arix', grown)
    await time.pass(60_000)
    expect(told).toHaveLength(2)
    await announcer.close()
  })
})

describe('it never feeds on itself, and never fails anybody', () => {
  test('nothing is told about the delivery of an event of ours', async () => {
    const { told, append } = notebook()
    const announcer = new Announcer({ append, ...standingClock(start), log: silent })
    const died = { refs: { subscription: 'slack' }, attempts: 11, eventType: 'postern.quarantine.grown' }
    announcer.announce('postern.delivery.died', 'slack', died, { about: 'postern.quarantine.grown' })
    // Not only of those that there are today.
    announcer.announce('postern.breaker.opened', 'slack', { refs: {}, failures: 5 }, { about: 'postern.any.made' })
    expect(told).toEqual([])
    announcer.announce('postern.delivery.died', 'slack', died, { about: 'posternal.thing.made' })
    expect(told).toHaveLength(1)
    await announcer.close()
    expect(told).toHaveLength(1)
  })

  test('a store that cannot take it is logged; it is told with the next, once there is room again', async () => {
    const time = standingClock(start)
    let failing = true
    const lines: string[] = []
    const { append, counts } = notebook(() => (failing ? new Error('the disk is full') : 'accepted'))
    const log = openLog({ level: 'info', write: line => lines.push(line) })
    const announcer = new Announcer({ append, ...time, log })
    for (let index = 0; index < 3; index++) announcer.announce('postern.quarantine.grown', 'arix', grown)
    await time.pass(180_000)
    expect(counts()).toEqual([])
    // One line for each try, of which there is one a minute.
    expect(lines).toHaveLength(4)
    expect(lines[0]).toContain('the disk is full')
    failing = false
    await time.pass(60_000)
    expect(counts()).toEqual([3])
    await announcer.close()
  })

  test('a store that throws at once is no exception', async () => {
    const append = () => {
      throw new Error('closed')
    }
    const announcer = new Announcer({ append, ...standingClock(start), log: silent })
    expect(() => announcer.announce('postern.quarantine.grown', 'arix', grown)).not.toThrow()
    await announcer.close()
  })
})

describe('in the inbox', () => {
  let folder: string
  let store: Store
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-own-'))
    store = await openSqliteStore(join(folder, 'postern.db'))
  })
  afterEach(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const all = async (): Promise<StoredEvent[]> => (await store.list({ filter: {}, order: 'oldest', limit: 100 })).events

  test('each type is an event of its own schema, under its subject, found by what it names', async () => {
    const announcer = new Announcer({ append: store.append, ...standingClock(start), log: silent })
    const last = { httpStatus: 500, reason: 'HTTP 500' }
    const refs = { subscription: 'loan-book', event: 'evt_1', delivery: 'dlv_1' }
    announcer.announce('postern.delivery.died', 'a', { refs, attempts: 11, eventType: 'loan.created', ...last })
    announcer.announce('postern.breaker.opened', 'a', { refs, failures: 5, until: '2026-03-01T10:01:00Z', ...last })
    announcer.announce('postern.subscription.paused', 'a', { refs, by: 'gone', ...last })
    announcer.announce('postern.rejections.spiked', 'a', {
      refs: { source: 'arix' },
      cause: 'check_failed',
      httpStatus: 401,
    })
    announcer.announce('postern.quarantine.grown', 'a', grown)
    await announcer.close()
    const events = await all()
    expect(events.map(({ type }) => type)).toEqual(Object.keys(catalogue).filter(type => type.startsWith('postern.')))
    for (const { type, data } of events) {
      const { error } = catalogue[type as keyof typeof catalogue].strict().safeParse(JSON.parse(data))
      expect({ type, error }).toEqual({ type, error: undefined })
    }
    expect(events.map(({ subject }) => subject)).toEqual([
      ...Array(3).fill('subscription/loan-book'),
      ...Array(2).fill('source/arix'),
    ])
    expect(events[0]).toMatchObject({ source: 'postern', vendor: 'postern', namespace: 'postern', traceparent: null })
    const found = await store.list({ filter: { refs: ['event:evt_1'] }, order: 'oldest', limit: 10 })
    expect(found.events).toHaveLength(3)
    expect((await store.requestOf(events[4]!))?.body.toString()).toBe(JSON.stringify({ ...grown, count: 1 }))
  })

  test('two nodes that count otherwise are one event and no conflict', async () => {
    const time = standingClock(start)
    for (const times of [2, 7]) {
      const announcer = new Announcer({ append: store.append, ...time, log: silent })
      announcer.announce('postern.quarantine.grown', 'arix', grown, { times })
      await announcer.close()
    }
    const [first, ...more] = await all()
    expect(JSON.parse(first!.data)).toMatchObject({ count: 2 })
    expect(more).toEqual([])
    expect((await store.listConflicts({ limit: 10 })).items).toEqual([])
  })
})
