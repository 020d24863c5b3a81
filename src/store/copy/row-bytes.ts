// Rows as PostgreSQL's binary COPY has them, written and taken apart. The same bytes are what is sent and what both
// sides are compared by.
import { escapeText } from '../postgres/text.ts'

export type ColumnType = 'int4' | 'int8' | 'text' | 'bytea'

/** What stands before the rows of a COPY, and behind them. */
export const copyHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
export const copyTrailer = Buffer.from([0xff, 0xff])

/** Longer texts have their bytes counted: three times as much room would be much. */
const countedFrom = 65_536

/** Appends rows to a buffer that grows. */
export class RowWriter {
  readonly #types: readonly ColumnType[]
  readonly #chunkBytes: number
  #buffer: Buffer
  #at = 0

  constructor(types: readonly ColumnType[], chunkBytes: number) {
    this.#types = types
    this.#chunkBytes = chunkBytes
    this.#buffer = Buffer.allocUnsafeSlow(chunkBytes)
  }

  get length(): number {
    return this.#at
  }

  /** Throws RangeError for a number that its column cannot hold. */
  add(values: readonly unknown[]): void {
    this.#room(2)
    this.#at = this.#buffer.writeInt16BE(values.length, this.#at)
    for (let index = 0; index < values.length; index++) this.#field(this.#types[index]!, values[index])
  }

  /** What was added since; what is added from now on goes elsewhere. */
  take(): Buffer {
    const taken = this.#buffer.subarray(0, this.#at)
    this.#buffer = Buffer.allocUnsafeSlow(this.#chunkBytes)
    this.#at = 0
    return taken
  }

  /** What was added since, until the next row is. */
  peek(): Buffer {
    const seen = this.#buffer.subarray(0, this.#at)
    this.#at = 0
    return seen
  }

  #field(type: ColumnType, value: unknown): void {
    if (value === null) {
      this.#room(4)
      this.#at = this.#buffer.writeInt32BE(-1, this.#at)
    } else if (type === 'text') {
      const text = escapeText(value as string)
      // No UTF-16 unit takes more than three bytes.
      this.#room(4 + (text.length < countedFrom ? text.length * 3 : Buffer.byteLength(text)))
      this.#end(this.#buffer.write(text, this.#at + 4, 'utf8'))
    } else if (type === 'bytea') {
      const bytes = value as Buffer
      this.#room(4 + bytes.length)
      this.#buffer.set(bytes, this.#at + 4)
      this.#end(bytes.length)
    } else {
      if (!Number.isSafeInteger(value)) throw new RangeError(`expected an integer, got ${String(value)}`)
      this.#room(12)
      const number = value as number
      if (type === 'int4') this.#buffer.writeInt32BE(number, this.#at + 4)
      else {
        const high = Math.floor(number / 2 ** 32)
        this.#buffer.writeInt32BE(high, this.#at + 4)
        this.#buffer.writeUInt32BE(number - high * 2 ** 32, this.#at + 8)
      }
      this.#end(type === 'int4' ? 4 : 8)
    }
  }

  #end(length: number): void {
    this.#buffer.writeInt32BE(length, this.#at)
    this.#at += 4 + length
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

/** The rows of a COPY that arrives in chunks: as many as each chunk completes. */
export async function* rowsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let waiting: Buffer[] = []
  let bytes = 0
  let needed = copyHeader.length
  let begun = false
  for await (const chunk of chunks) {
    waiting.push(chunk)
    bytes += chunk.length
    if (bytes < needed) continue
    const buffer = waiting.length === 1 ? chunk : Buffer.concat(waiting)
    const rows: Buffer[] = []
    let at = begun ? 0 : copyHeader.length
    begun = true
    for (let end = rowEnd(buffer, at); ; end = rowEnd(buffer, at)) {
      if (end > buffer.length) {
        needed = end - at
        break
      }
      // The trailer.
      if (end === at) break
      rows.push(buffer.subarray(at, end))
      at = end
    }
    waiting = [buffer.subarray(at)]
    bytes = buffer.length - at
    if (rows.length > 0) yield rows
  }
}

/** Where the row at `at` ends; beyond the buffer, how far it must reach at least for more to be known. */
function rowEnd(buffer: Buffer, at: number): number {
  if (at + 2 > buffer.length) return at + 2
  let end = at + 2
  const count = buffer.readInt16BE(at)
  if (count === -1) return at
  for (let field = 0; field < count; field++) {
    if (end + 4 > buffer.length) return end + 4
    end += 4 + Math.max(0, buffer.readInt32BE(end))
  }
  return end
}

/** The fields of a row, null for null. */
export function fieldsOf(row: Buffer): (Buffer | null)[] {
  let at = 2
  return Array.from({ length: row.readInt16BE(0) }, () => {
    const length = row.readInt32BE(at)
    at += 4
    if (length === -1) return null
    at += length
    return row.subarray(at - length, at)
  })
}

/** Where the first `count` fields of a row end. */
export function prefixOf(row: Buffer, count: number): Buffer {
  let at = 2
  for (let field = 0; field < count; field++) at += 4 + Math.max(0, row.readInt32BE(at))
  return row.subarray(0, at)
}
