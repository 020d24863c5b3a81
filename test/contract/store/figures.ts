// Figures of the sources, and originals by the page.
import { describe, expect, test } from 'vitest'
import type { SourceStats } from '../../../src/store/store.ts'
import { type OpenStore, withInbox } from './inbox.ts'
import { appendAll, day, logOf, minute, record, rejected, request, start, waiting } from './record.ts'

const none: Omit<SourceStats, 'source'> = {
  lastReceived: null,
  lastHour: 0,
  lastDay: 0,
  quarantine: 0,
  rejections: 0,
  conflicts: 0,
}

export function testFigures(open: OpenStore): void {
  test('figures tell of each source what came lately, and what did not get in', () =>
    withInbox(open, async ({ store }) => {
      expect(await store.stats(start)).toEqual([])
      const limits = { countMax: 100, bytesMax: 1e6 }
      const ages = [3 * day, 2 * day, 20 * 60 * minute, 90 * minute, 30 * minute, 5 * minute]
      await appendAll(
        store,
        ages.flatMap((age, index) => [
          record(`a ${index}`, { source: 'a', type: index % 2 === 0 ? 'loan.created' : 'x.y', received: start - age }),
          ...(age > day ? [record(`b ${index}`, { source: 'b', received: start - age })] : []),
        ]),
      )
      await store.append([record('a 1', { source: 'a' })], request('something else'))
      for (const text of ['1', '2', '3']) await store.quarantine(waiting(text, { source: 'b' }), request(text))
      await store.quarantine(waiting('4', { source: 'never' }), request('4'))
      await store.reject(rejected('5', { source: 'a' }), request('5'), limits)
      const expected = [
        {
          ...none,
          source: 'a',
          lastReceived: start - 5 * minute,
          lastHour: 2,
          lastDay: 4,
          rejections: 1,
          conflicts: 1,
        },
        { ...none, source: 'b', lastReceived: start - 2 * day, quarantine: 3 },
        { ...none, source: 'never', quarantine: 1 },
      ]
      expect(await store.stats(start)).toEqual(expected)
      expect(await store.stats(start)).toEqual(expected)
      await appendAll(store, [record('later', { source: 'b', received: start + minute })])
      const [, b] = await store.stats(start + minute)
      expect(b).toMatchObject({ lastReceived: start + minute, lastHour: 1, lastDay: 1 })
      // An hour and a day later.
      expect((await store.stats(start + 2 * day)).map(({ lastDay }) => lastDay)).toEqual([0, 0, 0])
    }))

  describe('originals', () => {
    test('are read as far as they may be, those of one request once, and of one event at least', () =>
      withInbox(open, async ({ store }) => {
        await store.append([record('1'), record('2')], request('x'.repeat(100)))
        await store.append([record('3')], request('', { method: 'GET', query: 'a=1' }))
        await store.append([record('4')], request('y'.repeat(1_000)))
        await store.append([record('5')], request('z'))
        const log = await logOf(store)
        const lengths = async (events: typeof log, bytesMax: number) => {
          const { originals, upTo } = await store.originals(events, bytesMax)
          return [upTo, [...originals].map(([sequence, { body }]) => [sequence, body.length]).sort()]
        }
        const upToThree = [3, [[1, 100], [2, 100], [3, 0]]] // biome-ignore format: short
        expect(await lengths(log, 500)).toEqual(upToThree)
        expect(await lengths(log, 100)).toEqual(upToThree)
        expect(await lengths(log.slice(3), 500)).toEqual([4, [[4, 1_000]]])
        expect((await lengths(log, 1e6))[0]).toBe(5)
        expect((await store.originals(log.slice(2, 3), 10)).originals.get(3)).toEqual({
          query: 'a=1',
          body: Buffer.alloc(0),
        })
        expect(await lengths([], 10)).toEqual([0, []])
      }))

    test('of what is no longer kept are left out', () =>
      withInbox(open, async ({ store }) => {
        await appendAll(store, [record('1'), record('2', { received: start + 10 * day })])
        const log = await logOf(store)
        await store.expire(new Map(), start + day, start, new AbortController().signal)
        const { originals, upTo } = await store.originals(log, 1e6)
        expect([[...originals.keys()], upTo]).toEqual([[2], 2])
      }))
  })
}
