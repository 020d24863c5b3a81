// The way through the spool: each sender's order, and what the database refuses for what it holds.
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { entryId, eventIdOf, idOf, record, rejected, request, waiting } from '../../contract/store/record.ts'
import { until } from '../../support/until.ts'
import { eachBench, inSpool, limits } from './spooled.ts'

const { append, bench, entries, keysOf } = eachBench()

describe('order', () => {
  test('while anything waits, all that comes in waits behind it, though the database is back', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    await append('b')
    await bench.pauses()
    bench.database.fate = 'done'
    expect(await append('c')).toEqual(inSpool('c'))
    await bench.drained()
    expect(await append('d')).toMatchObject([{ sequence: 4 }])
    expect(await keysOf('a', 'b', 'c', 'd')).toEqual(['a', 'b', 'c', 'd'])
  })

  test('what comes while the last of the spool is moved waits for the way to be straight, and no longer than a second', async () => {
    bench.database.fate = 'store_unreachable'
    await append('a')
    await bench.pauses()
    bench.database.fate = 'done'
    const gates: PromiseWithResolvers<void>[] = []
    bench.database.before = () => {
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      return gate.promise
    }
    try {
      await until('a is moved', () => {
        bench.tryAgain()
        return gates.length >= 1
      })
      expect(await append('b')).toEqual(inSpool('b'))
      gates[0]!.resolve()
      // The page was the last one: b is moved while c is held. No time passes meanwhile, or the second would be over.
      await until('b is moved', () => gates.length >= 2)
      let settled = false
      const held = append('c').then(outcomes => {
        settled = true
        return outcomes
      })
      await new Promise(resolve => setImmediate(resolve))
      expect(settled).toBe(false)
      bench.timers.pass(1_000)
      expect(await held).toEqual(inSpool('c'))
    } finally {
      bench.database.before = () => Promise.resolve()
      for (const gate of gates) gate.resolve()
    }
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
