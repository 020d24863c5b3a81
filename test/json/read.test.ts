import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJson } from '../../src/json/parse.ts'
import {
  arrayAt,
  booleanAt,
  decimalAt,
  idAt,
  integerAt,
  member,
  objectAt,
  sameJson,
  textAt,
} from '../../src/json/read.ts'

const at = (text: string) => parseJson(text)

describe('reading', () => {
  test('members are own members only', () => {
    const body = at('{"a":{"b":1}}')
    for (const name of ['toString', 'constructor', '__proto__', 'hasOwnProperty', 'length']) {
      expect(member(body, name), name).toBe(undefined)
      expect(member(body, 'a', name), name).toBe(undefined)
      expect(textAt(at('"text"'), name), name).toBe(undefined)
      expect(textAt(at('[1]'), name), name).toBe(undefined)
      expect(textAt(at('1'), name), name).toBe(undefined)
    }
    expect(textAt(at('1'), 'text')).toBe(undefined)
    expect(textAt(at('{"__proto__":"x"}'), '__proto__')).toBe('x')
  })

  test('text is a scalar as it stood, and nothing where there is none', () => {
    const body = at('{"s":"x","n":8500.0,"b":false,"e":"","z":null,"o":{},"l":[]}')
    expect(['s', 'n', 'b', 'e', 'z', 'o', 'l', 'missing'].map(name => textAt(body, name))).toEqual([
      'x',
      '8500.0',
      'false',
      ...Array(5).fill(undefined),
    ])
    expect(booleanAt(body, 'b')).toBe(false)
    expect([objectAt(body, 'o'), objectAt(body, 'l'), arrayAt(body, 'l'), arrayAt(body, 'o')]).toEqual([
      {},
      undefined,
      [],
      undefined,
    ])
    expect(objectAt(body, 'n')).toBe(undefined)
  })

  test('an id is one text for one identifier, whichever way it was written', () => {
    const ids = ['9876', '9876.0', '9876.00', '9.876e3', '9876.0E0', '"9876"', '" 9876 "']
    expect(ids.map(text => idAt(at(text)))).toEqual(Array(ids.length).fill('9876'))
    expect(idAt(at('9007199254740993'))).toBe('9007199254740993')
    expect(['""', '" "', 'null', 'true', '{}', '1e400000'].map(text => idAt(at(text)))).toEqual(
      Array(6).fill(undefined),
    )
    expect(idAt(at('"007.0"'))).toBe('007.0')
  })

  test('decimals keep every digit, integers only what a number holds', () => {
    expect(['1.10', '1E2', '"2.50"', '"1e2"', '"x"', '""', '"0x10"', 'true'].map(text => decimalAt(at(text)))).toEqual([
      '1.10',
      '100',
      '2.50',
      '100',
      ...Array(4).fill(undefined),
    ])
    expect(
      ['2', '2.0', '"2"', '2.5', '9007199254740991', '9007199254740993', '-3', '""'].map(text => integerAt(at(text))),
    ).toEqual([2, 2, 2, undefined, 9007199254740991, undefined, -3, undefined])
  })
})

describe('sameJson', () => {
  const same = (a: string, b: string) => sameJson(at(a), at(b))

  test('compares numbers by value without a float', () => {
    expect([same('1', '1.0'), same('1.50', '1.5'), same('1e2', '100'), same('0', '-0.0'), same('10', '1.0E1')]).toEqual(
      Array(5).fill(true),
    )
    expect([
      same('9007199254740993', '9007199254740992'),
      same('1', '10'),
      same('100', '1'),
      same('0.1', '0.10000000000000001'),
    ]).toEqual(Array(4).fill(false))
    expect([same('1e400000', '1e400000'), same('1e400000', '1e400001'), same('1', '"1"'), same('1', 'true')]).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  test('knows members that are null or missing apart, and takes them in any order', () => {
    expect(same('{"a":1,"b":[2,{"c":null}]}', '{"b":[2.0,{"c":null}],"a":1.0}')).toBe(true)
    expect([
      same('{"a":null}', '{"b":null}'),
      same('{"a":1}', '{"a":1,"b":1}'),
      same('[1,2]', '[2,1]'),
      same('[]', '{}'),
    ]).toEqual(Array(4).fill(false))
    expect([same('{"toString":1}', '{}'), same('{}', '{"__proto__":{}}'), sameJson(undefined, at('null'))]).toEqual([
      false,
      false,
      false,
    ])
  })

  test('is true of any value and itself, and agrees with equality of what it reads', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        expect(same(JSON.stringify(a), JSON.stringify(a, null, 1))).toBe(true)
        const equal = JSON.stringify(a) === JSON.stringify(b)
        if (equal) expect(same(JSON.stringify(a), JSON.stringify(b))).toBe(true)
      }),
    )
  })
})
