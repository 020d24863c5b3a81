// Every text and every byte that a vendor may send comes back as it went in; engines disagree about the strangest.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeptRequest, Store } from '../../../src/store/store.ts'
import { inboxFor, type OpenStore } from './inbox.ts'
import { entryId, idOf, listed, record, rejected, request, storedAs, waiting } from './record.ts'

const megabyte = 1_048_576
/** Texts that JSON can carry, whatever is in them. */
const strange: Record<string, string> = {
  'U+0000': 'before\u0000after\u0000',
  'a lone high surrogate': 'x\ud83dy',
  'a lone low surrogate': '\ude00',
  'surrogates in the wrong order': '\ude00\ud83d',
  'characters beyond the first plane': '😀𝒳',
  quotes: `'";--\\ $1 ? :a %s \${x}`,
  'line ends': '\r\n\u2028\u2029\u0085\t',
  'a byte order mark': '\ufeffx\uffff',
  nothing: '',
  'a megabyte': 'ü€x'.repeat(megabyte / 6),
}

export function testTexts(open: OpenStore): void {
  describe('come back as they went in:', () => {
    const inbox = inboxFor(open)
    const backAndForth = async (key: string, data: string, asked: KeptRequest, refs: Record<string, string> = {}) => {
      const stored = record(key, { data, refs })
      const [outcome] = await inbox.store.append([stored], asked)
      const event = await inbox.store.event(idOf(key))
      expect(event).toEqual(storedAs(stored, outcome!.sequence))
      const kept = await inbox.store.requestOf(event!)
      // Not by toEqual, which looks at each of some million bytes.
      expect(kept?.body.equals(asked.body)).toBe(true)
      expect({ ...kept, body: null }).toEqual({ ...asked, body: null })
      return event!
    }

    test.each(Object.keys(strange))('%s, in every field that carries a vendor’s text', async name => {
      const text = strange[name]!
      const refs = { loan: text, [`a${text.slice(0, 20)}`]: 'x' }
      const asked = request(Buffer.from(text), {
        headers: [
          ['X-Text', text],
          [text.slice(0, 100), ''],
        ],
        redacted: [text],
      })
      const event = await backAndForth(`data ${name}`, JSON.stringify({ refs, text, [text]: 1 }), asked, refs)
      expect(JSON.parse(event.data)).toEqual({ refs, text, [text]: 1 })

      await inbox.store.quarantine(waiting(name), asked)
      expect(await inbox.store.quarantined(entryId(name))).toEqual({ ...waiting(name), ...asked })
      await inbox.store.reject(rejected(name), asked, { countMax: 100, bytesMax: 100 * megabyte })
      expect(await inbox.store.rejection(entryId(name))).toEqual({ ...rejected(name), ...asked })
      await inbox.store.append([record(`data ${name}`, { content: Buffer.alloc(8) })], asked)
      const { items } = await inbox.store.listConflicts({ limit: 1 })
      expect(items).toEqual([expect.objectContaining(listed(asked))])
    })

    // What stands beside the data is made well-formed before it is stored.
    test.each(Object.keys(strange).filter(name => strange[name]!.isWellFormed()))('%s, in attributes', async name => {
      const text = strange[name]!
      const fields = { subject: `loan/${text}`, vendorid: text, vendortime: text, time: text, environment: null }
      const stored = record(`attributes ${name}`, fields)
      const asked = request('', { method: `M${text.slice(0, 20)}`, rest: text, query: text, address: text })
      const [outcome] = await inbox.store.append([stored], asked)
      const event = await inbox.store.event(idOf(`attributes ${name}`))
      expect(event).toEqual(storedAs(stored, outcome!.sequence))
      expect(await inbox.store.requestOf(event!)).toEqual(asked)
    })

    test('numbers with more digits and larger exponents than any engine has', async () => {
      const data = `{"refs":{},"a":1e400000,"b":-9007199254740993.10,"c":0.${'1'.repeat(400)},"d":1${'0'.repeat(5_000)}}`
      await backAndForth('numbers', data, request(data))
    })

    test('every byte, and bodies of none, of one and of 20 MB', async () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
      for (const body of [every, Buffer.alloc(0), Buffer.from([0]), Buffer.alloc(20 * megabyte, every)]) {
        await backAndForth(`body of ${body.length}`, '{"refs":{}}', request(body))
      }
    })

    test('times from the epoch to the year 9999', async () => {
      for (const received of [0, 1, Date.UTC(2038, 0, 19, 4), Date.UTC(9999, 11, 31)]) {
        const stored = record(`time ${received}`, { received })
        const [outcome] = await inbox.store.append([stored], request('', { received }))
        const event = await inbox.store.event(idOf(`time ${received}`))
        expect(event).toEqual(storedAs(stored, outcome!.sequence))
        const listed = await inbox.store.list({
          filter: { receivedAfter: received, receivedBefore: received + 1 },
          order: 'oldest',
          limit: 5,
        })
        expect(listed.events).toEqual([event])
      }
    })

    test('any text at all', async () => {
      let number = 0
      const text = fc.string({ unit: 'binary', maxLength: 60 })
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(text, text), { maxLength: 5 }),
          text,
          fc.uint8Array(),
          async (pairs, value, body) => {
            const refs = Object.fromEntries(pairs.map(([name, each]) => [`k${name}`, each]))
            const asked = request(Buffer.from(body), { headers: pairs, redacted: pairs.flat() })
            await backAndForth(`any ${++number}`, JSON.stringify({ refs, value }), asked, refs)
          },
        ),
        { numRuns: 60 },
      )
    })

    test('refs and subjects find their events, and no others', async () => {
      const texts = Object.values(strange).filter(text => text !== '' && text.length < 1_000)
      const found = (filter: Parameters<Store['list']>[0]['filter']) =>
        inbox.store.list({ filter, order: 'oldest', limit: 50 }).then(({ events }) => events.map(({ id }) => id))
      for (const [index, text] of texts.entries()) {
        await inbox.store.append(
          [record(`ref ${index}`, { source: 'refs', refs: { thing: text }, subject: `item/${text.toWellFormed()}` })],
          request(''),
        )
      }
      for (const [index, text] of texts.entries()) {
        const wellFormed = text.toWellFormed()
        // Two that differ in what is no character at all are found by one text.
        const same = texts.flatMap((other, place) =>
          other.toWellFormed() === wellFormed ? [idOf(`ref ${place}`, 'refs')] : [],
        )
        expect(same).toContainEqual(idOf(`ref ${index}`, 'refs'))
        expect(await found({ source: ['refs'], refs: [`thing:${wellFormed}`] })).toEqual(same)
        expect(await found({ source: ['refs'], subject: `item/${wellFormed}` })).toEqual(same)
      }
    })
  })
}
