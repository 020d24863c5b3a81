// Listing: any filter equals a naive one in memory, pages cover everything once, and a reader's position skips nothing.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EventRecord } from '../../../src/store/record.ts'
import type { EventFilter, Store } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { appendAll, minute, record, request, start } from './record.ts'

/** A record with its place in the log. */
type Placed = EventRecord & { sequence: number }

const sources = ['banclo', 'banclo-sandbox', 'core', 'own']
const vendors: Record<string, string> = { banclo: 'banclo', 'banclo-sandbox': 'banclo', core: 'core', own: 'postern' }
const types = ['loan.created', 'loan.status_changed', 'payment.received', 'custom.core.x', 'postern.started', 'a.b.c']
const vendortypes = ['LOAN', 'loan', 'a.*', 'x y', '%_']
const loans = Array.from({ length: 12 }, (_, index) => `K${index}`)
const refKinds = ['loan', 'client', 'bank']

const anyEvent = fc.record({
  source: fc.constantFrom(...sources),
  type: fc.constantFrom(...types),
  vendortype: fc.constantFrom(...vendortypes),
  subject: fc.option(
    fc.tuple(fc.constantFrom('loan', 'client'), fc.constantFrom(...loans)).map(pair => pair.join('/')),
  ),
  refs: fc.dictionary(fc.constantFrom(...refKinds), fc.constantFrom(...loans)),
  // Mostly as time goes by; some were released late, or came while a clock was wrong.
  late: fc.oneof(
    { weight: 9, arbitrary: fc.nat(30_000) },
    { weight: 1, arbitrary: fc.integer({ min: -1e8, max: 1e8 }) },
  ),
})

const glob = (names: readonly string[]) =>
  fc.oneof(
    fc.constantFrom(...names),
    fc.constantFrom(
      '*',
      'loan.*',
      '*.created',
      'postern.*',
      'postern.started',
      '*a*',
      'b*o',
      'banclo*',
      '**',
      '',
      'no',
    ),
    fc.tuple(fc.constantFrom(...names), fc.nat(12)).map(([name, length]) => `${name.slice(0, length)}*`),
  )
const globs = (names: readonly string[]) => fc.array(glob(names), { minLength: 1, maxLength: 3 })
const time = fc.integer({ min: -10, max: 320 }).map(minutes => start + minutes * 11_000)
const entity = fc.tuple(fc.constantFrom(...refKinds), fc.constantFrom(...loans, 'nobody'))

const fullFilter = fc.record({
  source: globs(sources),
  vendor: globs(Object.values(vendors)),
  type: globs(types),
  vendorType: globs(vendortypes),
  subject: entity.map(pair => pair.join('/')),
  refs: fc.array(
    entity.map(pair => pair.join(':')),
    { maxLength: 2 },
  ),
  receivedAfter: time,
  receivedBefore: time,
})
const parts = ['source', 'vendor', 'type', 'vendorType', 'subject', 'refs', 'receivedAfter', 'receivedBefore'] as const
// Few at a time: all of them together hardly ever match.
const anyFilter: fc.Arbitrary<EventFilter> = fc
  .tuple(fullFilter, fc.subarray([...parts], { maxLength: 3 }))
  .map(([filter, some]) => Object.fromEntries(some.map(part => [part, filter[part]])))

export function testLists(open: OpenStore): void {
  describe('a list', () => {
    const inbox = inboxFor(open)
    let log: Placed[] = []

    beforeAll(async () => {
      const events = fc.sample(anyEvent, { numRuns: 400, seed: 7 })
      for (const [index, { late, ...fields }] of events.entries()) {
        const { source } = fields
        const received = start + index * 10_000 + late
        const told = record(`event ${index}`, {
          ...fields,
          vendor: vendors[source]!,
          received,
          vendorid: String(index),
        })
        const [outcome] = await inbox.store.append([told], request('', { received }))
        log.push({ ...told, sequence: outcome!.sequence })
      }
      // One source's oldest are gone already, so that the log has gaps.
      const cutoff = start + 1_000_000
      await inbox.store.expire(new Map([['core', cutoff]]), start - 1e9, start, new AbortController().signal)
      const { oldest } = await inbox.store.extent()
      const gone = log.filter(event => event.source === 'core' && event.received < cutoff)
      const left = (await listed(inbox.store, {}, 'oldest', 500)).map(({ sequence }) => sequence)
      // Which of them by then is the retention's affair; here it is enough that some are.
      expect(gone.length).toBeGreaterThan(left.length - log.length)
      expect(left.length).toBeLessThan(log.length - 10)
      expect(left[0]).toBe(oldest)
      log = log.filter(({ sequence }) => left.includes(sequence))
    })

    const orders = fc.constantFrom('newest' as const, 'oldest' as const)

    test('has what a naive filter has, in either order, once, however small its pages', async () => {
      let matched = 0
      await fc.assert(
        fc.asyncProperty(anyFilter, orders, fc.constantFrom(1, 2, 7, 50, 500), async (filter, order, limit) => {
          const expected = log.filter(event => matches(filter, event)).map(({ sequence }) => sequence)
          matched += expected.length
          if (order === 'newest') expected.reverse()
          const found = await listed(inbox.store, filter, order, expected.length > 60 ? Math.max(limit, 7) : limit)
          expect(found.map(({ sequence }) => sequence)).toEqual(expected)
        }),
        { numRuns: 150 },
      )
      expect(matched).toBeGreaterThan(500)
    })

    test('goes on from any place, there or not', async () => {
      const { head } = await inbox.store.extent()
      const places = fc.integer({ min: 0, max: head + 20 })
      await fc.assert(
        fc.asyncProperty(
          anyFilter,
          orders,
          places,
          fc.integer({ min: 1, max: 20 }),
          async (filter, order, from, limit) => {
            const all = log.filter(event => matches(filter, event)).map(({ sequence }) => sequence)
            const beyond =
              order === 'oldest' ? all.filter(each => each > from) : all.filter(each => each < from).toReversed()
            const page = await inbox.store.list({ filter, order, from, limit })
            expect(page.events.map(({ sequence }) => sequence)).toEqual(beyond.slice(0, limit))
            if (order === 'oldest') {
              // Nothing between what was returned and the position was left out.
              const last = page.events.at(-1)?.sequence ?? from
              expect(page.position).toBeGreaterThanOrEqual(last)
              expect(beyond.filter(each => each > last && each <= page.position)).toEqual([])
            }
          },
        ),
        { numRuns: 150 },
      )
    })

    test('whose filter takes nothing was looked through to the head', async () => {
      const { head } = await inbox.store.extent()
      for (const filter of [{ type: ['no.such'] }, { refs: ['loan:nobody'] }, { receivedAfter: start + 1e12 }]) {
        const page = await inbox.store.list({ filter, order: 'oldest', from: 0, limit: 10 })
        expect(page).toEqual({ events: [], next: null, position: head })
      }
      expect(await inbox.store.list({ filter: {}, order: 'oldest', from: head, limit: 10 })).toEqual({
        events: [],
        next: null,
        position: head,
      })
    })

    test('by types more than any index is walked for', async () => {
      const many = Array.from({ length: 90 }, (_, index) => record(`kind ${index}`, { type: `many.t${index}` }))
      const outcomes = await inbox.store.append(many, request(''))
      const sequences = outcomes.map(({ sequence }) => sequence)
      for (const limit of [7, 200]) {
        const found = await listed(inbox.store, { type: ['many.*'] }, 'oldest', limit)
        expect(found.map(({ sequence }) => sequence)).toEqual(sequences)
        const some = await listed(
          inbox.store,
          { type: ['many.t1*', 'many.t2*', 'many.t3*', 'many.t4*'] },
          'newest',
          limit,
        )
        expect(some.map(({ type }) => type)).toEqual(
          many
            .map(({ type }) => type)
            .filter(type => /^many\.t[1-4]/.test(type))
            .toReversed(),
        )
      }
    })
  })

  describe('an empty log', () => {
    const inbox = inboxFor(open)

    test('has nothing to list, and a position to wait at', async () => {
      expect(await inbox.store.extent()).toMatchObject({ head: 0, oldest: 0 })
      for (const filter of [{}, { receivedAfter: 0 }, { refs: ['a:b'] }, { type: ['*'] }]) {
        const nothing = { events: [], next: null, position: 0 }
        expect(await inbox.store.list({ filter, order: 'oldest', from: 0, limit: 10 })).toEqual(nothing)
        expect(await inbox.store.list({ filter, order: 'newest', limit: 10 })).toEqual(nothing)
      }
    })

    test('or one whose events are all gone', async () => {
      await appendAll(inbox.store, [record('1'), record('2')])
      await inbox.store.expire(new Map(), start + 1e12, start + 1e12, new AbortController().signal)
      const page = await inbox.store.list({ filter: {}, order: 'oldest', from: 0, limit: 10 })
      expect(page).toEqual({ events: [], next: null, position: 2 })
    })
  })

  describe('invariant 7: a reader that gives its position back', () => {
    const filters: Record<string, EventFilter> = {
      everything: {},
      'one source': { source: ['a'] },
      'one type': { type: ['loan.*'] },
      'one loan': { refs: ['loan:K1'] },
      'some time on': { receivedAfter: start + 5 * minute },
      'a time and a type': { type: ['loan.*'], receivedAfter: start, receivedBefore: start + 200 * minute },
    }

    test.each(Object.keys(filters))('sees each event once and in order, while others come: %s', async name => {
      const filter = filters[name]!
      await withInbox(open, async ({ store }) => {
        const seen: number[] = []
        const placed: Placed[] = []
        let position = 0
        let reads = 0
        const read = async () => {
          const page = await store.list({ filter, order: 'oldest', from: position, limit: 1 + (reads++ % 9) })
          seen.push(...page.events.map(({ sequence }) => sequence))
          expect(page.position).toBeGreaterThanOrEqual(position)
          position = page.position
        }
        let writing = true
        const writer = async (number: number) => {
          for (let index = 0; index < 60; index++) {
            const told = record(`${number} ${index}`, {
              source: index % 2 === 0 ? 'a' : 'b',
              type: index % 3 === 0 ? 'loan.created' : 'client.created',
              refs: { loan: `K${index % 4}` },
              received: start + (index % 5 === 0 ? 0 : index) * minute,
            })
            const [outcome] = await store.append([told], request('', { received: told.received }))
            placed.push({ ...told, sequence: outcome!.sequence })
          }
        }
        const writers = Promise.all([1, 2, 3, 4].map(writer)).finally(() => {
          writing = false
        })
        while (writing) await read()
        await writers
        const { head } = await store.extent()
        while (position < head) await read()
        const expected = placed.filter(event => matches(filter, event)).map(({ sequence }) => sequence)
        expect(seen).toEqual(expected.toSorted((a, b) => a - b))
        expect(reads).toBeGreaterThan(10)
      })
    })
  })
}

/** Every page of a list, one after another. */
async function listed(store: Store, filter: EventFilter, order: 'newest' | 'oldest', limit: number) {
  const events = []
  let from: number | undefined
  for (;;) {
    const page = await store.list({ filter, order, limit, ...(from === undefined ? {} : { from }) })
    expect(page.events.length).toBeLessThanOrEqual(limit)
    events.push(...page.events)
    if (page.next === null) return events
    from = page.next
  }
}

/** The filter as the contract says it, told once more and as plainly as can be. */
function matches(filter: EventFilter, event: Placed): boolean {
  const { source, vendor, type, vendorType, subject, refs = [], receivedAfter = 0, receivedBefore = Infinity } = filter
  const own = new Set(event.refs)
  return (
    (source?.some(pattern => globbed(pattern, event.source)) ?? true) &&
    (vendor?.some(pattern => globbed(pattern, event.vendor)) ?? true) &&
    (type?.some(
      pattern => globbed(pattern, event.type) && (!event.type.startsWith('postern.') || pattern.startsWith('postern.')),
    ) ??
      true) &&
    (vendorType?.some(pattern => globbed(pattern, event.vendortype)) ?? true) &&
    (subject === undefined || event.subject === subject) &&
    refs.every(ref => own.has(ref)) &&
    event.received >= receivedAfter &&
    event.received < receivedBefore
  )
}

function globbed(pattern: string, text: string): boolean {
  const escaped = pattern.split('*').map(piece => piece.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`, 's').test(text)
}
