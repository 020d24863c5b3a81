// Work that lets others in between.
import { expect, test } from 'vitest'
import { inTurns } from '../src/turns.ts'

/** Each item takes so long; what was done when the loop turned is told. */
async function work(count: number, itemMs: number, each: (item: number) => unknown = () => {}) {
  let now = 0
  let isOver = false
  const done: number[] = []
  const seen: number[] = []
  const look = () => {
    seen.push(done.length)
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  const items = Array.from({ length: count }, (_, index) => index)
  const one = (item: number) => {
    done.push(item)
    now += itemMs
    return each(item)
  }
  await inTurns(items, one, () => now)
  isOver = true
  return { done, seen }
}

test('what takes long does not keep others waiting until it is all done', async () => {
  const { done, seen } = await work(40, 3)
  expect(done).toEqual([...done.keys()])
  expect(done).toHaveLength(40)
  // Two of 3 ms are more than a slice.
  for (let index = 1; index < seen.length; index++) expect(seen[index]! - seen[index - 1]!).toBeLessThanOrEqual(2)
})

test('what is quick is done in one go', async () => {
  expect((await work(1_000, 0)).seen).toEqual([])
})

test('it ends where it is told to', async () => {
  expect((await work(40, 3, item => item < 9)).done).toHaveLength(10)
})
