// Vendors' times as RFC 3339 text. Every digit of a fraction is kept: a JavaScript Date holds only three.

const timePattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?)? ?(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?$/

/**
 * A vendor's time text made RFC 3339, or undefined where it is none. A time without an offset is read in `timezone`,
 * an IANA name (default `UTC`); a date alone is its midnight there.
 */
export function rfc3339(text: string | undefined, timezone = 'UTC'): string | undefined {
  const match = text === undefined ? null : timePattern.exec(text.trim())
  if (match === null) return undefined
  const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00', fraction = '', offset] = match
  const wall = `${year}-${month}-${day}T${hour}:${minute}:${second}`
  // A leap second is a time; Date does not know it.
  const inYear = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= daysIn(year, month)
  if (!inYear || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined
  if (offset !== undefined) return wall + fraction + normalOffset(offset)
  return wall + fraction + offsetAt(Date.parse(`${wall.replace(/:60$/, ':59')}Z`), timezone)
}

function daysIn(year: string, month: string): number {
  const number = Number(year)
  if (month === '02') return (number % 4 === 0 && number % 100 !== 0) || number % 400 === 0 ? 29 : 28
  return /0[469]|11/.test(month) ? 30 : 31
}

/**
 * A Unix time as RFC 3339 with all its digits, or undefined where the text is none: seconds with or without a fraction,
 * or, with 12 digits and more, milliseconds.
 */
export function unixTime(text: string | undefined): string | undefined {
  const [, seconds = '', fraction = ''] = /^(\d{9,10})(\.\d+)?$/.exec(text ?? '') ?? []
  if (seconds !== '') return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', `${fraction}Z`)
  return /^\d{12,13}$/.test(text ?? '') ? new Date(Number(text)).toISOString() : undefined
}

function normalOffset(offset: string): string {
  if (offset === 'Z' || offset === 'z') return 'Z'
  return offset.includes(':') ? offset : `${offset.slice(0, 3)}:${offset.slice(3)}`
}

/** The offset that `timezone` has when its clocks show `wall`, given as if it were UTC. */
function offsetAt(wall: number, timezone: string): string {
  if (timezone === 'UTC') return 'Z'
  // The first guess takes the offset at the same UTC time; the second corrects it near a change of the clocks.
  const guess = wall - offsetMinutes(wall, timezone) * 60_000
  const minutes = offsetMinutes(guess, timezone)
  const size = Math.abs(minutes)
  const pad = (number: number) => String(number).padStart(2, '0')
  return minutes === 0 ? 'Z' : `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60))}:${pad(size % 60)}`
}

const formats = new Map<string, Intl.DateTimeFormat>()

function offsetMinutes(instant: number, timezone: string): number {
  let format = formats.get(timezone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: timezone, timeZoneName: 'longOffset' })
    formats.set(timezone, format)
  }
  const name = format.formatToParts(instant).find(part => part.type === 'timeZoneName')?.value ?? 'GMT'
  const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d{2}):(\d{2})/.exec(name) ?? []
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
}
