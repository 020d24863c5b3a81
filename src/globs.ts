// Globs over names: `*` stands for any text, dots too. `postern.*`, our own events, only a pattern that names it matches.

/** Matches one glob without a regular expression, so that no pattern can be made to run for ever. */
export function matchesGlob(pattern: string, text: string): boolean {
  const pieces = pattern.split('*')
  const first = pieces[0] ?? ''
  const last = pieces.at(-1) ?? ''
  if (pieces.length === 1) return text === pattern
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  const end = text.length - last.length
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

/** Whether any of the globs matches a type. */
export function matchesType(patterns: readonly string[], type: string): boolean {
  return patterns.some(
    pattern => matchesGlob(pattern, type) && (!type.startsWith('postern.') || pattern.startsWith('postern.')),
  )
}
