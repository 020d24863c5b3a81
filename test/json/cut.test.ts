import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { membersOf, removal } from '../../src/json/cut.ts'

function without(text: string, ...path: string[]): string {
  const [found] = membersOf(text, [path]).find(...path)
  if (found === undefined) throw new Error('no such member')
  const { start, end } = removal(text, found)
  return text.slice(0, start) + text.slice(end)
}

describe('removal', () => {
  test('takes the comma that it makes needless, and no other byte', () => {
    expect(without('{"a":1,"b":2,"c":3}', 'a')).toBe('{"b":2,"c":3}')
    expect(without('{"a":1,"b":2,"c":3}', 'b')).toBe('{"a":1,"c":3}')
    expect(without('{"a":1,"b":2,"c":3}', 'c')).toBe('{"a":1,"b":2}')
    expect(without('{ "a" : 1 }', 'a')).toBe('{  }')
    expect(without('{\n  "a": 1,\n  "b": 2\n}', 'a')).toBe('{\n  "b": 2\n}')
    expect(without('{\n  "a": 1,\n  "b": 2\n}', 'b')).toBe('{\n  "a": 1\n}')
    expect(without('{"x":{"a":{"y":[1]},"b":1.50}}', 'x', 'a')).toBe('{"x":{"b":1.50}}')
  })

  test('leaves valid JSON without the member, whatever the text', () => {
    const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1 })
    fc.assert(
      fc.property(object, fc.constantFrom(0, 1, '\t', ' \n'), fc.nat(), (value, space, pick) => {
        const names = Object.keys(value)
        const name = names[pick % names.length] ?? ''
        const left = JSON.parse(without(JSON.stringify(value, null, space), name)) as object
        expect(Object.keys(left)).toEqual(names.filter(each => each !== name))
      }),
    )
  })
})

describe('membersOf', () => {
  test('finds each of doubled members, and nothing by a part of a path', () => {
    const members = membersOf('{"a":{"b":1},"a":{"b":2,"b":3}}', [['a'], ['a', 'b']])
    expect(members.find('a')).toHaveLength(2)
    expect(members.find('a', 'b')).toHaveLength(3)
    expect(members.find('b')).toEqual([])
  })
})
