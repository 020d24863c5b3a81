// Twenty thousand events behind a cursor, and as many held behind one failing lane: what is reached is little, and what
// is not held goes on. How long it takes is the bench's to say.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failed, succeeded } from '../../src/delivery/destination.ts'
import { record } from '../contract/store/record.ts'
import { RunningEngine } from '../support/running-engine.ts'

const many = 20_000
/** Deliveries that one page of the feed makes at the most. */
const page = 250

let running: RunningEngine

beforeEach(async () => {
  running = await RunningEngine.open()
})
afterEach(() => running.remove())

async function rows(name: string): Promise<number> {
  return Object.values(await running.counts(name)).reduce((sum, count) => sum + count, 0)
}

test('many events behind a cursor cost nothing until they are reached', async () => {
  await running.subscribe('one')
  await running.append(many)
  const to = running.to('one')
  to.answer = () => undefined
  await running.start()
  expect(to.underWay).toBe(4)
  expect(await rows('one')).toBeLessThanOrEqual(page)
  expect((await running.row('one')).cursor).toBeLessThanOrEqual(page)
  // As far as it has come, so far it has fed, and a page more.
  to.answer = () => succeeded()
  for (const attempt of to.open) attempt.end()
  await to.done(3_000)
  to.answer = () => undefined
  await running.quiet()
  const { succeeded: done = 0 } = await running.counts('one')
  expect(done).toBeLessThan(many)
  expect((await rows('one')) - done).toBeLessThanOrEqual(page + 8)
}, 60_000)

test('many held behind one failing lane hold up no other, and are searched by nobody', async () => {
  await running.subscribe('one', { order: 'subject', retry: { scheduleMs: [0, 100_000_000, 0], jitter: 0 } })
  const to = running.to('one')
  to.answer = ({ event }) => (event.subject === 'loan/BAD' ? failed('answered 500') : succeeded())
  const held = Array.from({ length: many }, (_, index) => record(`held ${index}`, { subject: 'loan/BAD' }))
  const free = (from: number) =>
    Array.from({ length: 50 }, (_, i) => record(`free ${from + i}`, { subject: `loan/${i}` }))
  await running.append([...held, ...free(0)])
  await running.start()
  await to.done(51)
  await running.quiet()
  expect(await running.counts('one')).toEqual({ retrying: 1, waiting: many - 1, succeeded: 50 })
  expect((await running.row('one')).cursor).toBe(many + 50)

  await running.append(free(50))
  await to.done(101)
  await running.quiet()
  expect(await running.counts('one')).toEqual({ retrying: 1, waiting: many - 1, succeeded: 100 })
  expect(to.attempts.filter(({ event }) => event.subject === 'loan/BAD')).toHaveLength(1)
}, 60_000)
