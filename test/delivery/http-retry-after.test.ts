// Retry-After in every form that RFC 9110 has recipients read.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { retryAfterMaxMs, retryAfterMs } from '../../src/delivery/destinations/http-retry-after.ts'

const now = Date.parse('1994-11-06T08:49:07Z')

test.each([
  ['0', 0],
  ['120', 120_000],
  [' 120 ', 120_000],
  ['86400', 86_400_000],
  ['86401', 86_400_000],
  ['9'.repeat(400), 86_400_000],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
  ['Sun Nov  6 08:49:37 1994', 30_000],
  ['Sun, 06 Nov 1994 08:49:07 GMT', 0],
  ['Sat, 05 Nov 1994 08:49:37 GMT', 0],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['Fri, 06 Nov 2094 08:49:37 GMT', retryAfterMaxMs],
  // Two digits: at most 50 years ahead, else in the past.
  ['Sunday, 06-Nov-44 08:49:37 GMT', retryAfterMaxMs],
  ['Sunday, 06-Nov-45 08:49:37 GMT', 0],
  // A leap second.
  ['Sun, 06 Nov 1994 08:49:60 GMT', 53_000],
])('%j', (header, expected) => {
  expect(retryAfterMs(header, now)).toBe(expected)
})

test.each([
  undefined,
  '',
  '-1',
  '1.5',
  '1e3',
  '0x10',
  'soon',
  'Infinity',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 31 Feb 1995 08:49:37 GMT',
  'Sun, 00 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nob 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 24:49:37 GMT',
  'Sun, 06 Nov 1994 08:60:37 GMT',
  'Sun, 06 Nov 1994 08:49:61 GMT',
])('%j says nothing', header => {
  expect(retryAfterMs(header, now)).toBeNull()
})

test('of several the first that says something counts', () => {
  expect(retryAfterMs(['soon', '5', '7'], now)).toBe(5_000)
})

test('any text is null or between none and 24 hours', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.integer().map(String)), fc.integer({ min: 0, max: 4e12 }), (header, at) => {
      const ms = retryAfterMs(header, at)
      expect(ms === null || (ms >= 0 && ms <= retryAfterMaxMs)).toBe(true)
    }),
  )
})

test('every second as a date is itself', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400 }), fc.integer({ min: 0, max: 4e9 }), (ahead, at) => {
      expect(retryAfterMs(new Date((at + ahead) * 1000).toUTCString(), at * 1000)).toBe(ahead * 1000)
    }),
  )
})
