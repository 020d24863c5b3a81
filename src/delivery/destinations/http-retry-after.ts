// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date in any of the three forms that recipients must read.

/** Nobody is waited for longer. */
export const retryAfterMaxMs = 24 * 60 * 60 * 1000

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const time = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
const weekday = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const longWeekday = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day'
const forms = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  `${weekday}, (?<day>\\d\\d) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${time} GMT`,
  // Sunday, 06-Nov-94 08:49:37 GMT
  `${longWeekday}, (?<day>\\d\\d)-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${time} GMT`,
  // Sun Nov  6 08:49:37 1994
  `${weekday} (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})`,
].map(form => new RegExp(`^${form}$`))

/** Milliseconds to wait from `now` on, 24 hours at most and 0 for a time that has passed; null where it says nothing. */
export function retryAfterMs(header: string | readonly string[] | undefined, now: number): number | null {
  for (const value of typeof header === 'string' ? [header] : (header ?? [])) {
    const text = value.trim()
    const ms = /^\d+$/.test(text) ? Number(text) * 1000 : (httpDate(text, now) ?? Number.NaN) - now
    if (!Number.isNaN(ms)) return Math.min(Math.max(0, ms), retryAfterMaxMs)
  }
  return null
}

function httpDate(text: string, now: number): number | undefined {
  for (const form of forms) {
    const parts = form.exec(text)?.groups
    if (parts === undefined) continue
    const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second].map(Number)
    const month = months.indexOf(parts.month!)
    const year = parts.year!.length === 2 ? fullYear(Number(parts.year), now) : Number(parts.year)
    const date = Date.UTC(year, month, day, hour, minute, second)
    // A day or hour that is none would roll over into the next; a leap second (60) may.
    const rolled = new Date(date - (second === 60 ? 1000 : 0))
    const right = rolled.getUTCMonth() === month && rolled.getUTCDate() === day && rolled.getUTCHours() === hour
    return right && minute! < 60 && second! <= 60 ? date : undefined
  }
  return undefined
}

/** Two digits mean the year of that ending that is nearest, and at most 50 years ahead. */
function fullYear(twoDigits: number, now: number): number {
  const year = new Date(now).getUTCFullYear()
  const candidate = year - (year % 100) + twoDigits
  if (candidate > year + 50) return candidate - 100
  return candidate <= year - 50 ? candidate + 100 : candidate
}
