import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeId, deriveId, encodeId } from '../src/ids.ts'

const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 })

describe('ids', () => {
  test('are the number in base 32, most significant digit first', () => {
    expect(encodeId(new Uint8Array(16))).toBe('0'.repeat(26))
    expect(encodeId(new Uint8Array(16).fill(0xff))).toBe(`7${'z'.repeat(25)}`)
    expect(encodeId(Buffer.from('00000000000000000000000000000001', 'hex'))).toBe(`${'0'.repeat(25)}1`)
    // The ULID specification's alphabet, on a number that has every digit once and more.
    const digits = '0123456789abcdefghjkmnpqrstvwxyz'
    fc.assert(
      fc.property(bytes, raw => {
        let number = BigInt(`0x${Buffer.from(raw).toString('hex')}`)
        let text = ''
        for (; text.length < 26; number /= 32n) text = digits[Number(number % 32n)] + text
        expect(encodeId(raw)).toBe(text)
      }),
    )
  })

  test('go there and back', () => {
    fc.assert(
      fc.property(bytes, raw => {
        expect(decodeId('evt_', `evt_${encodeId(raw)}`)).toEqual(Buffer.from(raw))
      }),
    )
  })

  test('sort as their bytes do', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(encodeId(a) < encodeId(b)).toBe(Buffer.compare(a, b) < 0)
      }),
    )
  })

  test('what is no id is none', () => {
    const right = encodeId(new Uint8Array(16).fill(7))
    for (const text of [
      right,
      `req_${right}`,
      `evt_${right}0`,
      `evt_${right.slice(1)}`,
      `evt_8${right.slice(1)}`,
      'evt_',
      '',
      `evt_${right.toUpperCase()}`,
    ]) {
      expect(decodeId('evt_', text), text).toBe(undefined)
    }
    for (const odd of ['i', 'l', 'o', 'u', ' ', '-', 'é'])
      expect(decodeId('evt_', `evt_${right.slice(1)}${odd}`), odd).toBe(undefined)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => {
        expect(() => decodeId('evt_', `evt_${text}`)).not.toThrow()
      }),
    )
  })

  test('an id is derived from the JSON of its parts, so that no two keys are joined into one', () => {
    expect(deriveId('banclo', 'a', 'b')).toEqual(
      createHash('sha256').update('["banclo","a","b"]').digest().subarray(0, 16),
    )
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        expect(deriveId(...a).equals(deriveId(...b))).toBe(JSON.stringify(a) === JSON.stringify(b))
      }),
    )
    expect(deriveId('a', 'b').equals(deriveId('a","b'))).toBe(false)
    expect(deriveId('\ud800').equals(deriveId('\ufffd'))).toBe(false)
  })
})
