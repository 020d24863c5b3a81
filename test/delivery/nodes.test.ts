// Several engines on one store: who leases, who feeds, and what becomes of one that freezes, dies or ends.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { failed, succeeded } from '../../src/delivery/destination.ts'
import { feedDuty } from '../../src/delivery/feeder.ts'
import { record } from '../contract/store/record.ts'
import { RunningNodes } from '../support/running-nodes.ts'

let running: RunningNodes

beforeEach(async () => {
  running = await RunningNodes.open()
})
afterEach(() => running.remove())

const bad = failed('answered 500', { status: 500 })
const never = () => undefined
const lane = (count: number, subject = 'loan/A') =>
  Array.from({ length: count }, (_, index) => record(`${subject} ${index}`, { subject }))
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

describe('leases', () => {
  test('are renewed, also of what waits to begin: nobody else gets what is in hand, however long it takes', async () => {
    await running.subscribe('one', { concurrency: 2, timeoutMs: 600_000 })
    await running.append(6)
    const [a, b] = running.make(['a', 'b'], never)
    await running.start(a)
    await running.start(b)
    expect(await running.base.counts('one')).toEqual({ delivering: 6 })
    await running.pass(200_000, 80)
    expect(running.attempted('one')).toEqual([1, 2])
    for (let ended = 0; ended < 6; ended++) {
      a.to('one').open[0]?.end()
      await running.quiet()
    }
    expect(a.to('one').sequences).toEqual(upTo(6))
    expect(await running.base.counts('one')).toEqual({ succeeded: 6 })
  })

  test('of a node that froze go to others: what it began does not count, and it begins no more of them', async () => {
    await running.subscribe('one', { concurrency: 2, order: 'subject', timeoutMs: 600_000 })
    await running.append([...lane(2), ...lane(2, 'loan/B'), ...lane(1, 'loan/C')])
    const [a, b] = running.make(['a', 'b'], never)
    await running.start(a)
    b.to('one').answer = () => succeeded()
    await running.start(b)
    expect(a.to('one').sequences).toEqual([1, 3])
    const thaw = running.shared.freeze('a')
    running.shared.die('a')
    await running.pass(60_000, 30)
    expect(sorted(b.to('one').sequences)).toEqual(upTo(5))
    expect(await running.base.counts('one')).toEqual({ succeeded: 5 })
    for (const attempt of a.to('one').open) attempt.end(bad)
    await running.quiet()
    thaw()
    await running.pass(60_000, 30)
    expect(a.to('one').sequences, 'nothing else that it had in hand').toEqual([1, 3])
    expect(await running.base.counts('one')).toEqual({ succeeded: 5 })
    expect(await running.base.all('one')).toMatchObject(upTo(5).map(() => ({ spent: 0 })))
    expect(a.heard('leasesLost').reduce((sum, [, , count]) => sum + (count as number), 0)).toBe(3)
  })

  test('that may have run out are not begun, though the store has not said so yet', async () => {
    await running.subscribe('one', { concurrency: 1, timeoutMs: 600_000 })
    await running.append(3)
    const [a] = running.make(['a'], never)
    await running.start(a)
    expect(a.to('one').sequences).toEqual([1])
    const thaw = running.shared.freeze('a')
    await running.pass(26_000, 5)
    a.to('one').open[0]!.end()
    await running.pass(100)
    expect(a.to('one').sequences).toEqual([1])
    thaw()
    a.to('one').answer = () => succeeded()
    await running.pass(60_000, 30)
    expect(a.to('one').sequences).toEqual([1, 2, 3])
    expect(await running.base.counts('one')).toEqual({ succeeded: 3 })
  })

  test('that ran out while the store was away are their holders’ again, where nobody was faster', async () => {
    await running.subscribe('one', { timeoutMs: 900_000 })
    await running.append(2)
    const [a, b] = running.make(['a', 'b'], never)
    await running.start(a, b)
    await running.pass(25_000, 10)
    running.shared.failing = true
    await running.pass(300_000, 100)
    running.shared.failing = false
    await running.pass(60_000, 30)
    expect(sorted(running.attempted('one'))).toEqual([1, 2])
    for (const node of [a, b]) node.endAll()
    await running.quiet()
    expect(await running.base.counts('one')).toEqual({ succeeded: 2 })
    for (const node of [a, b]) expect(node.heard('leasesLost')).toEqual([])
  })

  test('settled as dead under one that was lost: nobody is told that it died', async () => {
    await running.subscribe('one', { retry: { scheduleMs: [0], jitter: 0 }, timeoutMs: 600_000 })
    await running.append(1)
    const [a, b] = running.make(['a', 'b'], never)
    await running.start(a)
    b.to('one').answer = () => succeeded()
    await running.start(b)
    const thaw = running.shared.freeze('a')
    running.shared.die('a')
    await running.pass(60_000, 12)
    thaw()
    a.to('one').open[0]!.end(bad)
    await running.pass(10_000, 2)
    expect(await running.base.counts('one')).toEqual({ succeeded: 1 })
    expect([...a.heard('died'), ...b.heard('died')]).toEqual([])
    expect(a.heard('leasesLost')).toEqual([['leasesLost', 'one', 1]])
  })
})

describe('feeding', () => {
  test('is one node’s, and each event is attempted once', async () => {
    const number = await running.subscribe('one', { concurrency: 4 })
    const nodes = running.make(['a', 'b', 'c'])
    running.shared.owners.set(feedDuty(number), 'b')
    await running.start(...nodes)
    for (let times = 0; times < 5; times++) await running.append(30)
    await running.pass(1_000, 10)
    expect(sorted(running.attempted('one'))).toEqual(upTo(150))
    for (const method of ['feed', 'scan']) {
      expect(new Set(running.shared.calls.filter(call => call.endsWith(` ${method}`)))).toEqual(
        new Set([`b ${method}`]),
      )
    }
    for (const node of nodes) expect(node.heard('failed')).toEqual([])
  })

  test('goes on while its node has no room and others have', async () => {
    await running.subscribe('one', { concurrency: 2, types: ['loan.*'] })
    const some = (count: number, type: string) =>
      Array.from({ length: count }, (_, index) => record(`${type} ${running.shared.calls.length} ${index}`, { type }))
    await running.append(some(10, 'loan.created'))
    const [a, b, c] = running.make(['a', 'b', 'c'])
    a.to('one').answer = never
    await running.start(a)
    expect(await running.base.counts('one')).toEqual({ delivering: 10 })
    // More than two pages.
    await running.append([...some(4_100, 'client.created'), ...some(20, 'loan.created')])
    await running.start(b, c)
    await running.pass(1_000, 20)
    expect(sorted([...b.to('one').sequences, ...c.to('one').sequences])).toEqual(upTo(4_130).slice(4_110))
    expect(a.to('one').attempts).toHaveLength(2)
  })

  test('a backlog stays in the log while no node has room', async () => {
    await running.subscribe('one', { concurrency: 2 })
    await running.append(3_000)
    await running.start(...running.make(['a', 'b', 'c'], never))
    await running.pass(30_000, 60)
    // A page, and what each has in hand.
    expect((await running.base.all('one')).length).toBeLessThanOrEqual(2_050)
  })

  test('moves on when its node dies, from where it stood', async () => {
    await running.subscribe('one')
    const [a, b] = running.make(['a', 'b'])
    await running.start(a)
    await running.start(b)
    await running.append(5)
    running.shared.freeze('a')
    await running.append(5)
    expect(running.attempted('one')).toHaveLength(5)
    running.shared.die('a')
    await running.quiet()
    expect(sorted(running.attempted('one'))).toEqual(upTo(10))
    expect(b.heard('failed')).toEqual([])
  })

  test('by two for a moment writes each page once, and neither calls it a failure', async () => {
    const number = await running.subscribe('one', { concurrency: 20 })
    const nodes = running.make(['a', 'b'])
    await running.start(...nodes)
    const thaw = running.shared.freeze('a')
    await running.append(150)
    running.shared.owners.set(feedDuty(number), 'b')
    await running.pass(100, 2)
    expect(running.attempted('one').length).toBeLessThan(150)
    running.shared.everybody = true
    thaw()
    await running.append(150)
    await running.pass(10_000, 20)
    expect(sorted(running.attempted('one'))).toEqual(upTo(300))
    for (const node of nodes) expect(node.heard('failed')).toEqual([])
  })

  test('is taken up by another where its node does not know the subscription', async () => {
    const number = await running.subscribe('one')
    const nodes = running.make(['a', 'b'])
    running.shared.owners.set(feedDuty(number), 'an older one')
    await running.start(...nodes)
    await running.append(3)
    await running.pass(15_000, 15)
    expect(running.attempted('one')).toEqual([])
    await running.pass(15_000, 15)
    expect(sorted(running.attempted('one'))).toEqual([1, 2, 3])
    await running.append(3)
    expect(sorted(running.attempted('one')), 'from now on at once').toEqual(upTo(6))
  })

  test('a replay that is fed by two is whole', async () => {
    const number = await running.subscribe('one', { concurrency: 20 })
    await running.append(210)
    const nodes = running.make(['a', 'b'])
    await running.start(...nodes)
    running.shared.everybody = true
    const replay = { subscription: number, filter: '{}', first: 1, last: 210, key: null, now: Date.now() }
    const { replay: added } = await running.base.deliveries.addReplay(replay)
    await running.pass(10_000, 20)
    expect(await running.base.deliveries.replay(added.number)).toMatchObject({ state: 'done', matched: 210 })
    expect(await running.base.deliveries.replayCounts(added.number)).toMatchObject({ succeeded: 210 })
    for (const node of nodes) expect(node.heard('failed')).toEqual([])
  })
})

describe('the rate', () => {
  test('holds over all nodes, in any stretch of its length, and is used', async () => {
    await running.subscribe('one', { concurrency: 20, rate: { limit: 5, intervalMs: 1_000 } })
    await running.append(60)
    const nodes = running.make(['a', 'b', 'c'])
    await running.start(...nodes)
    await running.pass(15_000, 600)
    const begun = sorted(nodes.flatMap(node => node.to('one').attempts.map(({ now }) => now)))
    expect(begun).toHaveLength(60)
    for (const time of begun) {
      expect(begun.filter(each => each >= time && each < time + 1_000).length).toBeLessThanOrEqual(5)
    }
    expect(begun.at(-1)! - begun[0]!, 'nor is it much slower than it may be').toBeLessThanOrEqual(12_500)
    for (const node of nodes) expect(node.heard('failed')).toEqual([])
  })

  test('leaves a backlog in the log', async () => {
    await running.subscribe('one', { concurrency: 20, rate: { limit: 5, intervalMs: 60_000 } })
    await running.append(3_000)
    await running.start(...running.make(['a', 'b', 'c']))
    await running.pass(300_000, 30)
    expect(running.attempted('one').length).toBeGreaterThan(20)
    expect((await running.base.all('one')).length).toBeLessThanOrEqual(2_050)
  })
})

describe('lanes', () => {
  test('are in order over all nodes, whichever settles', async () => {
    const subjects = ['loan/A', 'loan/B', 'loan/C', 'loan/D']
    await running.subscribe('one', { order: 'subject', concurrency: 3 })
    await running.append(subjects.flatMap(subject => lane(12, subject)))
    const begun = new Map(subjects.map(subject => [subject, [] as number[]]))
    const nodes = running.make(['a', 'b', 'c'], ({ event }) => {
      begun.get(event.subject!)!.push(event.sequence)
      return Promise.resolve(succeeded())
    })
    await running.start(...nodes)
    await running.pass(20_000, 100)
    expect(await running.base.counts('one')).toEqual({ succeeded: 48 })
    for (const own of begun.values()) expect(own).toEqual(sorted(own))
    expect([...begun.values()].flat()).toHaveLength(48)
  })
})

describe('time', () => {
  test('is the store’s, whatever this machine’s clock says', async () => {
    await running.subscribe('one', { retry: { scheduleMs: [0, 5_000, 5_000], jitter: 0 } })
    const [a] = running.make(['a'], () => bad)
    const stored = Date.now()
    vi.setSystemTime(stored + 3_600_000)
    running.shared.skewMs = -3_600_000
    await running.start(a)
    await running.append(1)
    expect((await running.base.all('one'))[0]!.due).toBe(stored + 5_000)
    // It is put right, and measured again somewhat later.
    vi.setSystemTime(stored + 1_000)
    await running.append(1)
    expect((await running.base.all('one'))[1]!.due).toBeLessThanOrEqual(stored + 5_100)
    running.shared.skewMs = 0
    await running.pass(5_000, 5)
    expect(sorted(a.to('one').sequences)).toEqual([1, 1, 2, 2])
  })
})

describe('the end of a node', () => {
  test('gives back what it has not begun, and its duties: the others go on at once', async () => {
    await running.subscribe('one', { concurrency: 2, timeoutMs: 60_000 })
    await running.append(10)
    const [a, b] = running.make(['a', 'b'], never)
    await running.start(a)
    expect(a.to('one').sequences).toEqual([1, 2])
    b.to('one').answer = () => succeeded()
    await running.start(b)
    expect(b.to('one').sequences).toEqual([])
    const closing = a.close(10_000)
    await running.quiet()
    expect(sorted(b.to('one').sequences)).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
    await running.append(5)
    expect(b.to('one').sequences.slice(8), 'it feeds now').toEqual([11, 12, 13, 14, 15])
    a.endAll()
    await closing
    expect(await running.base.counts('one')).toEqual({ succeeded: 15 })
    expect(await running.base.all('one')).toMatchObject(upTo(15).map(() => ({ spent: 0 })))
  })
})
