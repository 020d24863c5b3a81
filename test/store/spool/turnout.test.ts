// The way of what comes in, where the order of a node is at stake: nothing overtakes what waits in the spool.
import { expect, test } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { Turnout } from '../../../src/store/spool/turnout.ts'

const away = new AppError('store_unreachable', 'away')
const never = () => Promise.reject(new Error('this way is closed'))

test('it is not straight again while a write into the spool is under way, or has been since it was seen empty', async () => {
  const turned: unknown[] = []
  const turnout = new Turnout(true, error => turned.push(error))
  const write = Promise.withResolvers<string>()
  const first = turnout.pass(
    () => Promise.reject(away),
    () => write.promise,
  )
  await new Promise(resolve => setImmediate(resolve))
  expect(turned).toEqual([away])
  expect(turnout.straighten(turnout.begun)).toBe(false)
  write.resolve('spooled')
  expect(await first).toBe('spooled')

  const { begun } = turnout
  expect(await turnout.pass(never, () => Promise.resolve('and another'))).toBe('and another')
  expect(turnout.straighten(begun)).toBe(false)
  expect(turnout.straighten(turnout.begun)).toBe(true)
  expect(turnout.straight).toBe(true)
})

test('what is held goes on in its order, straight or into the spool as it then is', async () => {
  const turnout = new Turnout(false, () => {})
  const ways: string[] = []
  const pass = (name: string) =>
    turnout.pass(
      async () => void ways.push(`${name} straight`),
      async () => void ways.push(`${name} spooled`),
    )
  turnout.hold()
  const held = ['a', 'b', 'c'].map(pass)
  await new Promise(resolve => setImmediate(resolve))
  expect(ways).toEqual([])
  turnout.release()
  await Promise.all(held)
  turnout.hold()
  const others = ['d', 'e'].map(pass)
  await turnout.calm()
  expect(turnout.straighten(turnout.begun)).toBe(true)
  await Promise.all(others)
  await pass('f')
  expect(ways).toEqual(['a spooled', 'b spooled', 'c spooled', 'd straight', 'e straight', 'f straight'])
})

test('so many go on as are admitted, in their order; a release lets all of them', async () => {
  const turnout = new Turnout(false, () => {})
  const gone: number[] = []
  turnout.hold()
  const all = [1, 2, 3, 4, 5, 6].map(number => turnout.pass(never, async () => void gone.push(number)))
  const turn = () => new Promise(resolve => setImmediate(resolve))
  turnout.admit(2)
  await turn()
  expect(gone).toEqual([1, 2])
  turnout.admit(1)
  await turn()
  expect(gone).toEqual([1, 2, 3])
  turnout.release()
  await Promise.all(all)
  expect(gone).toEqual([1, 2, 3, 4, 5, 6])
  await turnout.pass(never, async () => void gone.push(7))
  expect(gone.at(-1)).toBe(7)
})

test('calm and ended wait for what is under way', async () => {
  const turnout = new Turnout(true, () => {})
  const [straight, write] = [Promise.withResolvers<never>(), Promise.withResolvers<void>()]
  const passing = turnout.pass(
    () => straight.promise,
    () => write.promise,
  )
  const seen: string[] = []
  const ended = turnout.ended().then(() => seen.push('ended'))
  straight.reject(away)
  await new Promise(resolve => setImmediate(resolve))
  const calm = turnout.calm().then(() => seen.push('calm'))
  await new Promise(resolve => setImmediate(resolve))
  expect(seen).toEqual([])
  write.resolve()
  await Promise.all([passing, ended, calm])
  expect(seen.toSorted()).toEqual(['calm', 'ended'])
})

test('what the database says of the record itself turns nothing', async () => {
  const turnout = new Turnout(true, () => expect.unreachable())
  const refused = new AppError('store_refused', 'no')
  await expect(turnout.pass(() => Promise.reject(refused), never)).rejects.toBe(refused)
  await expect(turnout.pass(never, never)).rejects.toThrow('this way is closed')
  expect(turnout.straight).toBe(true)
})
