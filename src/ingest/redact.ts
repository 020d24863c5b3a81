// Overwriting what must never be kept, byte for byte, so that everything else stays where it was: a value becomes `*` of
// equal length, and what was JSON stays JSON.
import { isUtf8 } from 'node:buffer'
import { JsonSyntaxError, type MemberSpan, type Span, scanJson } from '../json/parse.ts'

export interface Redaction {
  body: Buffer
  /** The paths that were overwritten, for people to see. */
  paths: string[]
  /** What was there: for a rejection, whose recheck needs the body as it came. */
  originals: { start: number; bytes: Buffer }[]
}

/**
 * Overwrites the values at `paths` (`data.metadata.token`, `*` for any one name or index) of a JSON body, or the fields
 * of those names of a form. In a body that is neither, JSON cut short among them, every value beside a path's last name.
 */
export function redact(body: Buffer, paths: readonly string[]): Redaction {
  if (paths.length === 0 || body.length === 0) return { body, paths: [], originals: [] }
  // One character a byte, so that offsets in the text are offsets in the bytes.
  const text = body.toString('latin1')
  const found = bounded(
    text,
    () => jsonMatches(text, paths) ?? [...formMatches(text, paths), ...looseMatches(text, paths)],
  )
  if (found.length === 0) return { body, paths: [], originals: [] }
  const copy = Buffer.from(body)
  const originals = found.map(({ span: { start, end }, json }) => {
    const bytes = Buffer.from(body.subarray(start, end))
    copy.write(json ? starredJson(bytes) : '*'.repeat(bytes.length), start, 'latin1')
    return { start, bytes }
  })
  return { body: copy, paths: [...new Set(found.map(match => match.path))], originals }
}

/** Puts back what `redact` took out. */
export function restore(body: Buffer, originals: readonly { start: number; bytes: Buffer }[]): Buffer {
  if (originals.length === 0) return body
  const copy = Buffer.from(body)
  for (const { start, bytes } of originals) bytes.copy(copy, start)
  return copy
}

interface Match {
  path: string
  span: Span
  json: boolean
}

/** UTF-8's byte order mark. */
const mark = '\u00ef\u00bb\u00bf'

/** Nobody has more secrets in one body: then it is a stranger's, and all of it is overwritten. */
const matchesMax = 10_000
class TooManyMatches extends Error {}

function bounded(text: string, find: () => Match[]): Match[] {
  try {
    return find()
  } catch (error) {
    if (!(error instanceof TooManyMatches)) throw error
    return [{ path: '*', span: { start: 0, end: text.length }, json: false }]
  }
}

function add(matches: Match[], match: Match): void {
  if (matches.push(match) > matchesMax) throw new TooManyMatches()
}

function jsonMatches(text: string, paths: readonly string[]): Match[] | undefined {
  const offset = text.startsWith(mark) ? mark.length : 0
  const json = text.slice(offset)
  // A name is in the text as its bytes, or escaped.
  const wanted = paths.flatMap(path => [path.split('.').map(asBytes), path.split('.')])
  const matches: Match[] = []
  try {
    scanJson(json, wanted, ({ path, value }) => {
      const name = path.map(asName).join('.')
      scalars(json, value, ({ start, end }) =>
        add(matches, { path: name, span: { start: start + offset, end: end + offset }, json: true }),
      )
    })
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined
    throw error
  }
  return matches
}

function asBytes(name: string): string {
  return Buffer.from(name).toString('latin1')
}

function asName(bytes: string): string {
  const name = Buffer.from(bytes, 'latin1')
  return isUtf8(name) ? name.toString('utf8') : bytes
}

/** The scalars within a value: itself, or those of an object or array. */
function scalars(text: string, { start, end }: Span, onScalar: (span: Span) => void): void {
  if (text[start] !== '{' && text[start] !== '[') {
    onScalar({ start, end })
    return
  }
  scanJson(text.slice(start, end), 'all', ({ value }: MemberSpan) => {
    const first = text[start + value.start]
    if (first !== '{' && first !== '[') onScalar({ start: start + value.start, end: start + value.end })
  })
}

function formMatches(text: string, paths: readonly string[]): Match[] {
  const names = new Set(paths)
  const matches: Match[] = []
  for (const { 1: before = '', 2: encoded = '', 3: value = '', index } of text.matchAll(/(^|&)([^=&]+)=([^&]*)/g)) {
    const start = index + before.length + encoded.length + 1
    const name = formName(encoded)
    if (names.has(name) && value !== '') {
      add(matches, { path: name, span: { start, end: start + value.length }, json: false })
    }
  }
  return matches
}

function formName(encoded: string): string {
  const name = asName(encoded).replaceAll('+', ' ')
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}

/** Values beside the last names of the paths, in a text that cannot be parsed: too many of them rather than too few. */
function looseMatches(text: string, paths: readonly string[]): Match[] {
  return paths.flatMap(path => {
    const last = path.split('.').findLast(name => name !== '*')
    if (last === undefined) return []
    const key = `"${asBytes(last)}"`
    const found: Match[] = []
    for (let at = text.indexOf(key); at >= 0; ) {
      const colon = afterSpace(text, at + key.length)
      const start = text[colon] === ':' ? afterSpace(text, colon + 1) : text.length
      const end = start < text.length ? looseEnd(text, start) : at + key.length
      if (start < end) add(found, { path, span: { start, end }, json: false })
      at = text.indexOf(key, end)
    }
    return found
  })
}

function afterSpace(text: string, from: number): number {
  let at = from
  while (' \n\r\t'.includes(text[at] ?? '!')) at++
  return at
}

/** Where the value that begins at `start` ends, or the text does. */
function looseEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') at = closingQuote(text, at)
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') depth--
    else if (depth > 0 || !', \n\r\t'.includes(character)) continue
    if (depth < 0) return at
    if (depth === 0) return ', \n\r\t'.includes(character) ? at : Math.min(at + 1, text.length)
  }
  return text.length
}

function closingQuote(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}

/** A string keeps its quotes; another scalar becomes a string if it has room for quotes, else a digit. */
function starredJson({ length }: Buffer): string {
  return length === 1 ? '0' : `"${'*'.repeat(length - 2)}"`
}
