// A list's answer taken apart: each item as the text that it is, so that no digit of it is lost.

export interface Items {
  items: string[]
  next: string | null
}

/** Throws SyntaxError for what is no list. */
export function itemsOf(text: string): Items {
  const { items: list, next = null } = JSON.parse(text) as { items?: unknown; next?: string | null }
  if (!Array.isArray(list)) throw new SyntaxError('expected a list')
  const items: string[] = []
  let depth = 0
  let start = -1
  for (let at = text.indexOf('[', text.indexOf('"items"')) + 1; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      if (start < 0) start = at
      at = endOfString(text, at)
    } else if (character === '{' || character === '[') {
      if (start < 0) start = at
      depth++
    } else if ((character === '}' || character === ']') && depth > 0) depth--
    else if ((character === ',' || character === ']') && depth === 0) {
      if (start >= 0) items.push(text.slice(start, at).trim())
      start = -1
      if (character === ']') break
    } else if (start < 0 && !/\s/.test(character!)) start = at
  }
  return { items, next }
}

/** Of the quotation mark that ends it. */
function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
