// What people ask for: words, "phrases", and word* for what begins so. Everything else is no syntax: it stands between
// words, or is one. What an engine is told holds nothing but the words made here.
import { AppError } from '../../errors.ts'
import { wordsOf } from './words.ts'

export const questionLengthMax = 200
export const questionWordsMax = 20
/** A shorter beginning is that of too many words. */
const prefixLengthMin = 2
/** Of an identifier that a filter names: a longer one is not asked for by its words, and its end may not be there. */
export const impliedLengthMax = 1_000

/** Words that stand one after another; the last may be the beginning of one. */
export interface Clause {
  words: readonly string[]
  isPrefix: boolean
}

/** All of them are in what is found. */
export type Question = readonly Clause[]

/** Throws AppError `bad_request`, which names `q`. */
export function questionOf(q: string): Question {
  const { question, problem } = read(q)
  if (problem === undefined) return question
  throw new AppError('bad_request', `the parameter q is wrong: ${problem}`, {
    errors: [{ parameter: 'q', detail: problem }],
  })
}

/** What is wrong with it, in words. */
export function questionProblem(q: string): string | undefined {
  return read(q).problem
}

function read(q: string): { question: Question; problem?: string } {
  if (q.length > questionLengthMax) {
    return { question: [], problem: `expected at most ${questionLengthMax} characters` }
  }
  const question = clausesOf(q)
  const words = question.reduce((count, clause) => count + clause.words.length, 0)
  if (words === 0) return { question, problem: 'expected a word: letters or digits' }
  if (words > questionWordsMax) return { question, problem: `expected at most ${questionWordsMax} words, got ${words}` }
  const short = question.find(({ words, isPrefix }) => isPrefix && words.at(-1)!.length < prefixLengthMin)
  if (short === undefined) return { question }
  return { question, problem: `expected at least ${prefixLengthMin} characters before the *` }
}

/** A quotation mark without its other one is between words. */
function clausesOf(q: string): Clause[] {
  const clauses: Clause[] = []
  for (const [, phrase, piece = ''] of q.matchAll(/"([^"]*)"|([^\s"]+)/gu)) {
    const words = wordsOf(phrase ?? piece)
    const isPrefix = phrase === undefined && /[\p{L}\p{N}\p{M}]\*$/u.test(piece)
    if (words.length > 0) clauses.push({ words, isPrefix })
  }
  return clauses
}
