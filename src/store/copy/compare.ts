// Comparing a table of both sides, row by row in the order of its key, by the bytes that a row is sent as.
import { fieldsOf, prefixOf } from './row-bytes.ts'

export interface Difference {
  table: string
  /** `sequence 17, subscription 2`. */
  key: string
  what: string
}

/** Of one table as many are named as a person looks at. */
const namedMax = 10

export class Comparison {
  readonly #table: string
  readonly #columns: readonly string[]
  readonly #keyCount: number
  readonly #take: () => Buffer | undefined
  #expected: Buffer | undefined
  /** How many there are, of which the first are named. */
  differences = 0
  readonly named: Difference[] = []

  /** The key's columns are the first; `take` gives the source's rows one after the other, each until the next. */
  constructor(table: string, columns: readonly string[], keyCount: number, take: () => Buffer | undefined) {
    this.#table = table
    this.#columns = columns
    this.#keyCount = keyCount
    this.#take = take
    this.#expected = take()
  }

  /** The target's next rows. */
  see(rows: readonly Buffer[]): void {
    for (const row of rows) {
      if (this.#expected?.equals(row)) this.#expected = this.#take()
      else this.#differs(row)
    }
  }

  /** The target has no more. */
  end(): void {
    for (; this.#expected !== undefined; this.#expected = this.#take()) this.#name(this.#expected, 'is missing')
  }

  #differs(row: Buffer): void {
    const order = () =>
      this.#expected === undefined
        ? 1
        : Buffer.compare(prefixOf(this.#expected, this.#keyCount), prefixOf(row, this.#keyCount))
    for (; order() < 0; this.#expected = this.#take()) this.#name(this.#expected!, 'is missing')
    if (order() > 0) {
      this.#name(row, 'is not in the source')
      return
    }
    if (!this.#expected!.equals(row)) this.#name(row, `has another ${this.#differing(this.#expected!, row)}`)
    this.#expected = this.#take()
  }

  #differing(expected: Buffer, row: Buffer): string {
    const theirs = fieldsOf(row)
    const different = fieldsOf(expected).map((field, index) => {
      const other = theirs[index] ?? null
      return field === null || other === null ? field !== other : !field.equals(other)
    })
    return this.#columns.filter((_, index) => different[index]).join(', ')
  }

  #name(row: Buffer, what: string): void {
    this.differences++
    if (this.named.length >= namedMax) return
    const fields = fieldsOf(row).slice(0, this.#keyCount)
    const key = fields.map((field, index) => `${this.#columns[index]} ${shown(field!)}`).join(', ')
    this.named.push({ table: this.#table, key, what })
  }
}

function shown(field: Buffer): string {
  if (field.length === 4) return String(field.readInt32BE())
  return field.length === 8 ? String(field.readBigInt64BE()) : field.toString('hex')
}
