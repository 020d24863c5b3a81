// Overwriting what must never be kept, byte for byte, so that everything else stays where it was: a value becomes `*` of
// equal length, and what was JSON stays JSON.
import { type MemberSpan, parseWithSpans, type Span } from '../json/parse.ts'

export interface Redaction {
  body: Buffer
  /** The paths that were overwritten, for people to see. */
  paths: string[]
  /** What was there: for a rejection, whose recheck needs the body as it came. */
  originals: { start: number; bytes: Buffer }[]
}

/**
 * Overwrites the values at `paths` (`data.metadata.token`, `*` for any one name or index) of a JSON body, or the fields
 * of those names of a form. A body that is neither is left as it is.
 */
export function redact(body: Buffer, paths: readonly string[]): Redaction {
  if (paths.length === 0 || body.length === 0) return { body, paths: [], originals: [] }
  const text = body.toString('latin1')
  const found = jsonMatches(text, paths) ?? formMatches(text, paths)
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

function jsonMatches(text: string, paths: readonly string[]): Match[] | undefined {
  const wanted = paths.map(path => path.split('.'))
  const members: MemberSpan[] = []
  try {
    parseWithSpans(text, Math.max(...wanted.map(path => path.length)), member => members.push(member))
  } catch {
    return undefined
  }
  return members.flatMap(({ path, value }) =>
    wanted.some(each => each.length === path.length && each.every((name, at) => name === '*' || name === path[at]))
      ? scalars(text, value).map(span => ({ path: path.join('.'), span, json: true }))
      : [],
  )
}

/** The scalars within a value: itself, or those of an object or array. */
function scalars(text: string, { start, end }: Span): Span[] {
  if (text[start] !== '{' && text[start] !== '[') return [{ start, end }]
  const inner: Span[] = []
  parseWithSpans(text.slice(start, end), Number.POSITIVE_INFINITY, ({ value }) => {
    const first = text[start + value.start]
    if (first !== '{' && first !== '[') inner.push({ start: start + value.start, end: start + value.end })
  })
  return inner
}

function formMatches(text: string, paths: readonly string[]): Match[] {
  const names = new Set(paths)
  return [...text.matchAll(/(^|&)([^=&]+)=([^&]*)/g)].flatMap(
    ({ 1: before = '', 2: name = '', 3: value = '', index }) => {
      const start = index + before.length + name.length + 1
      return names.has(name) && value !== ''
        ? [{ path: name, span: { start, end: start + value.length }, json: false }]
        : []
    },
  )
}

/** A string keeps its quotes; another scalar becomes a string if it has room for quotes, else a digit. */
function starredJson({ length }: Buffer): string {
  return length === 1 ? '0' : `"${'*'.repeat(length - 2)}"`
}
