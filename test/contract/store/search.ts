// What is found by words, on either engine: whatever a vendor sends and whatever people type.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wordsOf } from '../../../src/store/search/words.ts'
import type { EventFilter, EventQuery, Store } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore, withInbox } from './inbox.ts'
import { appendAll, day, record, request, start } from './record.ts'

/** The one source whose payloads are searched; the engine's `openSearched` says so. */
export const searchedPayloads = ['wordy']

/** Resolves when all that is in the log can be found. */
export async function indexed(store: Store): Promise<void> {
  const deadline = performance.now() + 30_000
  while ((await store.search.progress())?.behind !== 0) {
    if (performance.now() > deadline) throw new Error('the search index has not caught up')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

export function testSearch(open: OpenStore): void {
  describe('is searched by words:', () => {
    const inbox = inboxFor(open)
    const found = async (q: string, more: EventFilter = {}, order: EventQuery['order'] = 'oldest') =>
      (await all(inbox.store, { ...more, q }, order, 50)).map(({ vendorid }) => vendorid)
    const problem = (q: string) =>
      found(q).then(
        () => undefined,
        error => ({ code: error.code, parameters: error.errors.map((each: { parameter: string }) => each.parameter) }),
      )

    test('by identifiers, types, names and texts, whole and in parts', async () => {
      const { store } = inbox
      const data = {
        refs: { loan: 'K0Z1Q', application: 'APP-2024-001', workflow: '660e8400-e29b-41d4-a716-446655440000' },
        status: { current: 'pre_bid', raw: 'PRE_BID' },
        actor: { name: 'Zoë Müller-Łukasz', email: 'zoe@example.com' },
        note: 'Straße “quoted” \\ "plain"\nsecond\tline ﬁnance Ｗｉｄｅ Ελλάς',
        amount: { value: '250000.10' },
        syncVersion: 4711,
      }
      const fields = { source: 'one', type: 'loan.status_changed', vendortype: 'loan_request.status_changed' }
      const wanted = record('wanted', {
        ...fields, vendorid: 'wanted-1', subject: 'loan/K0Z1Q', refs: data.refs, data: JSON.stringify(data),
      }) // biome-ignore format: one line
      const other = record('other', { source: 'one', vendorid: 'other', data: '{"refs":{},"status":"bid of pre"}' })
      const [first] = await store.append([wanted], request('secretword'))
      await store.append([other], request(''))
      await indexed(store)
      for (const q of [
        first!.id, first!.id.slice(4), 'wanted-1', 'WANTED', 'loan/K0Z1Q', 'k0z1q', 'loan:K0Z1Q', 'app-2024-001', '2024',
        '660e8400-e29b-41d4-a716-446655440000', '660E8400-E29B', '446655440000', '"41d4 a716"', 'loan.status_changed',
        'loan_request', 'status_changed', 'pre_bid', 'current:pre_bid', 'zoe', 'zoë', 'Müller-Łukasz', 'muller lukasz',
        'lukasz zoe', 'zoe@example.com', 'strasse', 'quoted', 'second', 'line', 'finance', 'wide', 'ΕΛΛΆΣ', 'ελλας',
        '250000.10', '250000', '4711', 'syncversion', 'zo*', 'app-20*', '"pre bid"', 'K0Z* 2024',
      ]) expect([q, await found(q, { source: ['one'] })]).toEqual([q, ['wanted-1']]) // biome-ignore format: a list
      expect(await found('bid', { source: ['one'] })).toEqual(['wanted-1', 'other'])
      expect(await found('bid', { source: ['one'] }, 'newest')).toEqual(['other', 'wanted-1'])
      for (const q of [
        'bid_pre_',
        '"bid pre"',
        'k0z1',
        '001-2024',
        'nothing',
        'zoe nothing',
        'zx* other',
        'secretword',
        'n',
      ]) {
        expect([q, await found(q, { source: ['one'] })]).toEqual([q, []])
      }
    })

    test('by the payload where its source says so: JSON, forms, a query, any text; never what was redacted', async () => {
      const { store } = inbox
      const json = request('{"Naïve":"caf\\u00e9 \\"au\\" lait","id":987654,"token":"*******"}')
      const form = { headers: [['Content-Type', 'application/x-www-form-urlencoded']] } as const
      const requests = {
        json,
        form: request('applicant=J%C3%BCrgen+Groß&loan%5Bid%5D=F1%2D2', form),
        query: request('', { query: 'borrower=Ren%C3%A9e' }),
        text: request('<xml lang="x">Überfällig</xml>'),
        bytes: request(Buffer.from([0xff, 0xfe, 0, 0x61, 0x62, 0x63, 0xc3])),
        long: request(`${'abcdefgh '.repeat(7_000)}nearend ${'b '.repeat(40_000)}beyond`),
      }
      for (const source of ['wordy', 'silent']) {
        for (const [name, each] of Object.entries(requests)) {
          await store.append([record(name, { source, vendorid: name })], each)
        }
      }
      await store.append(
        ['first', 'second'].map(name => record(name, { source: 'wordy', vendorid: name })),
        request('{"shared":"batchword"}'),
      )
      await indexed(store)
      for (const [q, names] of [
        ['naive', ['json']], ['café', ['json']], ['"cafe au lait"', ['json']], ['987654', ['json']], ['token', ['json']],
        ['jurgen', ['form']], ['gross', ['form']], ['loan[id]', ['form']], ['F1-2', ['form']], ['renée', ['query']],
        ['uberfallig', ['text']], ['abc', ['bytes']], ['nearend', ['long']], ['beyond', []], ['batchword', ['first', 'second']],
      ] as const) {
        expect([q, await found(q, { source: ['wordy'] })]).toEqual([q, names])
        expect([q, await found(q, { source: ['silent'] })]).toEqual([q, []])
      } // biome-ignore format: a table
    })

    test('each word of any text finds it', async () => {
      const { store } = inbox
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 80 }),
        fc.string({ unit: 'grapheme', maxLength: 80 }),
      )
      const value = fc.oneof({ weight: 20, arbitrary: text }, fc.constantFrom(...strange))
      let run = 0
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(value, value), { minLength: 40, maxLength: 40 }), async pairs => {
          const source = `any-${++run}`
          const given = pairs.map(([name, each]) => ({ [`n${name}`]: each }))
          await appendAll(
            store,
            given.map((data, index) =>
              record(String(index), { source, vendorid: String(index), data: JSON.stringify({ refs: {}, ...data }) }),
            ),
          )
          await indexed(store)
          for (const [index, data] of given.entries()) {
            const words = Object.entries(data).flatMap(([name, each]) => [...rawWords(name), ...rawWords(each)])
            for (const word of words.slice(0, 8)) {
              const q = word.slice(0, 200).toWellFormed()
              if (wordsOf(q).length === 0 || wordsOf(q).length > 20) continue
              expect([word, await found(q, { source: [source] })]).toEqual([
                word,
                expect.arrayContaining([String(index)]),
              ])
            }
          }
        }),
        { numRuns: 2 },
      )
    })

    test('whatever is typed is words, or told to be none', async () => {
      await indexed(inbox.store)
      const known = [
        '"', '""', 'a"b', '"unclosed', 'NEAR(zoe loan)', 'zoe NOT loan', 'zoe AND', 'OR', 'words:zoe', '{words}:zoe', '^zoe',
        '-zoe', '!zoe', 'zoe & !loan', "zoe' | 'x", 'zoe:*', 'zoe <-> loan', '(zoe', 'zoe)', "');--", '\\', 'a\\"b', '=1',
        'zo\u0000e', 'zoe\ud800', '%', '_', 'zo**', '+zoe', '☃ zoe', "'zoe':*B",
      ] // biome-ignore format: a list
      for (const q of known) await found(q).catch(error => expect([q, error.code]).toEqual([q, 'bad_request']))
      for (const q of ['-zoe', '!zoe', '(zoe', '^zoe', '"zoe', "'zoe':", '☃ zoe']) {
        expect([q, await found(q)]).toEqual([q, ['wanted-1']])
      }
      // A word of an event's kind is none that can be asked for.
      expect(await found('=1 zoe')).toEqual(await found('1 zoe'))
      const piece = fc.constantFrom(
        '"',
        '*',
        ' ',
        ':',
        '-',
        '(',
        ')',
        '&',
        '|',
        '!',
        '<->',
        "'",
        '\\',
        'NEAR',
        'OR',
        'é',
        '😀',
      )
      const typed = fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 12 })
      await fc.assert(
        fc.asyncProperty(typed, async pieces => {
          const error = await problem(pieces.join(''))
          if (error !== undefined) expect(error).toEqual({ code: 'bad_request', parameters: ['q'] })
        }),
        { numRuns: 80 },
      )
    })

    test.each([
      ['10 KB', 'x'.repeat(10_240)],
      ['201 characters', 'x'.repeat(201)],
      ['21 words', 'w '.repeat(21)],
      ['nothing', ''],
      ['no word', '"- * ☃ !"'],
      ['the beginning of nearly every word', 'a*'],
    ])('%s cannot be asked', async (_, q) => {
      expect(await problem(q)).toEqual({ code: 'bad_request', parameters: ['q'] })
    })

    test('200 characters and 20 words can', async () => {
      expect(await found('x'.repeat(200))).toEqual([])
      // No text that is made at random has them.
      expect(await found(Array.from({ length: 20 }, (_, index) => `qzvk${index}`).join(' '))).toEqual([])
    })
  })

  describe('searched by words and by the other filters', () => {
    const inbox = inboxFor(open)

    test('finds what both take, page by page, in either order', async () => {
      const words = ['red', 'green', 'blue', 'odd']
      const types = ['loan.created', 'loan.closed', 'payment.received', 'postern.alert']
      const events = Array.from({ length: 240 }, (_, index) => ({
        index,
        words: words.filter((word, bit) => (word === 'odd' ? index % 41 === 7 : ((index * 7) % 11) & (1 << bit))),
        fields: {
          source: index % 3 === 0 ? 'south' : 'north',
          type: types[index % 4]!,
          subject: index % 5 === 0 ? null : `loan/L${index % 6}`,
          received: start + Math.floor(index / 10) * 60_000,
          refs: { loan: `L${index % 6}`, client: `C ${index % 2}` },
        },
      }))
      await appendAll(
        inbox.store,
        events.map(({ index, words, fields }) =>
          record(`event ${index}`, { ...fields, data: JSON.stringify({ refs: fields.refs, text: words.join(' ') }) }),
        ),
      )
      await indexed(inbox.store)
      const optional = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined, freq: 1 })
      const question = fc.record({
        words: fc.subarray(words, { minLength: 1, maxLength: 2 }),
        type: optional(fc.constantFrom('loan.*', 'payment.received', '*', 'postern.*', 'nothing')),
        source: optional(fc.constantFrom('north', 'south')),
        subject: optional(fc.constantFrom('loan/L1', 'loan/L9')),
        ref: optional(fc.constantFrom('loan:L2', 'client:C 1', 'client:1')),
        after: optional(fc.integer({ min: 0, max: 20 })),
        before: optional(fc.integer({ min: 5, max: 25 })),
        newest: fc.boolean(),
        limit: fc.constantFrom(9, 300),
      })
      await fc.assert(
        fc.asyncProperty(question, async ({ words, type, source, subject, ref, after, before, newest, limit }) => {
          const filter = {
            q: words.join(' '),
            ...(type && { type: [type] }),
            ...(source && { source: [source] }),
            ...(subject && { subject }),
            ...(ref && { refs: [ref] }),
            ...(after !== undefined && { receivedAfter: start + after * 60_000 }),
            ...(before !== undefined && { receivedBefore: start + before * 60_000 }),
          }
          const expected = events.filter(({ words: own, fields }) => {
            const matches = (glob: string) =>
              glob === '*'
                ? !fields.type.startsWith('postern.')
                : new RegExp(`^${glob.replace('*', '.*')}$`).test(fields.type)
            return (
              words.every(word => own.includes(word)) &&
              (type === undefined || matches(type)) &&
              (source === undefined || fields.source === source) &&
              (subject === undefined || fields.subject === subject) &&
              (ref === undefined ||
                [
                  `loan:${fields.refs.loan}`,
                  `client:${fields.refs.client}`,
                  fields.subject?.replace('/', ':'),
                ].includes(ref)) &&
              (after === undefined || fields.received >= start + after * 60_000) &&
              (before === undefined || fields.received < start + before * 60_000)
            )
          })
          const sequences = expected.map(({ index }) => index + 1)
          const got = await all(inbox.store, filter, newest ? 'newest' : 'oldest', limit)
          expect(got.map(({ sequence }) => sequence)).toEqual(newest ? sequences.toReversed() : sequences)
        }),
        { numRuns: 60 },
      )
    })

    test('tells how far the index has come, and a position that is not beyond', async () => {
      const { head } = await inbox.store.extent()
      const page = await inbox.store.list({ filter: { q: 'red' }, order: 'oldest', limit: 3, from: 5 })
      expect(page.search).toEqual({ indexedThrough: head })
      const last = await inbox.store.list({ filter: { q: 'red' }, order: 'oldest', limit: 300, from: head })
      expect(last).toEqual({ events: [], next: null, position: head, search: { indexedThrough: head } })
      expect((await inbox.store.list({ filter: {}, order: 'oldest', limit: 1 })).search).toBeUndefined()
    })

    test('finds what was stored while it was closed, and nothing twice', async () => {
      const before = (await all(inbox.store, { q: 'red' }, 'oldest', 100)).length
      await appendAll(inbox.store, [record('late one', { data: '{"refs":{},"text":"red late"}' })])
      const store = await inbox.reopen()
      await indexed(store)
      expect((await all(store, { q: 'red' }, 'oldest', 100)).length).toBe(before + 1)
      expect((await all(store, { q: 'late' }, 'oldest', 100)).length).toBe(1)
    })

    test('finds nothing that retention took', async () => {
      const { store } = inbox
      await appendAll(store, [
        record('old one', { source: 'brief', received: start, data: '{"refs":{},"text":"brieflyred"}' }),
        record('new one', { source: 'brief', received: start + 9 * day, data: '{"refs":{},"text":"brieflyred"}' }),
      ])
      await indexed(store)
      expect((await all(store, { q: 'brieflyred' }, 'newest', 10)).length).toBe(2)
      await store.expire(new Map([['brief', start + day]]), 0, start + 9 * day, new AbortController().signal)
      expect((await all(store, { q: 'brieflyred' }, 'newest', 10)).length).toBe(1)
      await indexed(store)
      expect((await all(store, { q: 'red' }, 'newest', 10)).length).toBeGreaterThan(1)
    })
  })

  test('where nothing is stored nothing is found', () =>
    withInbox(open, async ({ store }) => {
      await expect
        .poll(
          async () => (await store.list({ filter: { q: 'any' }, order: 'newest', limit: 5 }).catch(() => null))?.next,
          { timeout: 60_000 },
        )
        .toBe(null)
      expect((await store.search.progress())?.behind).toBe(0)
    }))
}

const strange = [
  'w'.repeat(10_240),
  `a${'\u0000'}b`,
  '\ud83dword\ude00',
  'x😀y',
  'ﷺ word',
  '½ cup',
  'foo™',
  'İstanbul',
  'हिन्दी भाषा',
  '日本語のテスト',
  'e\u0301te\u0301',
  '\u0301start',
  'ŉ ǆ ẞ',
]

/** As a person would copy one: a run of letters, digits and marks. */
function rawWords(text: string): string[] {
  return text.toWellFormed().match(/[\p{L}\p{N}\p{M}]+/gu) ?? []
}

async function all(store: Store, filter: EventFilter, order: EventQuery['order'], limit: number) {
  const events = []
  let from: number | undefined
  for (;;) {
    const page = await store.list({ filter, order, limit, ...(from === undefined ? {} : { from }) })
    events.push(...page.events)
    if (page.next === null) return events
    from = page.next
  }
}
