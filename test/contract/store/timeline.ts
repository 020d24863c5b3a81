// Timelines: what is linked equals what a plain reading of the rules links, page by page; and every bound shows itself.
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { EventRecord } from '../../../src/store/record.ts'
import type { Store, TimelineQuery, TimelineSubject } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { appendAll, record } from './record.ts'

type Placed = EventRecord & { sequence: number }

const kinds = ['loan', 'client', 'payment', 'application', 'correlation', 'account', 'bank', 'unheard_of']
/** Two of them are long enough to be the same identifier under another name. */
const values = ['1', '2', '1001', 'APP-2024-001', 'APP-2024-002']
const value = fc.constantFrom(...values)
const anyEvent = fc.record({
  source: fc.constantFrom('banclo', 'banclo-sandbox', 'embarc', 'claims'),
  subject: fc.option(fc.tuple(fc.constantFrom('loan', 'client', 'account', 'workflow', 'bank'), value), { freq: 6 }),
  refs: fc.dictionary(fc.constantFrom(...kinds), value, { maxKeys: 3 }),
})
/** Two sources share a namespace. */
const namespaces: Record<string, string> = {
  banclo: 'core',
  embarc: 'core',
  'banclo-sandbox': 'test',
  claims: 'claims',
}
const anyQuery = fc.record({
  kind: fc.constantFrom('loan', 'client', 'account', 'workflow', 'bank', 'payment'),
  value,
  namespace: fc.option(fc.constantFrom('core', 'test', 'claims', 'nowhere'), { nil: undefined }),
  sources: fc.option(fc.subarray(['banclo', 'embarc', 'claims']), { nil: undefined, freq: 4 }),
})

export function testTimelines(open: OpenStore): void {
  describe('a timeline', () => {
    const inbox = inboxFor(open)
    let log: Placed[] = []

    beforeAll(async () => {
      const events = fc.sample(anyEvent, { numRuns: 90, seed: 11 })
      const records = events.map(({ source, subject, refs }, index) =>
        record(String(index), { source, namespace: namespaces[source]!, subject: subject?.join('/') ?? null, refs }),
      )
      await appendAll(inbox.store, records)
      log = records.map((each, index) => ({ ...each, sequence: index + 1 }))
    })

    test('has the subject, and what the rules link to it, once, however small its pages', async () => {
      let links = 0
      let across = 0
      await fc.assert(
        fc.asyncProperty(anyQuery, fc.constantFrom(1, 3, 200), async ({ kind, value, namespace, sources }, limit) => {
          const query = {
            subject: `${kind}/${value}`,
            ...(namespace === undefined ? {} : { namespace }),
            ...(sources === undefined ? {} : { sources }),
          }
          const expected = model(log, query)
          const { sequences, subjects, truncated } = await whole(inbox.store, { ...query, limit })
          expect(subjects).toEqual(expected.subjects)
          expect(sequences).toEqual(expected.sequences)
          expect(truncated).toBe(false)
          links += subjects.filter(({ via }) => via !== null).length
          const own = new Set(subjects.filter(({ via }) => via === null).map(each => each.namespace))
          across += subjects.filter(({ namespace: at }) => own.size > 0 && !own.has(at)).length
        }),
        { numRuns: 80 },
      )
      expect(links).toBeGreaterThan(30)
      expect(across).toBeGreaterThan(3)
    })

    test('of what nobody has heard of is empty', async () => {
      const nothing = { events: [], next: null, subjects: [], truncated: false }
      expect(await inbox.store.timeline({ subject: 'loan/nobody', limit: 10 })).toEqual(nothing)
    })
  })

  test('a timeline of an empty log is empty', () =>
    withInbox(open, async ({ store }) => {
      const nothing = { events: [], next: null, subjects: [], truncated: false }
      expect(await store.timeline({ subject: 'loan/1', limit: 10 })).toEqual(nothing)
    }))

  test('a timeline of more than it looks at says so, and its pages still have all of the subject', () =>
    withInbox(open, async ({ store }) => {
      const own = Array.from({ length: 1_100 }, (_, index) => record(`own ${index}`, { subject: 'loan/1' }))
      const others = Array.from({ length: 60 }, (_, index) =>
        record(`other ${index}`, { subject: `workflow/${index}`, refs: { loan: '1' } }),
      )
      await appendAll(store, [...others, ...own])
      const { sequences, subjects, truncated } = await whole(store, { subject: 'loan/1', limit: 400 })
      expect(truncated).toBe(true)
      expect(subjects).toHaveLength(51)
      expect(sequences).toHaveLength(1_150)
      // No more than are looked at are counted.
      expect(subjects[0]!.events).toBeLessThanOrEqual(1_000)
    }))

  test('a timeline for some sources is as if there were no others, however many events these have of it', () =>
    withInbox(open, async ({ store }) => {
      const hidden = (count: number) =>
        Array.from({ length: count }, (_, index) => {
          const refs = { loan: 'X1', application: 'APP-2024-001' }
          return record(`${count} ${index}`, { source: 'b', subject: 'loan/X1', refs })
        })
      const seen = [
        record('one', { source: 'a', subject: 'loan/X1', refs: { application: 'APP-2024-001' } }),
        record('two', { source: 'a', subject: 'loan/X1' }),
        record('linked', { source: 'a', subject: 'workflow/7', refs: { correlation: 'APP-2024-001' } }),
        record('mentioned', { source: 'a', subject: 'payment/9', refs: { loan: 'X1' } }),
      ]
      // More than are looked at for any timeline, before, between and behind.
      await appendAll(store, hidden(1_100))
      await appendAll(store, seen.slice(0, 2))
      await appendAll(store, hidden(1_101))
      await appendAll(store, seen.slice(2))
      await appendAll(store, hidden(1_102))
      const own = { namespace: 'a', subject: 'loan/X1', events: 2, via: null }
      const subjects = [
        own,
        { namespace: 'a', subject: 'workflow/7', events: 1, via: ['correlation:APP-2024-001'] },
        { namespace: 'a', subject: 'payment/9', events: 1, via: ['loan:X1'] },
      ]
      const sequences = [1_101, 1_102, 2_204, 2_205]
      for (const limit of [1, 50]) {
        expect(await whole(store, { subject: 'loan/X1', sources: ['a'], limit })).toEqual({
          sequences,
          subjects,
          truncated: false,
        })
      }
      const none = { events: [], next: null, subjects: [], truncated: false }
      expect(await store.timeline({ subject: 'loan/X1', sources: ['c'], limit: 50 })).toEqual(none)
      expect(await store.timeline({ subject: 'loan/X1', sources: [], limit: 50 })).toEqual(none)
      // What it may see is bounded as for anybody else.
      expect(await store.timeline({ subject: 'loan/X1', sources: ['b'], limit: 1 })).toMatchObject({ truncated: true })
    }))
}

async function whole(store: Store, query: TimelineQuery) {
  const sequences: number[] = []
  let subjects: TimelineSubject[] | undefined
  for (let from: number | undefined; ; ) {
    const page = await store.timeline({ ...query, ...(from === undefined ? {} : { from }) })
    expect(page.events.length).toBeLessThanOrEqual(query.limit)
    sequences.push(...page.events.map(({ sequence }) => sequence))
    // The same on every page.
    expect(page.subjects).toEqual(subjects ?? page.subjects)
    subjects = page.subjects
    if (page.next === null) return { sequences, subjects, truncated: page.truncated }
    from = page.next
  }
}

const issued = ['application', 'external', 'correlation', 'loanNumber', 'account']
const matters = [...issued, 'loan', 'payment']

/** The rules once more, event by event and ref by ref. */
function model(log: readonly Placed[], { subject, namespace, sources }: Omit<TimelineQuery, 'limit'>) {
  const seen = log.filter(({ source }) => sources?.includes(source) ?? true)
  const asked = subject.replace('/', ':')
  const asking = [...new Set(seen.filter(({ refs }) => refs.includes(asked)).map(each => each.namespace))].filter(
    each => namespace === undefined || each === namespace,
  )
  const isAsked = (event: Placed) => event.subject === subject && asking.includes(event.namespace)
  const links = asking.flatMap(from => [
    ...(asked.startsWith('bank:') ? [] : [{ from, ref: asked }]),
    ...seen
      .filter(event => isAsked(event) && event.namespace === from)
      .flatMap(({ refs }) => refs.map(ref => ({ from, ref })))
      .filter(({ ref }) => !ref.startsWith('bank:')),
  ])
  const viaOf = (event: Placed) =>
    event.refs.filter(ref =>
      links.some(link => {
        if (isSame(link.ref, ref)) return true
        if (event.namespace !== link.from || link.ref !== ref) return false
        return ref === asked || ref === event.subject?.replace('/', ':') || matters.includes(ref.split(':')[0]!)
      }),
    )
  const found = new Map<string, TimelineSubject>()
  for (const each of asking) found.set(`${each} ${subject}`, { namespace: each, subject, events: 0, via: null })
  for (const event of seen) {
    const via = isAsked(event) ? [] : viaOf(event)
    if (via.length === 0) continue
    const key = `${event.namespace} ${event.subject}`
    const known = found.get(key)?.via ?? []
    const all = [...new Set([...known, ...via])].sort()
    found.set(key, { namespace: event.namespace, subject: event.subject, events: 0, via: all })
  }
  const own = seen.filter(event => {
    const entry = found.get(`${event.namespace} ${event.subject}`)
    return entry !== undefined && (event.subject !== null || viaOf(event).length > 0)
  })
  for (const event of own) found.get(`${event.namespace} ${event.subject}`)!.events++
  return { subjects: [...found.values()], sequences: own.map(({ sequence }) => sequence) }
}

/** An identifier of the lender's under the same name, or under another one where it is long enough. */
function isSame(one: string, other: string): boolean {
  const [kind = '', text = ''] = one.split(':')
  const [otherKind = '', otherText = ''] = other.split(':')
  if (!issued.includes(kind) || !issued.includes(otherKind) || text !== otherText) return false
  return kind === otherKind || text.length >= 12
}
