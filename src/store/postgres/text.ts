// Texts on PostgreSQL, which refuses U+0000: they are written with U+0001 as an escape, and read back.

const special = /[\u0000\u0001]/
const specials = /[\u0000\u0001]/g
const escapes = /\u0001(.)/g

/** Nearly all texts are returned as they are. */
export function escapeText(text: string): string {
  if (!special.test(text)) return text
  return text.replace(specials, character => (character === '\u0000' ? '\u00010' : '\u00011'))
}

export function unescapeText(text: string): string {
  if (!text.includes('\u0001')) return text
  return text.replace(escapes, (_, which) => (which === '0' ? '\u0000' : '\u0001'))
}
