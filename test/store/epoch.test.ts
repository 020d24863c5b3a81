// A log's epoch after restores: what was cut out of it, and what was not.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutAround, epochCut } from '../../src/store/epoch.ts'

const first = '5f0c7a1e9b3d2468'

test('a restore makes another epoch, which knows where nothing will ever be', () => {
  const restored = epochCut(first, { from: 100, to: 1_000 })
  expect(restored).not.toBe(first)
  expect(epochCut(first, { from: 100, to: 1_000 })).not.toBe(restored)
  expect([99, 100, 101, 999, 1_000, 1_001].map(position => cutAround(restored, position))).toEqual([
    undefined,
    // Whoever has read all of the backup has read all that there is.
    undefined,
    { from: 100, to: 1_000 },
    { from: 100, to: 1_000 },
    // Where the log goes on: a reader that waits is there before the first event is.
    undefined,
    undefined,
  ])
  expect(cutAround(first, 101)).toBeUndefined()
})

test('each later one keeps what was cut out before', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(1_000), fc.integer({ min: 2, max: 1_000 })), { minLength: 1 }), steps => {
      let epoch = first
      let head = 0
      const cuts = steps.map(([events, gap]) => {
        const cut = { from: head + events, to: head + events + gap }
        epoch = epochCut(epoch, cut)
        head = cut.to
        return cut
      })
      for (const cut of cuts) {
        expect(cutAround(epoch, cut.from)).toBeUndefined()
        expect(cutAround(epoch, cut.from + 1)).toEqual(cut)
        expect(cutAround(epoch, cut.to - 1)).toEqual(cut)
        expect(cutAround(epoch, cut.to)).toBeUndefined()
      }
    }),
  )
})
