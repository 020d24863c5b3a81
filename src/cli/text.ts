// Text of strangers on a terminal: without what a terminal would obey, or what turns its direction.

const controls = /\p{Cc}|[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

/** On one line; `keep` are control characters that stay. */
export function plainText(text: string, keep = ''): string {
  return text.replaceAll(controls, control => (keep.includes(control) ? control : /\s/.test(control) ? ' ' : ''))
}

/** JSON as it is, but for what a terminal would obey, which may stand in strings alone: escaped there. */
export function plainJson(text: string): string {
  return text
    .replaceAll(
      /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
      control => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    .replaceAll(/[\r\n]+/g, ' ')
}

/** Whether colours are wanted on standard output. */
export const hasColour = Boolean(process.stdout.isTTY) && !process.env.NO_COLOR

export function counted(number: number): string {
  return number.toLocaleString('en-US')
}

/** Bytes as people read them. */
export function sized(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit++
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`
}
