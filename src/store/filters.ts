// What a filter asks of an event, beside what an index is walked for.

import { refKey, refKeys, refParts, type StoredEvent, subjectRef } from './record.ts'
import { type Clause, impliedLengthMax } from './search/question.ts'
import { wordsOf } from './search/words.ts'
import type { EventFilter } from './store.ts'

/** Whether what it leaves out are our own events at the most: nearly all of the log matches. */
export function isOpen({ source, vendor, type, vendorType }: EventFilter): boolean {
  const names = [source, vendor, vendorType].some(globs => globs !== undefined)
  return !names && (type === undefined || type.every(glob => glob === '*'))
}

/** Whether the event has every one of the refs, its subject counted among its own. */
export function hasRefs({ data, subject }: Pick<StoredEvent, 'data' | 'subject'>, wanted: readonly string[]): boolean {
  const own = new Set(refKeys((JSON.parse(data) as { refs: Record<string, string> }).refs, subject))
  return wanted.every(ref => own.has(ref))
}

/** The refs to go by, the subject's among them; the one that looks rarest first. */
export function refsOf({ subject, refs = [] }: EventFilter): string[] {
  const keys = refs.map(ref => refKey(...refParts(ref)))
  const all = subject === undefined ? keys : [subjectRef(subject), ...keys]
  const common = (ref: string) => Number(/^(bank|office|partner|client|account):/.test(ref))
  return all.sort((a, b) => common(a) - common(b))
}

/** The words that an event of this filter has for sure, since its subject and its refs are searched too. */
export function impliedClauses({ subject, refs = [] }: EventFilter): Clause[] {
  const texts = [...(subject === undefined ? [] : [subject]), ...refs.map(ref => refParts(ref)[1])]
  return texts
    .filter(text => text.length <= impliedLengthMax)
    .map(text => ({ words: wordsOf(text), isPrefix: false }))
    .filter(({ words }) => words.length > 0)
}
