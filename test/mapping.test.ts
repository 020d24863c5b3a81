import { describe, expect, test } from 'vitest'
import { compileExpression } from '../src/expression.ts'
import { parseJson } from '../src/json/parse.ts'
import { plainJson } from '../src/json/plain.ts'
import { compileMapping, mappedData } from '../src/mapping.ts'

const plain = (text: string) => plainJson(parseJson(text))

describe('compileExpression', () => {
  const evaluate = (expression: string, text: string) => compileExpression('setting', expression)(plain(text))

  test.each([
    ['a path', 'a.b', '{"a":{"b":"x"}}', 'x'],
    ['a literal', "'loan.status_changed'", '{}', 'loan.status_changed'],
    ['what is not there', 'a.b.c', '{}', null],
    ['a safe integer', 'n', '{"n":42}', 42],
    ['a fraction, as text', 'n', '{"n":0.1}', '0.1'],
    ['all digits of a large number', 'n', '{"n":9007199254740993}', '9007199254740993'],
    ['a computed fraction', 'n * `0.5`', '{"n":3}', '1.5'],
    ['what JSON has no number for', 'n * `10`', '{"n":1e+308}', null],
    ['no member of a prototype', '[constructor, toString, __proto__]', '{}', [null, null, null]],
  ])('%s', (_, expression, text, expected) => {
    expect(evaluate(expression, text)).toEqual(expected)
  })

  test('undefined where it cannot be evaluated', () => {
    expect(evaluate('length(a)', '{"a":5}')).toBeUndefined()
    expect(evaluate("join('/', ['loan', id])", '{}')).toBeUndefined()
  })

  test.each([
    ['', /setting: expected a JMESPath expression/],
    ['  ', /setting: expected a JMESPath expression/],
    ['a..b', /setting: expected a JMESPath expression/],
    ['a[', /setting: expected a JMESPath expression/],
    ['nosuch(@)', /setting: .*no function nosuch/],
    ['a.{b: c[?nosuch(d)]}', /setting: .*no function nosuch/],
    ['('.repeat(4096), /setting: expected a JMESPath expression/],
    ['a'.repeat(4097), /setting: expected at most 4096 characters, got 4097/],
  ])('refuses bad expression %#', (expression, message) => {
    expect(() => compileExpression('setting', expression)).toThrow(TypeError)
    expect(() => compileExpression('setting', expression)).toThrow(message)
  })

  test('a literal that looks like a call is none', () => {
    expect(evaluate('`{"type":"Function","name":"nosuch"}`.name', '{}')).toBe('nosuch')
  })
})

describe('mappedData', () => {
  test('refs become texts, with a zero fraction cut', () => {
    expect(
      mappedData(plain('{"refs":{"loan":7,"a":9876.0,"b":1.0E7,"c":"12E5","d":null,"e":"","f":9007199254740993}}')),
    ).toEqual({ refs: { loan: '7', a: '9876', b: '10000000', c: '12E5', f: '9007199254740993' } })
  })

  test.each([
    ['12.50', { value: '12.50', currency: 'EUR' }],
    ['1.0E7', { value: '10000000', currency: 'EUR' }],
    ['{"value":9007199254740993.10,"currency":"usd"}', { value: '9007199254740993.10', currency: 'USD' }],
    ['"3"', { value: '3', currency: 'EUR' }],
  ])('amount %s', (amount, expected) => {
    expect(mappedData(plain(`{"amount":${amount}}`), 'eur')).toEqual({ refs: {}, amount: expected })
  })

  test.each([
    ['"In Review"', { current: 'in_review', phase: 'other', raw: 'In Review' }],
    ['104', { current: 'code_104', phase: 'other', raw: '104' }],
    [
      '{"current":"BID","previous":"PRE_BID","phase":"offered"}',
      { current: 'bid', previous: 'pre_bid', phase: 'offered', raw: 'BID' },
    ],
    ['{"raw":"BID","current":"offer"}', { current: 'offer', phase: 'other', raw: 'BID' }],
  ])('status %s', (status, expected) => {
    expect(mappedData(plain(`{"status":${status}}`))).toEqual({ refs: {}, status: expected })
  })

  test('nulls are left out, at any depth; actors are texts', () => {
    expect(
      mappedData(plain('{"amount":null,"x":{"y":null,"z":[null,{"w":null}]},"actor":{"kind":"user","id":5}}')),
    ).toEqual({
      refs: {},
      x: { z: [null, {}] },
      actor: { kind: 'user', id: '5' },
    })
  })

  test('nothing is no refs; what is no object is none', () => {
    expect(mappedData(null)).toEqual({ refs: {} })
    for (const text of ['1', '"x"', '[]', 'true']) expect(mappedData(plain(text))).toBeUndefined()
  })
})

describe('compileMapping', () => {
  const context = { prefix: 'custom.acme' }
  const map = (expressions: Parameters<typeof compileMapping>[1], text: string, more: object = {}) =>
    compileMapping('acme', expressions)(plain(text), { ...context, ...more })

  test('maps id, type, subject, time and data', () => {
    expect(
      map(
        {
          id: 'id',
          type: "'loan.status_changed'",
          subject: "join('/', ['loan', to_string(loan)])",
          time: 'at',
          data: '{status: status, amount: sum, refs: {loan: loan}}',
        },
        '{"id":5,"loan":7,"at":"2024-01-01T00:00:00Z","status":"BID","sum":12.50}',
        { currency: 'EUR' },
      ),
    ).toEqual({
      id: '5',
      type: 'loan.status_changed',
      named: 'loan.status_changed',
      subject: 'loan/7',
      time: '2024-01-01T00:00:00Z',
      data: {
        refs: { loan: '7' },
        status: { current: 'bid', phase: 'other', raw: 'BID' },
        amount: { value: '12.50', currency: 'EUR' },
      },
    })
  })

  test('a type that is in no catalogue gets the prefix', () => {
    expect(map({ type: 'event' }, '{"event":"Loan.PaidOff"}')).toMatchObject({ type: 'custom.acme.loan.paid_off' })
  })

  test('one of our own events’ types is no catalogue type to a sender: it gets the prefix', () => {
    expect(map({ type: 'event' }, '{"event":"postern.quarantine.grown"}')).toMatchObject({
      type: 'custom.acme.postern.quarantine.grown',
    })
  })

  test('without a type there is the fallback, or it is not understood', () => {
    expect(map({ type: 'event' }, '{}', { fallbackType: 'custom.acme.x' })).toMatchObject({ type: 'custom.acme.x' })
    expect(map({ type: 'event' }, '{}')).toEqual({ notUnderstood: 'acme.type found no type' })
  })

  test.each([
    [
      'a catalogue type whose data lacks what its schema asks',
      { type: "'loan.status_changed'", data: '@' },
      '{}',
      /acme\.data: status/,
    ],
    ['an amount that is none', { type: "'loan.created'", data: '{amount: a}' }, '{"a":"much"}', /acme\.data: amount/],
    ['the same of an open type', { type: "'x'", data: '{amount: a}' }, '{"a":"much"}', /acme\.data: amount/],
    ['data that is no object', { type: "'x'", data: 'a' }, '{"a":[1]}', /acme\.data: expected an object/],
    ['a subject that is no kind/id', { type: "'x'", subject: 'a' }, '{"a":"7"}', /acme\.subject: expected kind\/id/],
    [
      'an expression that fails',
      { type: "'x'", subject: "join('/', ['loan', a])" },
      '{}',
      /acme\.subject cannot be evaluated/,
    ],
  ])('does not understand %s', (_, expressions, text, reason) => {
    expect(map(expressions, text)).toEqual({ notUnderstood: expect.stringMatching(reason) })
  })

  test('a GUID in a subject is lower-cased', () => {
    const text = '{"a":"A0A0A0A0-0000-4000-8000-00000000ABCD"}'
    expect(map({ type: "'x'", subject: "join('/', ['loan', a])" }, text)).toMatchObject({
      subject: 'loan/a0a0a0a0-0000-4000-8000-00000000abcd',
    })
  })

  test('names the setting of a bad expression, and a member that there is not', () => {
    expect(() => compileMapping('acme', { type: 'a[' })).toThrow(/^acme\.type: /)
    expect(() => compileMapping('acme', { typ: 'a' } as object)).toThrow(/^acme: .*"typ"/)
  })
})
