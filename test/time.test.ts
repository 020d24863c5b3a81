import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rfc3339, unixTime } from '../src/time.ts'

/** RFC 3339, 5.6, with the upper-case letters that its consumers expect. */
const form =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/

describe('rfc3339', () => {
  test('keeps every digit of a fraction', () => {
    expect(rfc3339('2024-01-15T15:45:00.1234567Z')).toBe('2024-01-15T15:45:00.1234567Z')
    expect(rfc3339('2022-11-03T20:26:10.344522+01:00')).toBe('2022-11-03T20:26:10.344522+01:00')
    expect(rfc3339('2024-01-15T15:45:00.10')).toBe('2024-01-15T15:45:00.10Z')
  })

  test('takes the ways in which vendors write times', () => {
    const pairs = {
      '2024-01-15T15:45:00Z': '2024-01-15T15:45:00Z',
      '2024-01-15t15:45:00z': '2024-01-15T15:45:00Z',
      '2024-01-15 15:45:00': '2024-01-15T15:45:00Z',
      '2024-01-15T15:45': '2024-01-15T15:45:00Z',
      '2024-01-15': '2024-01-15T00:00:00Z',
      '2024-01-15T15:45:00+0530': '2024-01-15T15:45:00+05:30',
      '2024-01-15 15:45:00 +05:30': '2024-01-15T15:45:00+05:30',
      ' 2024-01-15T15:45:00Z ': '2024-01-15T15:45:00Z',
      '0001-01-01T00:00:00': '0001-01-01T00:00:00Z',
      '2016-12-31T23:59:60Z': '2016-12-31T23:59:60Z',
      '2024-02-29T00:00:00Z': '2024-02-29T00:00:00Z',
    }
    for (const [text, time] of Object.entries(pairs)) expect(rfc3339(text), text).toBe(time)
  })

  test('what is no time is nothing', () => {
    const texts = [
      '',
      'x',
      '2023-02-29',
      '2024-13-01',
      '2024-00-01',
      '2024-01-32',
      '2024-04-31T00:00:00Z',
      '2024-01-15T24:00:00Z',
    ]
    texts.push(
      '2024-01-15T15:60:00Z',
      '2024-01-15T15:45:61Z',
      '1705333500',
      '15/01/2024',
      '2024-1-5',
      '2024-01-15T',
      '2024-01-15T15Z',
    )
    texts.push(
      '2024-01-15T15:45:00+99:00',
      '2024-01-15T15:45:00+24:00',
      '2024-01-15T15:45:00-05:60',
      '2024-01-15T15:45:00+5',
      '٢٠٢٤-01-15',
    )
    for (const text of texts) expect(rfc3339(text), text).toBe(undefined)
    expect(rfc3339(undefined)).toBe(undefined)
  })

  test('a time without an offset is read in the timezone, also where clocks change', () => {
    const berlin = (text: string) => rfc3339(text, 'Europe/Berlin')
    expect(berlin('2024-01-15T12:00:00')).toBe('2024-01-15T12:00:00+01:00')
    expect(berlin('2024-07-15T12:00:00.5')).toBe('2024-07-15T12:00:00.5+02:00')
    expect(berlin('2024-03-31T01:59:59')).toBe('2024-03-31T01:59:59+01:00')
    expect(berlin('2024-03-31T03:00:00')).toBe('2024-03-31T03:00:00+02:00')
    expect(berlin('2024-10-27T03:00:00')).toBe('2024-10-27T03:00:00+01:00')
    expect(berlin('2024-07-15T12:00:00Z')).toBe('2024-07-15T12:00:00Z')
    expect(rfc3339('2024-07-15T12:00:00', 'America/New_York')).toBe('2024-07-15T12:00:00-04:00')
    expect(rfc3339('2024-07-15T12:00:00', 'Asia/Kathmandu')).toBe('2024-07-15T12:00:00+05:45')
    expect(rfc3339('2024-01-15', 'Europe/London')).toBe('2024-01-15T00:00:00Z')
    expect(rfc3339('2024-07-15', 'Europe/London')).toBe('2024-07-15T00:00:00+01:00')
  })

  test('agrees with Date on every instant, and is always RFC 3339', () => {
    const zone = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Pacific/Apia',
      'Australia/Lord_Howe',
    )
    const date = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(date, zone, (instant, timezone) => {
        const text = instant.toISOString()
        expect(Date.parse(rfc3339(text) ?? '')).toBe(instant.getTime())
        const local = rfc3339(text.slice(0, -1), timezone) ?? ''
        expect(local).toMatch(form)
        // Read back in that zone, it shows the clock that it was read from, but in the hour that a zone skips.
        const shown = new Date(local).toLocaleString('sv-SE', { timeZone: timezone })
        const skipped = Math.abs(
          Date.parse(`${shown.replace(' ', 'T')}Z`) - Math.floor(instant.getTime() / 1000) * 1000,
        )
        expect([0, 1_800_000, 3_600_000, 86_400_000]).toContain(skipped)
      }),
    )
  })

  test('whatever the text, the answer is RFC 3339 or nothing', () => {
    const digits = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: length, maxLength: length })
    const two = digits(2)
    const parts = fc.tuple(
      digits(4),
      two,
      two,
      two,
      two,
      two,
      fc.constantFrom('', '.5', '.1234567'),
      fc.constantFrom('+', '-'),
      two,
      two,
    )
    fc.assert(
      fc.property(parts, ([year, month, day, hour, minute, second, fraction, sign, zoneHour, zoneMinute]) => {
        const time = rfc3339(
          `${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}${sign}${zoneHour}:${zoneMinute}`,
        )
        if (time !== undefined) expect(time).toMatch(form)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('unixTime', () => {
  test('reads seconds with all their digits, and milliseconds', () => {
    expect(unixTime('1700000000')).toBe('2023-11-14T22:13:20Z')
    expect(unixTime('1700000000.1234567')).toBe('2023-11-14T22:13:20.1234567Z')
    expect(unixTime('1700000000123')).toBe('2023-11-14T22:13:20.123Z')
    expect(unixTime('999999999')).toBe('2001-09-09T01:46:39Z')
  })

  test('what is neither is nothing', () => {
    for (const text of [
      '',
      '0',
      '20240115',
      '17000000000',
      '-1700000000',
      '1.7e9',
      'x',
      '1700000000.',
      '17000000001234',
      '2024-01-15',
    ]) {
      expect(unixTime(text), text).toBe(undefined)
    }
    expect(unixTime(undefined)).toBe(undefined)
  })
})
