// Cursors of lists: where to go on, for which question, and a mark that only this gateway can make.
import { createHmac, hash, scryptSync } from 'node:crypto'
import { equalSecret } from '../checks/equal.ts'
import { AppError } from '../errors.ts'
import { limitDefault } from './parameters.ts'

export interface Cursors {
  write(sequence: number, question: unknown): string
  /** Throws AppError `bad_cursor` for what this gateway did not write for this question. */
  read(cursor: string, question: unknown): number
  /** The same for a place that is several numbers, parted by full stops. */
  writePlace(place: string, question: unknown): string
  readPlace(cursor: string, question: unknown): string
}

const markBytes = 12

/** From the admin token, slowly: whoever holds a cursor could else try guesses at the token by the million. */
export function cursorKey(token: string): Buffer {
  return scryptSync(token, 'postern cursors', 32)
}

/** `key` is of `cursorKey`. */
export function cursors(key: Buffer): Cursors {
  const mark = (content: string) =>
    createHmac('sha256', key).update(`cursor ${content}`).digest().subarray(0, markBytes)
  const contentOf = (place: string, question: unknown) =>
    `${place.replaceAll('.', '-')}.${hash('sha256', JSON.stringify(question), 'base64url').slice(0, 12)}`
  const write = (place: string, question: unknown) => {
    const content = contentOf(place, question)
    return `${content}.${mark(content).toString('base64url')}`
  }
  const read = (cursor: string, question: unknown) => {
    const place = /^(\d{1,16}(?:-\d{1,10}){0,3})\./.exec(cursor)?.[1]?.replaceAll('-', '.')
    // Compared as it is written: a text that decodes to the same is another one.
    if (place !== undefined && equalSecret(cursor, write(place, question))) return place
    throw new AppError('bad_cursor', 'the cursor is not one of this list', {
      errors: [{ parameter: 'cursor', detail: 'give back the `next` of the same list with the same filters' }],
    })
  }
  return {
    write: (sequence, question) => write(String(sequence), question),
    read: (cursor, question) => Number(read(cursor, question)),
    writePlace: write,
    readPlace: read,
  }
}

/** What the store is asked for of a list whose places are texts, and what its `next` is here. Throws AppError `bad_cursor`. */
export function paging(
  cursors: Cursors,
  { limit = limitDefault, cursor }: { limit?: number | undefined; cursor?: string | undefined },
  question: unknown,
) {
  return {
    page: { limit, ...(cursor === undefined ? {} : { cursor: cursors.readPlace(cursor, question) }) },
    nextOf: (next: string | null) => (next === null ? null : cursors.writePlace(next, question)),
  }
}
