import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJson } from '../../src/json/parse.ts'
import { plainJson } from '../../src/json/plain.ts'

const plain = (text: string, without?: readonly string[]) => plainJson(parseJson(text), without)

test('a number that JavaScript would write differently becomes its own text', () => {
  expect(plain('[1, 0.5, 8500.0, 1.0E7, 9007199254740993, 250000.10, 1e400000, -0]')).toEqual([
    1,
    0.5,
    '8500.0',
    '1.0E7',
    '9007199254740993',
    '250000.10',
    '1e400000',
    '-0',
  ])
})

test('every number keeps its text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }).map(String), fc.bigInt().map(String)),
      text => {
        expect(String(plain(text))).toBe(text)
      },
    ),
  )
})

test('objects have own members only, so that an expression sees what was sent and nothing else', () => {
  const object = plain('{"__proto__": {"a": 1}, "b": 2}') as Record<string, unknown>
  expect(Object.keys(object)).toEqual(['__proto__', 'b'])
  expect(object.constructor).toBeUndefined()
  expect(object.a).toBeUndefined()
})

test('members at hidden paths are left out, with * for any one name', () => {
  const text = '{"a":{"token":"t","b":{"token":"u"}},"c":[{"token":"v"},{"d":1}],"token":"w"}'
  expect(plain(text, ['token', 'a.token'])).toEqual({ a: { b: { token: 'u' } }, c: [{ token: 'v' }, { d: 1 }] })
  expect(plain(text, ['*.token', 'c.*.token'])).toEqual({ a: { b: { token: 'u' } }, c: [{}, { d: 1 }], token: 'w' })
})
