// The spool's room, what it says of itself, its start and its end.
import { describe, expect, test } from 'vitest'
import { shortLivedFileSystem } from '../../../src/store/spool/spool.ts'
import { appendAll, record, rejected, request, start } from '../../contract/store/record.ts'
import { until } from '../../support/until.ts'
import { eachBench, inSpool, limits } from './spooled.ts'

const { append, bench, keysOf } = eachBench()

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
    let isClosed = false
    const closing = bench.store.close().then(() => {
      isClosed = true
    })
    await until('it has waited enough', () => {
      bench.timers.pass(5_000)
      return isClosed
    })
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
