// What parses is what JSON.parse takes, with the digits of numbers kept: nothing else may decide what a vendor said.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Json, JsonNumber, JsonSyntaxError, jsonDepthMax, parseJson, scanJson } from '../../src/json/parse.ts'

/** With numbers as JSON.parse has them, and members that keep their name whatever it is. */
function plain(value: Json): unknown {
  if (value instanceof JsonNumber) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const object = {}
  for (const [name, member] of Object.entries(value)) {
    Object.defineProperty(object, name, { value: plain(member), enumerable: true, configurable: true, writable: true })
  }
  return object
}

type Outcome = { value: unknown; keys?: string[] } | 'refused'
function outcome(parse: () => unknown): Outcome {
  try {
    const value = parse()
    return { value, ...(typeof value === 'object' && value !== null ? { keys: Object.keys(value) } : {}) }
  } catch (error) {
    expect(error instanceof SyntaxError || error instanceof JsonSyntaxError, String(error)).toBe(true)
    return 'refused'
  }
}
/**
 * JSON.parse of Node 24 may take a key with an escape for one that it met before (`"  \\""` for `"  \\\\"`): of such
 * texts only the refusal is compared.
 */
const escapedKey = /"(?:[^"\\]|\\.)*\\(?:[^"\\]|\\.)*"\s*:/s
function expectLikeJsonParse(text: string): void {
  const ours = outcome(() => plain(parseJson(text)))
  const theirs = outcome(() => JSON.parse(text))
  if (escapedKey.test(text)) expect(ours === 'refused', text).toBe(theirs === 'refused')
  else expect(ours, text).toEqual(theirs)
  const scanned = outcome(() => scanJson(text, [['a', '*']], () => {}))
  expect(scanned === 'refused', text).toBe(ours === 'refused')
}

describe('parseJson takes and refuses what JSON.parse does', () => {
  test('for any JSON, and for JSON with one character changed, cut or doubled', () => {
    const character = fc.constantFrom(...'{}[]",:\\/ \t\n\r0123456789-+.eEtrufalsn\u0000\u001f\u2028\ufeff\ud800')
    fc.assert(
      fc.property(fc.json(), fc.nat(), character, fc.constantFrom(0, 1, 2), (text, place, odd, cut) => {
        expectLikeJsonParse(text)
        const at = place % (text.length + 1)
        expectLikeJsonParse(text.slice(0, at) + odd + text.slice(at + cut))
      }),
      { numRuns: 3_000 },
    )
  })

  test('keys with escapes are what they say, whatever was parsed before', () => {
    for (const [text, key] of [
      ['{"x":1,"  \\\\":2}', '  \\'],
      ['{"x":1,"  \\"":2}', '  "'],
      ['{"x":1,"\\u0061":2}', 'a'],
    ] as const) {
      expect(Object.keys(parseJson(text) as object)).toEqual(['x', key])
    }
  })

  test('for objects with doubled keys and keys that prototypes have', () => {
    const key = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '1', '')
    const value = fc.constantFrom('1', '"x"', 'null', '{}', '[]', '{"__proto__":1}')
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), members => {
        expectLikeJsonParse(`{${members.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`)
      }),
    )
  })

  test('for numbers of every shape', () => {
    const digits = fc.constantFrom(
      '',
      '0',
      '00',
      '7',
      '10',
      '-',
      '+',
      '.',
      'e',
      'E',
      '.5',
      'e9',
      'e-9',
      '9007199254740993',
    )
    fc.assert(
      fc.property(fc.array(digits, { maxLength: 4 }), parts => {
        expectLikeJsonParse(parts.join(''))
        expectLikeJsonParse(`[${parts.join('')}]`)
      }),
      { numRuns: 3_000 },
    )
  })

  test('for strings with every escape', () => {
    const piece = fc.constantFrom(
      '\\',
      'u',
      '\\u',
      '\\ud800',
      '\\u0041',
      '"',
      'x',
      '\\n',
      '\\x',
      '\n',
      '\u007f',
      'é',
      '😀',
      '\ud83d',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), pieces => expectLikeJsonParse(`"${pieces.join('')}"`)),
      { numRuns: 3_000 },
    )
  })

  const named = [
    '',
    ' ',
    'nul',
    'nulll',
    'truE',
    'NaN',
    'Infinity',
    '-',
    '01',
    '1.',
    '.5',
    '1e',
    '0x1',
    '[1,]',
    '{"a":1,}',
    '{,}',
    '[,1]',
  ]
  named.push(
    "{'a':1}",
    '{a:1}',
    '{"a" 1}',
    '[1 2]',
    '// x\n1',
    '1 1',
    '"',
    '"\\',
    '\ufeff1',
    '\u00a01',
    '[',
    '{',
    '{"a"',
    '{"a":',
    ']',
    '"\u0000"',
  )
  for (const text of named) test(`for ${JSON.stringify(text)}`, () => expectLikeJsonParse(text))
})

describe('parseJson', () => {
  test('keeps the digits of numbers', () => {
    const numbers = [
      '9007199254740993.10',
      '8500.0',
      '1.0E7',
      '-0',
      '0.1',
      '1e400000',
      '123456789012345678901234567890',
    ]
    expect(parseJson(`[${numbers.join(', ')}]`)).toEqual(numbers.map(text => new JsonNumber(text)))
  })

  test('of doubled keys counts the last, and __proto__ is a member like any other', () => {
    expect(parseJson('{"a":"x","a":"y"}')).toEqual({ a: 'y' })
    const parsed = parseJson('{"__proto__":{"admin":true},"__proto__":"last"}') as Record<string, Json>
    expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(parsed, '__proto__')?.value).toBe('last')
    expect(({} as { admin?: unknown }).admin).toBe(undefined)
  })

  test('keeps lone surrogates, as they came', () => {
    expect(parseJson('"\\ud800x\\udc00"')).toBe('\ud800x\udc00')
    expect(parseJson('{"\\ud800":1}')).toEqual({ '\ud800': new JsonNumber('1') })
  })

  test('refuses nesting past its limit, and never meets the end of the stack', () => {
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
      ['[{"a":', '}]'],
    ] as const) {
      const nested = (levels: number) => `${open.repeat(levels)}null${close.repeat(levels)}`
      const levels = jsonDepthMax / (open.length > 5 ? 2 : 1)
      expect(() => parseJson(nested(levels))).not.toThrow()
      expect(() => parseJson(nested(levels + 1))).toThrow(/nested deeper than 512 levels at offset/)
      expect(() => parseJson(nested(10_000))).toThrow(JsonSyntaxError)
      expect(() => parseJson(open.repeat(1_000_000))).toThrow(JsonSyntaxError)
    }
  })

  test('says where it failed', () => {
    expect(() => parseJson('{"a": tru}')).toThrow(expect.objectContaining({ offset: 6 }))
    expect(() => parseJson('[1] x')).toThrow(/after the end of the JSON value at offset 4/)
  })
})

describe('scanJson', () => {
  test('every span is the text of its value', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), text => {
        const whole = JSON.parse(text) as unknown
        scanJson(text, 'all', ({ path, key, value }) => {
          let at = whole
          for (const name of path) at = (at as Record<string, unknown>)[name]
          expect(JSON.parse(text.slice(value.start, value.end))).toEqual(at)
          if (key.start < key.end) expect(JSON.parse(text.slice(key.start, key.end))).toBe(path.at(-1))
        })
      }),
    )
  })

  test('doubled members are both told, in order, and none that nobody asked for', () => {
    const told: string[] = []
    const wanted = [['a'], ['*', 'b'], ['l', '0']]
    scanJson('{"a":{"b":{"c":1}},"a":2,"l":[3,4],"z":{"b":1}}', wanted, ({ path }) => told.push(path.join('.')))
    expect(told).toEqual(['a.b', 'a', 'a', 'l.0', 'z.b'])
  })
})
