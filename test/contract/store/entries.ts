// What waits beside the log: quarantine, rejections in their ring, and the ways from there into the log.
import { describe, expect, test } from 'vitest'
import type { Listed, Page, QuarantineEntry, Rejection, Store } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore } from './inbox.ts'
import { entryId, eventIdOf, idOf, listed, logOf, record, rejected, request, start, waiting } from './record.ts'

const roomy = { countMax: 200, bytesMax: 1_000_000 }

export function testEntries(open: OpenStore): void {
  describe('quarantine', () => {
    const inbox = inboxFor(open)

    test('keeps a request once, whole, under its id', async () => {
      const entry = waiting('w1', { reason: 'there is no type "x"' })
      const whole = request('not understood', { method: 'PUT', rest: 'custom', query: 'q', redacted: ['a'] })
      const once = () => inbox.store.quarantine(entry, whole)
      const answers = await Promise.all(Array.from({ length: 10 }, once))
      expect(answers.filter(status => status === 'accepted')).toHaveLength(1)
      await inbox.reopen()
      expect(await once()).toBe('duplicate')
      expect(await inbox.store.quarantined(entry.id)).toEqual({ ...entry, ...whole })
      expect(await all(inbox.store, 'listQuarantine')).toEqual([listed({ ...entry, ...whole })])
      expect(await inbox.store.quarantined(entryId('nobody'))).toBeUndefined()
    })

    test('is listed newest first, page by page, of one source if asked', async () => {
      for (let index = 0; index < 7; index++) {
        const source = index % 2 === 0 ? 'even' : 'odd'
        await inbox.store.quarantine(waiting(`page ${index}`, { source }), request(`page ${index}`))
      }
      const reasons = (items: readonly QuarantineEntry[]) => items.map(({ reason }) => reason.slice(-1))
      const whole = await all(inbox.store, 'listQuarantine')
      expect(reasons(whole.slice(0, 7))).toEqual(['6', '5', '4', '3', '2', '1', '0'])
      expect(await all(inbox.store, 'listQuarantine', 2)).toEqual(whole)
      expect(reasons(await all(inbox.store, 'listQuarantine', 2, ['odd']))).toEqual(['5', '3', '1'])
      expect(await all(inbox.store, 'listQuarantine', 2, ['nobody'])).toEqual([])
      expect(await all(inbox.store, 'listQuarantine', 3, ['odd', 'even', 'nobody'])).toEqual(whole.slice(0, 7))
      expect(reasons(await all(inbox.store, 'listQuarantine', 2, ['even']))).toEqual(['6', '4', '2', '0'])
      expect(await all(inbox.store, 'listQuarantine', 2, [])).toEqual([])
    })

    test('is discarded once', async () => {
      const { id } = waiting('discarded')
      await inbox.store.quarantine(waiting('discarded'), request('discarded'))
      const answers = await Promise.all([inbox.store.discard(id), inbox.store.discard(id)])
      expect([...answers, await inbox.store.discard(id)].toSorted()).toEqual([false, false, true])
      expect(await inbox.store.quarantined(id)).toBeUndefined()
    })
  })

  describe('a release', () => {
    const inbox = inboxFor(open)

    test('appends at the head with the time of the receipt, and only one of several does', async () => {
      const kept = request('understood later', { received: start - 5_000, rest: 'rest' })
      await inbox.store.quarantine(waiting('r1'), kept)
      await inbox.store.append([record('before the release')], request('before'))
      const records = [record('released 1', { received: kept.received }), record('released 2', kept)]
      const release = () => inbox.store.release(entryId('r1'), records, kept)
      const answers = await Promise.all([release(), release(), release()])
      expect(answers.map(outcomes => outcomes.length).toSorted()).toEqual([0, 0, 2])
      expect(answers.find(outcomes => outcomes.length > 0)).toEqual([
        { id: eventIdOf('released 1'), status: 'accepted', sequence: 2, conflict: false },
        { id: eventIdOf('released 2'), status: 'accepted', sequence: 3, conflict: false },
      ])
      expect(await release()).toEqual([])
      expect(await inbox.store.quarantined(entryId('r1'))).toBeUndefined()
      const event = await inbox.store.event(idOf('released 2'))
      expect(event?.received).toBe(kept.received)
      expect(await inbox.store.requestOf(event!)).toEqual(kept)
    })

    test('of what has come again meanwhile is a duplicate, and waits no more', async () => {
      await inbox.store.quarantine(waiting('r2'), request('came twice'))
      await inbox.store.append([record('came twice')], request('came twice'))
      const outcomes = await inbox.store.release(entryId('r2'), [record('came twice')], request('came twice'))
      expect(outcomes).toMatchObject([{ status: 'duplicate', conflict: false }])
      expect(await inbox.store.quarantined(entryId('r2'))).toBeUndefined()
    })

    test('of what nobody keeps, or what was discarded, appends nothing', async () => {
      await inbox.store.quarantine(waiting('r3'), request('discarded'))
      await inbox.store.discard(entryId('r3'))
      for (const id of ['r3', 'never there']) {
        expect(await inbox.store.release(entryId(id), [record('nothing')], request('nothing'))).toEqual([])
      }
      expect(await inbox.store.event(idOf('nothing'))).toBeUndefined()
    })

    test('that cannot be stored leaves it waiting', async () => {
      await inbox.store.quarantine(waiting('r4'), request('kept'))
      const records = [record('half stored'), record('unfit', { received: Number.NaN })]
      await expect(inbox.store.release(entryId('r4'), records, request('kept'))).rejects.toThrow()
      expect(await inbox.store.quarantined(entryId('r4'))).toMatchObject({ id: entryId('r4') })
      expect(await inbox.store.event(idOf('half stored'))).toBeUndefined()
      expect(await inbox.store.release(entryId('r4'), [record('half stored')], request('kept'))).toHaveLength(1)
    })
  })

  describe('rejections', () => {
    const inbox = inboxFor(open)
    const reject = (text: string, source: string, limits = roomy, body = text) =>
      inbox.store.reject(rejected(text, { source }), request(body), limits)
    const kept = async (source: string) =>
      (await all(inbox.store, 'listRejections', 3, [source])).map(({ reason }) => reason.replace('no: ', ''))

    test('are kept whole', async () => {
      const truncated = rejected('cut', { source: 'whole', truncated: true, sealed: null, status: 413 })
      const whole = rejected('whole', { source: 'whole' })
      const asked = request('rejected', { redacted: ['data.token'], sha256: Buffer.alloc(32, 1) })
      await inbox.store.reject(truncated, request(''), roomy)
      // Told again, as by who does not know whether it was heard.
      for (let round = 0; round < 2; round++) await inbox.store.reject(whole, asked, roomy)
      await inbox.reopen()
      expect(await inbox.store.rejection(whole.id)).toEqual({ ...whole, ...asked })
      expect(await all(inbox.store, 'listRejections', 1, ['whole'])).toEqual([
        listed({ ...whole, ...asked }),
        listed({ ...truncated, ...request('') }),
      ])
      expect(await inbox.store.rejection(entryId('nobody'))).toBeUndefined()
    })

    test('are so many of a source, the newest', async () => {
      await reject('of another', 'other')
      const names = Array.from({ length: 12 }, (_, index) => `c${index}`)
      await Promise.all(names.map(name => reject(name, 'counted', { ...roomy, countMax: 5 })))
      expect(await kept('counted'), 'of many at once').toHaveLength(5)
      for (const name of names) await reject(`again ${name}`, 'counted', { ...roomy, countMax: 5 })
      expect(await kept('counted')).toEqual(['c11', 'c10', 'c9', 'c8', 'c7'].map(name => `again ${name}`))
      expect(await kept('other')).toEqual(['of another'])
    })

    test('are so many bytes of a source, the newest, headers and sealed values among them', async () => {
      const limits = { ...roomy, bytesMax: 5_000 }
      const body = 'x'.repeat(1_000)
      for (let index = 0; index < 9; index++) await reject(`b${index}`, 'weighed', limits, body)
      expect(await kept('weighed')).toEqual(['b8', 'b7', 'b6', 'b5'])
      const headers = [['long', 'x'.repeat(3_000)]] as const
      await inbox.store.reject(rejected('b9', { source: 'weighed' }), request('', { headers }), limits)
      expect(await kept('weighed')).toEqual(['b9', 'b8'])
      const sealed = Buffer.alloc(4_500)
      await inbox.store.reject(rejected('b10', { source: 'weighed', sealed }), request(''), limits)
      expect(await kept('weighed')).toEqual(['b10'])
    })

    test('larger than all that may be kept push nobody out', async () => {
      const limits = { ...roomy, bytesMax: 5_000 }
      await reject('small', 'crowded', limits)
      await reject('huge', 'crowded', limits, 'x'.repeat(5_001))
      await reject('small too', 'crowded', limits)
      expect(await kept('crowded')).toEqual(['small too', 'small'])
    })
  })

  describe('an admission', () => {
    const inbox = inboxFor(open)

    test('moves a rejection into the log once, whoever asks', async () => {
      await inbox.store.reject(rejected('a1'), request('genuine after all'), roomy)
      const admit = () => inbox.store.admit(entryId('a1'), [record('admitted')], request('genuine after all'))
      const answers = await Promise.all([admit(), admit()])
      expect(answers.flat()).toEqual([{ id: eventIdOf('admitted'), status: 'accepted', sequence: 1, conflict: false }])
      expect(await admit()).toEqual([])
      expect(await inbox.store.rejection(entryId('a1'))).toBeUndefined()
      const event = await inbox.store.event(idOf('admitted'))
      expect((await inbox.store.requestOf(event!))?.body.toString()).toBe('genuine after all')
    })

    test('moves what nobody understands into quarantine, once', async () => {
      const asked = request('genuine, and strange', { received: start - 1 })
      await inbox.store.reject(rejected('a2'), asked, roomy)
      for (let round = 0; round < 2; round++) {
        expect(await inbox.store.admit(entryId('a2'), waiting('w2'), asked)).toEqual([])
        if (round === 0) expect(await inbox.store.discard(entryId('w2'))).toBe(true)
      }
      expect(await inbox.store.quarantined(entryId('w2'))).toBeUndefined()
      expect(await inbox.store.rejection(entryId('a2'))).toBeUndefined()
    })

    test('of what waits in quarantine already leaves one of it', async () => {
      await inbox.store.quarantine(waiting('w3'), request('strange'))
      await inbox.store.reject(rejected('a3'), request('strange'), roomy)
      await inbox.store.admit(entryId('a3'), waiting('w3'), request('strange'))
      expect(await inbox.store.quarantined(entryId('w3'))).toMatchObject(waiting('w3'))
      expect(await inbox.store.rejection(entryId('a3'))).toBeUndefined()
    })

    test('that cannot be stored leaves the rejection', async () => {
      await inbox.store.reject(rejected('a4'), request('kept'), roomy)
      const unfit = [record('unfit', { received: Number.NaN })]
      await expect(inbox.store.admit(entryId('a4'), unfit, request('kept'))).rejects.toThrow()
      expect(await inbox.store.rejection(entryId('a4'))).toMatchObject({ id: entryId('a4') })
    })

    test('of what nobody keeps appends nothing', async () => {
      const { head } = await inbox.store.extent()
      expect(await inbox.store.admit(entryId('never there'), [record('nothing')], request('nothing'))).toEqual([])
      expect(await inbox.store.admit(entryId('never there'), waiting('w5'), request('nothing'))).toEqual([])
      expect(await inbox.store.quarantined(entryId('w5'))).toBeUndefined()
      expect((await inbox.store.extent()).head).toBe(head)
      expect(await logOf(inbox.store)).toHaveLength(head)
    })
  })
}

interface Lists {
  listQuarantine: QuarantineEntry
  listRejections: Rejection
}

/** Every item of a list, read in pages of `limit`. */
async function all<List extends keyof Lists>(
  store: Store,
  list: List,
  limit = 100,
  sources?: readonly string[],
): Promise<Listed<Lists[List]>[]> {
  const items: Listed<Lists[List]>[] = []
  let cursor: string | null = null
  do {
    const options = { limit, ...(cursor === null ? {} : { cursor }), ...(sources && { sources }) }
    const page = (await store[list](options)) as Page<Listed<Lists[List]>>
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return items
}
