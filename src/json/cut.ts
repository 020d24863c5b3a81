// Cutting members out of JSON text, byte for byte: what is left is the text as it was sent, never re-serialised.
import { JsonSyntaxError, type MemberSpan, type Span, scanJson } from './parse.ts'

export interface Members {
  /** The members of that path, in order; more than one where a key is doubled. */
  find(...path: string[]): MemberSpan[]
}

/** No sender doubles a member so often. */
const membersMax = 1_000

/** The members at these paths. Throws JsonSyntaxError. */
export function membersOf(text: string, paths: readonly (readonly string[])[]): Members {
  const found: MemberSpan[] = []
  scanJson(text, paths, member => {
    if (found.push(member) > membersMax) throw new JsonSyntaxError('a member is doubled too often', member.key.start)
  })
  return {
    find: (...path) =>
      found.filter(({ path: at }) => at.length === path.length && at.every((name, index) => name === path[index])),
  }
}

/**
 * The span of a member together with the comma that its removal makes needless: the one before it, or for a first
 * member the one after it, with the white space between.
 */
export function removal(text: string, { key, value }: MemberSpan): Span {
  const space = (at: number, step: number) => {
    let index = at
    while (/\s/.test(text[index] ?? '')) index += step
    return index
  }
  const before = space(key.start - 1, -1)
  if (text[before] === ',') return { start: before, end: value.end }
  const after = space(value.end, 1)
  return text[after] === ',' ? { start: key.start, end: space(after + 1, 1) } : { start: key.start, end: value.end }
}
