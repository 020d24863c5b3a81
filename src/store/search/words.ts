// What a word is, the same for what is stored and for what is asked, on both engines: a run of letters and digits,
// without case, width and accents. An identifier with other characters in it is several words, one after another.

/** In characters; of a longer one these are what it is known by. */
export const wordLengthMax = 100
/** Of one text; what stands behind is not searched. */
export const textLengthMax = 65_536

const plain = /^[\0-\x7f]*$/
const between = /[^\p{L}\p{N}\p{M}]+/gu
const betweenPlain = /[^a-z0-9]+/g
const accents = /[\u0300-\u036f]+/g
const overlong = new RegExp(`(\\S{${wordLengthMax}})\\S+`, 'gu')
const someOverlong = new RegExp(`\\S{${wordLengthMax + 1}}`)
/** Letters that no normalisation takes for others, and people do. */
const likeOthers: Readonly<Record<string, string>> = {
  ß: 'ss', ς: 'σ', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i',
} // biome-ignore format: a table
const such = new RegExp(`[${Object.keys(likeOthers).join('')}]`, 'g')

/** The words of a text in their order, with one space between two of them. */
export function wordText(text: string): string {
  const some = text.length > textLengthMax ? text.slice(0, textLengthMax) : text
  const words = plain.test(some) ? some.toLowerCase().replace(betweenPlain, ' ') : folded(some)
  const bounded = someOverlong.test(words) ? words.replace(overlong, '$1') : words
  return bounded.trim()
}

export function wordsOf(text: string): string[] {
  const words = wordText(text)
  return words === '' ? [] : words.split(' ')
}

/** Parted before it is folded: a sign such as ™ is between words, and folding would make letters of it. */
function folded(text: string): string {
  return text
    .replace(between, ' ')
    .normalize('NFKD')
    .replace(accents, '')
    .normalize('NFKC')
    .toLowerCase()
    .replace(such, letter => likeOthers[letter]!)
    .replace(between, ' ')
    .slice(0, textLengthMax)
}
