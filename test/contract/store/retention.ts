// Retention: what is too old goes, in steps that no append waits for; what must outlive it stays.
import { describe, expect, test } from 'vitest'
import type { Store } from '../../../src/store/store.ts'
import { type OpenStore, withInbox } from './inbox.ts'
import { appendAll, day, idOf, logOf, minute, record, request, start } from './record.ts'

/** Days after the start as a cut-off. */
const at = (days: number) => start + days * day
const never = new AbortController().signal
const expire = (store: Store, cutoffs: Record<string, number>, fallback: number) =>
  store.expire(new Map(Object.entries(cutoffs)), fallback, fallback, never)

export function testRetention(open: OpenStore): void {
  describe('retention', () => {
    test('deletes by age, each source by its own cut-off', async () => {
      await withInbox(open, async opened => {
        const records = Array.from({ length: 350 }, (_, index) =>
          record(`e${index}`, {
            source: ['short', 'long', 'plain'][index % 3]!,
            received: at(Math.floor(index / 35)),
            vendorid: `e${index}`,
          }),
        )
        for (let from = 0; from < records.length; from += 50)
          await appendAll(opened.store, records.slice(from, from + 50))
        const cutoffs = { short: at(8), long: at(2) }
        const kept = records.filter(({ source, received }) => received >= { ...cutoffs, plain: at(5) }[source]!)
        expect(await expire(opened.store, cutoffs, at(5))).toBe(records.length - kept.length)
        expect((await logOf(opened.store)).map(({ vendorid }) => vendorid)).toEqual(
          kept.map(({ vendorid }) => vendorid),
        )
        for (const { vendorid, source } of records) {
          const stays = kept.some(each => each.vendorid === vendorid)
          const event = await opened.store.event(idOf(vendorid!, source))
          expect([vendorid, event?.vendorid]).toEqual([vendorid, stays ? vendorid : undefined])
          if (event !== undefined)
            expect(await opened.store.requestOf(event)).toMatchObject({ received: event.received })
        }
        expect(await expire(opened.store, cutoffs, at(5)), 'nothing is left to delete').toBe(0)
      })
    })

    test('takes small steps: appends go on between them', async () => {
      await withInbox(open, async opened => {
        const old = Array.from({ length: 2_000 }, (_, index) => record(`old ${index}`))
        await opened.store.append(old.slice(0, 1_000), request('a thousand'))
        await opened.store.append(old.slice(1_000), request('another thousand'))
        const appends: Promise<unknown>[] = []
        let answered = 0
        let answeredMeanwhile = 0
        // It is asked before each step.
        const signal = { get aborted() {
          answeredMeanwhile = answered
          const fresh = record(`new ${appends.length}`, { received: at(2) })
          appends.push(opened.store.append([fresh], request('new')).finally(() => answered++))
          return false
        } } as AbortSignal // biome-ignore format: short
        expect(await opened.store.expire(new Map(), at(1), at(1), signal)).toBe(2_000)
        const appended = appends.length
        expect(appended, 'steps').toBeGreaterThan(3)
        expect(answeredMeanwhile, 'appends between them').toBeGreaterThan(0)
        for (const outcome of await Promise.all(appends)) expect(outcome).toMatchObject([{ status: 'accepted' }])
        const log = await logOf(opened.store)
        expect(log).toHaveLength(appended)
        expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, index) => 2_001 + index))
      })
    })

    test('ends after its current step when it is asked to, and goes on from there the next time', async () => {
      await withInbox(open, async opened => {
        const old = Array.from({ length: 500 }, (_, index) => record(`old ${index}`))
        await opened.store.append(old, request('five hundred'))
        let asked = 0
        const signal = { get aborted() {
          return ++asked > 2
        } } as AbortSignal // biome-ignore format: short
        const some = await opened.store.expire(new Map(), at(1), at(1), signal)
        expect(some).toBeGreaterThan(0)
        expect(some).toBeLessThan(500)
        expect(await logOf(opened.store)).toHaveLength(500 - some)
        expect(await opened.store.expire(new Map(), at(1), at(1), AbortSignal.abort())).toBe(0)
        expect(await expire(opened.store, {}, at(1))).toBe(500 - some)
      })
    })

    test('of one event does not take the request of another, and of the last one does', async () => {
      await withInbox(open, async opened => {
        const records = Array.from({ length: 1_000 }, (_, index) =>
          record(`of one request ${index}`, { source: index === 999 ? 'long' : 'short' }),
        )
        const shared = request('a thousand events')
        await opened.store.append(records, shared)
        expect(await expire(opened.store, { long: at(-1) }, at(1))).toBe(999)
        const last = await opened.store.event(idOf('of one request 999', 'long'))
        expect(await opened.store.requestOf(last!)).toEqual(shared)
        expect(await expire(opened.store, {}, at(1))).toBe(1)
        expect(await opened.store.requestOf(last!)).toBeUndefined()
      })
    })

    test('an identity outlives its event: what is sent again is a duplicate for 61 days, and no longer for ever', async () => {
      await withInbox(open, async opened => {
        const send = async (key: string, received = start, body = key) =>
          (await opened.store.append([record(key, { received })], request(body, { received })))[0]
        await send('old')
        await send('younger', at(0.5))
        // A source that keeps its events for one day, and days on which others come.
        for (const today of [2, 10, 30, 60]) {
          await send(`of day ${today}`, at(today))
          await expire(opened.store, {}, at(today - 1))
          expect(await opened.store.event(idOf('old'))).toBeUndefined()
          expect([today, await send('old', at(today))]).toEqual([
            today,
            { id: expect.any(String), status: 'duplicate', sequence: 1, conflict: false },
          ])
        }
        await opened.reopen()
        await expire(opened.store, {}, at(59.9))
        expect(await send('younger', at(60.9))).toMatchObject({ status: 'duplicate', sequence: 2 })
        expect(await send('younger', at(60.9), 'other')).toMatchObject({ status: 'duplicate', conflict: true })
        const { head } = await opened.store.extent()
        await expire(opened.store, {}, at(199))
        await expire(opened.store, {}, at(199))
        expect(await send('old', at(200))).toMatchObject({ status: 'accepted', sequence: head + 1 })
        expect(await opened.store.event(idOf('old'))).toMatchObject({ sequence: head + 1, received: at(200) })
      })
    })

    test('an identity is never forgotten while its event is there', async () => {
      await withInbox(open, async opened => {
        const records = [record('kept', { source: 'long' }), record('gone', { source: 'short' })]
        await opened.store.append(records, request('two sources'))
        await appendAll(opened.store, [record('now', { received: at(300) })])
        await expire(opened.store, { long: at(-100), short: at(290) }, at(290))
        const again = await opened.store.append(records, request('two sources', { received: at(300) }))
        expect(again.map(({ status }) => status)).toEqual(['duplicate', expect.any(String)])
        expect(await opened.store.event(idOf('kept', 'long'))).toMatchObject({ sequence: 1 })
      })
    })

    test('leaves filters by time right', async () => {
      await withInbox(open, async opened => {
        const records = Array.from({ length: 200 }, (_, index) =>
          record(`e${index}`, { source: index % 2 === 0 ? 'long' : 'plain', received: start + index * 10 * minute }),
        )
        await appendAll(opened.store, records)
        await expire(opened.store, { long: start + 20 * 10 * minute }, start + 120 * 10 * minute)
        await opened.reopen()
        const received = async (receivedAfter: number, receivedBefore: number) =>
          (
            await opened.store.list({ filter: { receivedAfter, receivedBefore }, order: 'oldest', limit: 500 })
          ).events.map(event => event.received)
        const [low, high] = [start + 15 * 10 * minute, start + 140 * 10 * minute]
        const expected = records.filter(
          (each, index) => each.received >= low && each.received < high && index >= (each.source === 'long' ? 20 : 120),
        )
        expect(await received(low, high)).toEqual(expected.map(each => each.received))
        expect(await received(start - day, low)).toEqual([])
      })
    })

    test('of old conflicts', async () => {
      await withInbox(open, async opened => {
        const send = (body: string, received: number) =>
          opened.store.append([record('disputed', { received })], request(body, { received }))
        await send('first', start)
        await send('second', start)
        await send('third', at(5))
        await expire(opened.store, {}, at(3))
        const { items } = await opened.store.listConflicts({ limit: 10 })
        expect(items).toEqual([expect.objectContaining({ received: at(5) })])
      })
    })
  })
}
