// What vendors say, made fit for a terminal and a log: no secret of ours that it repeats, no control character, and not
// without end.

export type Conceal = (text: string) => string

const shownLengthMax = 300

/** Replaces every secret, in the forms that an answer may repeat it in. */
export function concealer(secrets: readonly string[]): Conceal {
  const forms = [...new Set(secrets)]
    // A shorter one would cut words to pieces, and is no secret.
    .filter(secret => secret.length >= 4)
    .flatMap(secret => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .toSorted((a, b) => b.length - a.length)
  return text => {
    let shown = text
    for (const form of forms) shown = shown.replaceAll(form, '***')
    shown = shown.replaceAll(/\p{Cc}+/gu, ' ')
    return shown.length > shownLengthMax ? `${shown.slice(0, shownLengthMax)}…` : shown
  }
}
