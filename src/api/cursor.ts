// Cursors of lists: where to go on, for which question, and a mark that only this gateway can make.
import { createHmac, hash } from 'node:crypto'
import { equalSecret } from '../checks/equal.ts'
import { AppError } from '../errors.ts'

export interface Cursors {
  write(sequence: number, question: unknown): string
  /** Throws AppError `bad_cursor` for what this gateway did not write for this question. */
  read(cursor: string, question: unknown): number
}

const markBytes = 12

export function cursors(secret: string): Cursors {
  const mark = (content: string) =>
    createHmac('sha256', secret).update(`cursor ${content}`).digest().subarray(0, markBytes)
  const contentOf = (sequence: string, question: unknown) =>
    `${sequence}.${hash('sha256', JSON.stringify(question), 'base64url').slice(0, 12)}`
  const write = (sequence: number, question: unknown) => {
    const content = contentOf(String(sequence), question)
    return `${content}.${mark(content).toString('base64url')}`
  }
  return {
    write,
    read(cursor, question) {
      const sequence = Number(/^(\d{1,16})\./.exec(cursor)?.[1])
      // Compared as it is written: a text that decodes to the same is another one.
      if (Number.isSafeInteger(sequence) && equalSecret(cursor, write(sequence, question))) return sequence
      throw new AppError('bad_cursor', 'the cursor is not one of this list', {
        errors: [{ parameter: 'cursor', detail: 'give back the `next` of the same list with the same filters' }],
      })
    },
  }
}
