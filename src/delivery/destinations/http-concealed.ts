// What an answer repeats of what only the destination is to know. Error pages for developers show the request that they
// were sent, and answers are kept and shown.
import type { HttpSpec } from '../subscription.ts'

/** What is as short is found in any text, and gives nothing away. */
const lengthMin = 4
/** A header or a parameter may also say `eu`: of these only what is long enough to be a key. */
const keyLengthMin = 8

/** An answer without credentials, headers' values and keys of the URL; `authorization` is what this attempt sent. */
export type Conceal = (answer: string | null, authorization?: string) => string | null

export function concealer({ url, format, headers, auth }: HttpSpec): Conceal {
  const { pathname, search, searchParams } = new URL(url)
  const sent = [search.slice(1), ...(format === 'slack' || format === 'teams' ? [pathname] : [])]
  if (auth?.kind === 'basic') {
    sent.push(auth.password, Buffer.from(`${auth.username}:${auth.password}`).toString('base64'))
  } else if (auth?.kind === 'bearer') sent.push(auth.token)
  const keys = [...Object.values(headers), ...searchParams.values()].filter(({ length }) => length >= keyLengthMin)
  const fixed = inAllForms([...sent, ...keys])
  return (answer, authorization) => {
    if (answer === null) return null
    const all = authorization === undefined ? fixed : [...fixed, ...inAllForms([authorization.replace(/^\w+ /, '')])]
    return all.reduce((text, secret) => text.replaceAll(secret, '***'), answer)
  }
}

/** As they are and as JSON writes them; the longest first, since one may be a part of another. */
function inAllForms(texts: readonly string[]): string[] {
  const forms = texts
    .filter(({ length }) => length >= lengthMin)
    .flatMap(text => [text, JSON.stringify(text).slice(1, -1)])
  return [...new Set(forms)].sort((a, b) => b.length - a.length)
}
