// What a word is, for what is stored and for what is asked; and how hard the index works.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { documentOf, type SearchedEvent } from '../../src/store/search/document.ts'
import { Pace } from '../../src/store/search/pace.ts'
import { questionOf, questionProblem } from '../../src/store/search/question.ts'
import { wordsOf } from '../../src/store/search/words.ts'

const any = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 }))

describe('words', () => {
  test.each([
    ['APP-2024_001/x:y.z', ['app', '2024', '001', 'x', 'y', 'z']],
    [
      'Zürich ﬁn Ｗｉｄｅ STRASSE straße Ødegård Łódź',
      ['zurich', 'fin', 'wide', 'strasse', 'strasse', 'odegard', 'lodz'],
    ],
    ['ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']],
    ['foo™ ½cup a\u0000b', ['foo', '1', '2cup', 'a', 'b']],
    ['\ud83dx\ude00 😀', ['x']],
    [' - ', []],
    ['', []],
  ])('of %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  test('are known by their first 100 characters, whole ones', () => {
    expect(wordsOf('x'.repeat(10_240))).toEqual(['x'.repeat(100)])
    expect(wordsOf('𝒳'.repeat(300))).toEqual(['x'.repeat(100)])
    expect(wordsOf('𐐨'.repeat(300))).toEqual(['𐐨'.repeat(100)])
  })

  test('of words are themselves; they are letters, digits and marks, and bounded', () => {
    fc.assert(
      fc.property(any, text => {
        const words = wordsOf(text)
        for (const word of words) expect(word).toMatch(/^[\p{L}\p{N}\p{M}]{1,100}$/u)
        expect(wordsOf(words.join('  '))).toEqual(words)
      }),
      { numRuns: 500 },
    )
  })

  test('of a megabyte take no time to speak of', () => {
    const from = performance.now()
    for (const text of ['x', '\u0301', 'ﷺ', '-', 'é ', '\ud83d']) wordsOf(text.repeat(1_000_000 / text.length))
    expect(performance.now() - from).toBeLessThan(5_000)
  })
})

describe('a question', () => {
  test.each([
    ['loan K0Z1Q', [['loan'], ['k0z1q']]],
    ['loan/K0Z1Q', [['loan', 'k0z1q']]],
    ['"a b" c', [['a', 'b'], ['c']]],
    ['a"b c"d', [['a'], ['b', 'c'], ['d']]],
    ['"a b', [['a'], ['b']]],
    ['NEAR(a, b) OR -c', [['near', 'a'], ['b'], ['or'], ['c']]],
  ])('%j', (q, words) => {
    expect(questionOf(q)).toEqual(words.map(each => ({ words: each, isPrefix: false })))
  })

  test('has a beginning where a word ends with *, and nowhere else', () => {
    const beginnings = (q: string) => questionOf(q).map(({ words, isPrefix }) => [words.join(' '), isPrefix])
    expect(beginnings('zo* loan/k0*')).toEqual([
      ['zo', true],
      ['loan k0', true],
    ])
    expect(beginnings('a*b "zo*" zo-* *zo z**')).toEqual(['a b', 'zo', 'zo', 'zo', 'z'].map(words => [words, false]))
  })

  test('is one, or says what is wrong with it', () => {
    fc.assert(
      fc.property(any, q => {
        const problem = questionProblem(q)
        if (problem === undefined) expect(questionOf(q).length).toBeGreaterThan(0)
        else expect(() => questionOf(q)).toThrow(problem)
      }),
    )
  })
})

describe('what is searched of an event', () => {
  const event: SearchedEvent = {
    sequence: 1, id: Buffer.alloc(16), kind: 7, source: 's', vendor: 'v', type: 't', vendortype: 'vt', subject: null,
    vendorid: null, data: '{"refs":{}}',
  } // biome-ignore format: one line
  const body = (text: string, headers = '[]') => ({ body: Buffer.from(text), query: null, headers })

  test('is bounded, and its refs are never what is cut off', () => {
    const data = JSON.stringify({ text: 'w '.repeat(500_000), refs: { loan: 'K0Z1Q' } })
    const words = documentOf({ ...event, data }, body('p '.repeat(500_000))).split(' ')
    expect(words.length).toBe(16_000)
    expect(words).toContain('k0z1q')
  })

  test.each([
    ['stand behind a text of many short words', { text: 'w '.repeat(20_000), refs: { loan: 'K0Z1Q' } }],
    ['stand behind one that is longer than all of it', { refs: { note: 'w '.repeat(40_000), loan: 'K0Z1Q' } }],
  ])('has its refs where they %s', (_, data) => {
    const words = documentOf({ ...event, data: JSON.stringify(data) }).split(' ')
    expect(words.length).toBe(16_000)
    expect(words).toContain('k0z1q')
  })

  test('begins with what no text can have: its kind', () => {
    expect(documentOf(event).split(' ')[0]).toBe('=7')
    expect(documentOf({ ...event, data: '{"refs":{"a":"=8"}}' })).not.toContain('=8')
  })

  test('is had of any payload', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        any,
        fc.constantFrom('[]', '"X-WWW-form-urlencoded"'),
        (bytes, text, headers) => {
          for (const each of [Buffer.from(bytes), Buffer.from(`{"a":${JSON.stringify(text)}`), Buffer.from(text)]) {
            expect(documentOf(event, { body: each, query: text, headers })).toMatch(/^=7 \S/)
          }
        },
      ),
    )
  })
})

describe('the index’s pace', () => {
  test('is slow while much comes in, and takes a twentieth of the time; else it catches up', () => {
    const pace = new Pace()
    pace.look(0, 0)
    expect(pace.rest(50, 5_000)).toBe(0)
    pace.look(1_000, 1_000)
    expect(pace.rest(50, 5_000)).toBe(950)
    expect(pace.rest(0, 5_000)).toBeGreaterThan(0)
    const busy = pace.page
    // Too soon to say.
    pace.look(1_000, 1_050)
    expect(pace.page).toBe(busy)
    pace.look(1_010, 2_000)
    expect(pace.page).toBeGreaterThan(busy)
    expect(pace.rest(50, 5_000)).toBe(0)
    expect(pace.rest(50, 0)).toBeGreaterThan(100)
  })
})
