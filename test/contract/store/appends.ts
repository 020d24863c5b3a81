// Appending: dedupe, places in the log, conflicts, soft keys, and requests shared by their events.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { EventRecord } from '../../../src/store/record.ts'
import type { AppendOutcome, Store } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { eventIdOf, idOf, listed, logOf, record, rejected, request, start, storedAs } from './record.ts'

export function testAppends(open: OpenStore): void {
  describe('an append', () => {
    const inbox = inboxFor(open)

    test('comes back as it was stored, at the head of the log', async () => {
      const whole = record('whole', {
        vendor: 'vendor',
        type: 'loan.status_changed',
        vendortype: 'LOAN_CHANGED',
        environment: 'sandbox',
        namespace: 'lender/tenant',
        subject: 'loan/K0Z1Q',
        vendorid: 'evt-1',
        vendortime: '2026-01-01 10:00',
        time: '2026-01-01T10:00:00Z',
        received: start + 1,
        data: '{"refs":{"loan":"K0Z1Q"},"amount":{"value":"9007199254740993.10"}}',
      })
      const { head } = await inbox.store.extent()
      const sequence = head + 1
      const asked = request('{"id":1}', {
        received: start + 1,
        method: 'PUT',
        rest: 'custom/name',
        query: 'a=1&a=2',
        headers: [
          ['A', '1'],
          ['a', '2'],
          ['A', ''],
        ],
        address: '2001:db8::1',
        sha256: Buffer.alloc(32, 7),
        redacted: ['data.token', 'data.größe'],
      })
      expect(await inbox.store.append([whole], asked)).toEqual([
        { id: eventIdOf('whole'), status: 'accepted', sequence, conflict: false },
      ])
      const event = await inbox.store.event(idOf('whole'))
      expect(event).toEqual(storedAs(whole, sequence))
      expect(await inbox.store.requestOf(event!)).toEqual(asked)
      expect((await inbox.store.extent()).head).toBe(sequence)
      expect((await logOf(inbox.store)).at(-1)).toEqual(event)
    })

    test('is a duplicate under a key that is there, whenever that came', async () => {
      const once = () => inbox.store.append([record('once')], request('once'))
      const together = (await Promise.all(Array.from({ length: 20 }, once))).flat()
      const [first] = await once()
      expect([...together, first].filter(outcome => outcome?.status === 'accepted')).toHaveLength(1)
      expect(new Set([...together, first].map(outcome => outcome?.sequence)).size).toBe(1)
      expect(first).toMatchObject({ status: 'duplicate', conflict: false })
      await inbox.reopen()
      expect(await once()).toEqual([first])
      expect((await logOf(inbox.store)).filter(({ id }) => id.equals(idOf('once')))).toHaveLength(1)
    })

    test('of another source with the same key is another event', async () => {
      const records = ['a', 'b'].map(source => record('shared', { source }))
      const outcomes = await inbox.store.append(records, request('shared'))
      expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'accepted'])
    })

    test('of nothing, or of an id that nobody has, is nothing', async () => {
      expect(await inbox.store.append([], request(''))).toEqual([])
      expect(await inbox.store.event(Buffer.alloc(16))).toBeUndefined()
      expect(await inbox.store.requestOf(storedAs(record('nobody'), 999_999))).toBeUndefined()
    })

    test('invariant 3: many at once, with doubles anywhere: each identity once', async () => {
      let run = 0
      const requests = fc.array(fc.array(fc.nat(12), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 40 })
      await fc.assert(
        fc.asyncProperty(requests, async sent => {
          const prefix = `run-${++run}-`
          const answers = await Promise.all(
            sent.map(keys =>
              inbox.store.append(
                keys.map(key => record(`${prefix}${key}`)),
                request(`${prefix}`),
              ),
            ),
          )
          expectEachOnce(
            sent.flat().map(key => eventIdOf(`${prefix}${key}`)),
            answers.flat(),
          )
        }),
        { numRuns: 30 },
      )
      const sequences = (await logOf(inbox.store)).map(({ sequence }) => sequence)
      expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b))
    })
  })

  describe('sequences', () => {
    test('rise without a gap, in the order that was asked, also after reopening', async () => {
      await withInbox(open, async opened => {
        const append = async (key: string) => (await opened.store.append([record(key)], request(key)))[0]!.sequence
        const first = await Promise.all(['1', '2', '3', '4'].map(append))
        expect(first).toEqual([1, 2, 3, 4])
        await opened.reopen()
        expect(await append('5')).toBe(5)
        expect(await opened.store.extent()).toMatchObject({ head: 5, oldest: 1 })
      })
    })

    test('are never used again, though the newest events are gone', async () => {
      await withInbox(open, async opened => {
        const append = async (key: string) => (await opened.store.append([record(key)], request(key)))[0]!.sequence
        for (const key of ['1', '2', '3']) await append(key)
        const { epoch } = await opened.store.extent()
        expect(
          await opened.store.expire(
            new Map(),
            start + 300 * 86_400_000,
            start + 300 * 86_400_000,
            new AbortController().signal,
          ),
        ).toBe(3)
        expect(await opened.store.extent()).toEqual({ head: 3, oldest: 0, epoch })
        await opened.reopen()
        expect(await append('4')).toBe(4)
        expect(await opened.store.extent()).toEqual({ head: 4, oldest: 4, epoch })
      })
    })
  })

  describe('the same key with other content', () => {
    const inbox = inboxFor(open)
    const append = (key: string, body: string, content: string | null = null, sha256: Buffer | null = null) =>
      inbox.store.append(
        [record(key, { content: content === null ? null : Buffer.from(content.padEnd(8)) })],
        request(body, { sha256, redacted: sha256 === null ? [] : ['x'] }),
      )
    const conflictsOf = async (key: string) =>
      (await inbox.store.listConflicts({ limit: 100 })).items.filter(({ event }) => event.equals(idOf(key)))

    test('is a conflict, kept once with its request; the first stays the event', async () => {
      await append('disputed', 'first')
      for (const body of ['second', 'second', 'third', 'first', 'second']) {
        expect(await append('disputed', body)).toMatchObject([{ status: 'duplicate', conflict: body !== 'first' }])
      }
      const conflicts = await conflictsOf('disputed')
      const whole = await Promise.all(conflicts.map(async ({ number }) => (await inbox.store.conflict(number))!))
      expect(whole.map(({ body }) => body.toString())).toEqual(['third', 'second'])
      expect(conflicts).toEqual(whole.map(listed))
      const { event: _, number: __, source, ...kept } = whole[0]!
      expect([source, kept]).toEqual(['plain', request('third')])
      const event = await inbox.store.event(idOf('disputed'))
      expect((await inbox.store.requestOf(event!))?.body.toString()).toBe('first')
    })

    test('within one batch is one too', async () => {
      const outcomes = await Promise.all(['a', 'b', 'a', 'b', 'c'].map(body => append('at once', body)))
      expect(outcomes.flat().map(({ conflict }) => conflict)).toEqual([false, true, false, true, true])
      expect(await conflictsOf('at once')).toHaveLength(2)
    })

    test('is what the adapter says it is, where it says so', async () => {
      await append('signed anew', 'signed by one', 'same')
      expect(await append('signed anew', 'signed by another', 'same')).toMatchObject([{ conflict: false }])
      expect(await append('signed anew', 'signed by one', 'other')).toMatchObject([{ conflict: true }])
    })

    test('of a redacted body is told by the body as it came', async () => {
      const [one, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
      await append('redacted', '{"x":"***"}', null, one)
      expect(await append('redacted', '{"x":"***"}', null, one)).toMatchObject([{ conflict: false }])
      expect(await append('redacted', '{"x":"***"}', null, other)).toMatchObject([{ conflict: true }])
    })

    test('is listed page by page, newest first', async () => {
      const all = (await inbox.store.listConflicts({ limit: 100 })).items
      const paged = []
      let cursor: string | null | undefined
      do {
        const page = await inbox.store.listConflicts({ limit: 2, ...(cursor == null ? {} : { cursor }) })
        expect(page.items.length).toBeLessThanOrEqual(2)
        paged.push(...page.items)
        cursor = page.next
      } while (cursor !== null)
      expect(paged).toEqual(all)
      expect(await inbox.store.conflict(999_999)).toBeUndefined()
    })
  })

  describe('the same soft key', () => {
    const inbox = inboxFor(open)
    const append = (key: string, soft: number | null) => inbox.store.append([record(key, { soft })], request(key))
    const sameasOf = async (key: string) => (await inbox.store.event(idOf(key)))?.sameas

    test('makes the later one say which it is the same as, also after reopening', async () => {
      await Promise.all([
        append('one', 2 ** 53 - 1),
        append('two', 2 ** 53 - 1),
        append('other', 4),
        append('no', null),
      ])
      await inbox.reopen()
      await append('three', 2 ** 53 - 1)
      await append('none', null)
      // A duplicate tells no new fact.
      await append('other', 4)
      await append('four', 4)
      const sameas = await Promise.all(['one', 'two', 'three', 'other', 'four', 'no', 'none'].map(sameasOf))
      expect(sameas).toEqual([null, idOf('one'), idOf('one'), null, idOf('other'), null, null])
    })

    test('of an event that could not be stored suggests nothing', async () => {
      const bad = inbox.store.append([record('unstored', { soft: 77, received: Number.NaN })], request(''))
      await expect(bad).rejects.toThrow()
      await append('first of 77', 77)
      expect(await sameasOf('first of 77')).toBeNull()
    })
  })

  describe('several events of one request', () => {
    const inbox = inboxFor(open)

    test('are in the log one after another, and share what was kept of it', async () => {
      const keys = ['m1', 'm2', 'm3']
      const whole = request('three at once', { rest: 'three' })
      const [, outcomes] = await Promise.all([
        inbox.store.append([record('before')], request('before')),
        inbox.store.append([record('m1'), record('m2'), record('m1'), record('m3')], whole),
        inbox.store.append([record('after')], request('after')),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'duplicate', 'accepted'])
      const [first] = outcomes
      const places = [0, 1, 0, 2].map(place => first!.sequence + place)
      expect(outcomes.map(({ sequence }) => sequence)).toEqual(places)
      for (const key of keys) expect(await requestOf(inbox.store, key)).toEqual(whole)
    })

    test('are of the later request where the earlier had only some of them', async () => {
      await inbox.store.append([record('p1')], request('only one'))
      await inbox.store.append([record('p1'), record('p2'), record('p3')], request('and two more'))
      const bodies = await Promise.all(['p1', 'p2', 'p3'].map(key => requestOf(inbox.store, key)))
      expect(bodies.map(each => each?.body.toString())).toEqual(['only one', 'and two more', 'and two more'])
    })
  })

  describe('closing', () => {
    test('commits what was taken, and then refuses whatever is asked', async () => {
      await withInbox(open, async opened => {
        const { store } = opened
        const taken = ['1', '2', '3'].map(key => store.append([record(key)], request(key)))
        await Promise.all([...taken, store.close()])
        await expect(store.append([record('4')], request('4'))).rejects.toThrow()
        await expect(store.event(idOf('1'))).rejects.toThrow()
        await expect(store.list({ filter: {}, order: 'oldest', limit: 1 })).rejects.toThrow()
        expect(await store.health()).toMatchObject({ ok: false })
        await opened.reopen()
        expect((await logOf(opened.store)).map(({ sequence }) => sequence)).toEqual([1, 2, 3])
      })
    })
  })

  describe('what was stored elsewhere before', () => {
    const inbox = inboxFor(open)
    const moved = (key: string, content: string): EventRecord => {
      const { identity: _, ...fields } = record(key, { content: Buffer.from(content), refs: { loan: key } })
      return { ...fields, identity: '', id: idOf(key) }
    }

    test('has the id that it says, and is the same as what has it by its key', async () => {
      await inbox.store.append([record('m1', { content: Buffer.from('content1') })], request('m1'))
      const both = await inbox.store.append([moved('m1', 'content1'), moved('m2', 'content2')], request('moved'))
      expect(both).toEqual([
        { id: eventIdOf('m1'), status: 'duplicate', sequence: 1, conflict: false },
        { id: eventIdOf('m2'), status: 'accepted', sequence: 2, conflict: false },
      ])
      expect(await inbox.store.append([moved('m2', 'other bt')], request('other'))).toMatchObject([
        { status: 'duplicate', sequence: 2, conflict: true },
      ])
      expect(
        (await inbox.store.list({ filter: { refs: ['loan:m2'] }, order: 'oldest', limit: 9 })).events,
      ).toHaveLength(1)
    })

    test('keeps its order, whatever else comes in, and may be told again', async () => {
      const keys = Array.from({ length: 300 }, (_, index) => `order ${index}`)
      const arrivals = keys.map(key => ({ events: [moved(key, 'content1')], request: request(key) }))
      const others = keys.slice(0, 40).map(key => inbox.store.append([record(`beside ${key}`)], request(key)))
      const first = await inbox.store.appendInOrder(arrivals)
      await Promise.all(others)
      expect(first.map(([outcome]) => outcome?.id)).toEqual(keys.map(key => eventIdOf(key)))
      const sequences = first.map(([outcome]) => outcome!.sequence)
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b))
      const again = await inbox.store.appendInOrder(arrivals)
      expect(again.map(([outcome]) => [outcome!.status, outcome!.sequence])).toEqual(
        sequences.map(sequence => ['duplicate', sequence]),
      )
      expect(await inbox.store.appendInOrder([])).toEqual([])
    })
  })

  describe('one command that cannot be stored', () => {
    const inbox = inboxFor(open)

    test('fails alone: its neighbours in the batch are stored, each with its own kind', async () => {
      const unstorable = rejected('of no status', { status: null as never })
      const limits = { countMax: 10, bytesMax: 1_000_000 }
      const settled = await Promise.allSettled([
        inbox.store.append([record('n1', { type: 'new.one' })], request('n1')),
        inbox.store.reject(unstorable, request('second'), limits),
        inbox.store.append([record('n2', { type: 'new.two' })], request('n2')),
        inbox.store.append([record('n3'), record('bad', { received: Number.NaN, type: 'new.bad' })], request('bad')),
        inbox.store.append([record('n4', { type: 'new.two' })], request('n4')),
      ])
      expect(settled.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
        'fulfilled',
      ])
      const stored = await logOf(inbox.store)
      expect(stored.map(({ id, type }) => [id, type])).toEqual([
        [idOf('n1'), 'new.one'],
        [idOf('n2'), 'new.two'],
        [idOf('n4'), 'new.two'],
      ])
      expect(stored.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
      expect(await inbox.store.health()).toEqual({ ok: true })
      // Nothing of it lingers: what could not be stored with its neighbour can be without it.
      expect(await inbox.store.append([record('n3')], request('n3'))).toMatchObject([
        { status: 'accepted', sequence: 4 },
      ])
    })
  })
}

function expectEachOnce(sent: readonly string[], outcomes: readonly AppendOutcome[]): void {
  expect(outcomes.map(({ id }) => id)).toEqual(sent)
  const accepted = outcomes.filter(({ status }) => status === 'accepted')
  expect(accepted.map(({ id }) => id).toSorted()).toEqual([...new Set(sent)].toSorted())
  const places = new Map(accepted.map(({ id, sequence }) => [id, sequence]))
  for (const { id, sequence } of outcomes) expect(sequence).toBe(places.get(id))
  expect(new Set(places.values()).size).toBe(places.size)
}

async function requestOf(store: Store, key: string) {
  const event = await store.event(idOf(key))
  return event && store.requestOf(event)
}
