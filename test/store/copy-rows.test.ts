// What a copy sends and compares: rows in PostgreSQL's binary form, however the bytes arrive, and the ranges of a log.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Comparison } from '../../src/store/copy/compare.ts'
import { rangesOf } from '../../src/store/copy/ranges.ts'
import { copyHeader, copyTrailer, fieldsOf, RowWriter, rowsOf } from '../../src/store/copy/row-bytes.ts'
import { unescapeText } from '../../src/store/postgres/text.ts'

const types = ['int8', 'int4', 'text', 'bytea'] as const
const row = fc.tuple(
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  fc.option(fc.integer()),
  fc.option(fc.string({ unit: 'binary', maxLength: 300 })),
  fc.option(fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))),
)

function written(rows: readonly (readonly unknown[])[]): Buffer {
  const writer = new RowWriter(types, 16)
  for (const each of rows) writer.add(each)
  return writer.take()
}

describe('rows', () => {
  test('come back as they were, whatever the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
        (rows, sizes) => comesBack(rows, sizes),
      ),
    )
  })

  async function comesBack(rows: readonly (readonly unknown[])[], sizes: Iterator<number>): Promise<void> {
    const all = Buffer.concat([copyHeader, written(rows), copyTrailer])
    async function* chunks() {
      for (let at = 0, size = 0; at < all.length; at += size) {
        size = sizes.next().value
        yield all.subarray(at, at + size)
      }
    }
    const found: Buffer[] = []
    for await (const some of rowsOf(chunks())) found.push(...some)
    expect(Buffer.concat(found)).toEqual(written(rows))
    const values = found.map(each => {
      const [first, second, third, fourth] = fieldsOf(each)
      return [
        Number(first!.readBigInt64BE()),
        second === null ? null : second!.readInt32BE(),
        third === null ? null : unescapeText(third!.toString('utf8')),
        fourth,
      ]
    })
    expect(values).toEqual(rows)
  }

  test('hold no number that their column does not', () => {
    for (const [first, second] of [
      [1.5, 1],
      [2 ** 53, 1],
      [1, 2 ** 31],
    ]) {
      expect(() => written([[first, second, null, null]])).toThrow(RangeError)
    }
  })
})

test('a comparison names each row that differs, and counts those it does not name', () => {
  const at = (number: number, text: string) => [number, 0, text, null]
  const mine = [at(1, 'a'), at(2, 'b'), at(3, 'c'), at(5, 'e'), at(8, 'h')]
  const theirs = [at(0, 'x'), at(1, 'a'), at(3, 'other'), at(4, 'd'), at(5, 'e')]
  const source = mine[Symbol.iterator]()
  const take = () => {
    const { done, value } = source.next()
    return done ? undefined : written([value])
  }
  const comparison = new Comparison('table', ['number', 'zero', 'text', 'bytes'], 1, take)
  comparison.see(theirs.map(each => written([each])))
  comparison.end()
  expect(comparison.named.map(({ key, what }) => `${key} ${what}`)).toEqual([
    'number 0 is not in the source',
    'number 2 is missing',
    'number 3 has another text',
    'number 4 is not in the source',
    'number 8 is missing',
  ])
  expect(comparison.differences).toBe(5)
})

describe('ranges', () => {
  const day = 86_400_000
  /** A log that grows by as many events a day. */
  const log = (head: number, perDay: number, oldest = 1) => ({
    log: { epoch: 'e', head },
    oldest: () => oldest,
    receivedAt: (sequence: number) => Math.floor((sequence * day) / perDay),
    firstSince: (time: number) => {
      const sequence = Math.ceil((time * perDay) / day)
      return sequence > head ? undefined : sequence
    },
  })

  test('begin behind the one that is there, hold about a month, and reach the head', () => {
    expect(rangesOf(log(900_000, 10))).toEqual([])
    expect(rangesOf(log(1_500_000, 10))).toEqual([{ first: 1_000_001, beyond: 2_000_001 }])
    expect(rangesOf(log(9_000_000, 100_000))).toEqual([
      { first: 1_000_001, beyond: 4_000_001 },
      { first: 4_000_001, beyond: 7_000_001 },
      { first: 7_000_001, beyond: 9_000_001 },
    ])
  })

  test('leave out what retention has taken', () => {
    expect(rangesOf(log(9_000_000, 100_000, 6_500_000))).toEqual([{ first: 6_000_001, beyond: 9_000_001 }])
    expect(rangesOf(log(0, 1, 0))).toEqual([])
  })
})
