// Handlers in real worker threads: what they return and throw, what they do to their thread, and that only the one
// whose fault it is is charged, whatever it did.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Destination, Outcome } from '../../src/delivery/destination.ts'
import { acting, actsConfig, attemptOf, startHandlers, type TestHandlers } from '../support/handlers.ts'
import { until } from '../support/until.ts'

let handlers: TestHandlers
let destination: Destination
let act: ReturnType<typeof acting>
beforeEach(() => {
  handlers = startHandlers(actsConfig)
  destination = handlers.destination('acts')
  act = acting(destination)
})
afterEach(() => handlers.close())

const succeeded = { result: 'succeeded', status: null, reason: null, answer: null, retryAfterMs: null }
const failedWith = (reason: string | RegExp) =>
  expect.objectContaining({ result: 'failed', reason: expect.stringMatching(reason) })

/** Three that are running, and wait to be let go on. */
async function neighbours(): Promise<Promise<Outcome>[]> {
  const running = [act('waits'), act('waits'), act('waits')]
  await until('the neighbours are running', () => handlers.begun('waits') === 3)
  return running
}
const threads = (name: string) =>
  handlers.logged.filter(line => line.fields?.act === name).map(line => line.fields?.thread)

describe('what a function returns and throws', () => {
  test('returning is success, now or later', async () => {
    expect(await Promise.all([act('done'), act('doneLater')])).toEqual([succeeded, succeeded])
  })

  test('throwing is a failed attempt, with the error for people', async () => {
    expect(await act('throws')).toEqual({
      ...succeeded,
      result: 'failed',
      reason: 'TypeError: no such loan',
      answer: expect.stringMatching(/^TypeError: no such loan\n {4}at [\s\S]*postern\.config\.ts:\d+/),
    })
    const { reason, answer } = await act('rejects')
    expect([reason, answer]).toEqual([
      'Error: no such loan',
      expect.stringContaining('Caused by Error: the core is away'),
    ])
  })

  test('anything can be thrown', async () => {
    expect(await act('throwsText')).toEqual(failedWith('^threw no such loan$'))
    expect(await act('throwsNothing')).toEqual(failedWith('^threw undefined$'))
    expect(await act('throwsProxy')).toEqual(failedWith('^threw what cannot be shown$'))
    expect(await act('thenable')).toEqual(failedWith('^Error: a thenable$'))
    expect(await act('recurses')).toEqual(failedWith('^RangeError: Maximum call stack size exceeded$'))
  })

  test('an error is kept to a bounded length', async () => {
    const { reason, answer } = await act('throwsMuch')
    expect(reason!.length).toBeLessThanOrEqual(500)
    expect(Buffer.byteLength(answer!)).toBeLessThanOrEqual(16 * 1024)
  })

  test('many at once, more than there are seats, each once', async () => {
    const small = acting(handlers.destination('acts', { concurrency: 4 }))
    expect(await Promise.all(Array.from({ length: 200 }, () => small('done')))).toEqual(Array(200).fill(succeeded))
    expect(handlers.begun('done')).toBe(200)
  })
})

describe('at the time limit', () => {
  test('for (;;) alone is charged, its thread is ended, and the next delivery finds another', async () => {
    expect(await act('loops', { timeoutMs: 200 })).toEqual(failedWith('blocked its thread: not done within 200 ms'))
    expect(await act('done')).toEqual(succeeded)
    expect(handlers.begun('loops')).toBe(1)
  })

  test.each(['loops', 'loopsLater', 'loopsInMicrotasks'])('%s is charged, and none of those beside it', async name => {
    const others = await neighbours()
    expect(await act(name, { timeoutMs: 400 })).toEqual(failedWith('blocked its thread: not done within 400 ms'))
    // Each alone.
    await until('the first is running again', () => handlers.begun('waits') === 4)
    handlers.answer('/waits')
    expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
  })

  test('a thread that is stuck delays neither this one nor other subscriptions', async () => {
    const order: string[] = []
    const looping = act('loops', { timeoutMs: 1_500 }).then(() => order.push('loops'))
    await until('it loops', () => handlers.begun('loops') === 1)
    const others = acting(handlers.destination('other'))
    for (let count = 0; count < 20; count++) {
      await others('anything')
      order.push('other')
    }
    await looping
    expect(order).toEqual([...Array(20).fill('other'), 'loops'])
  })

  test('one that had ended before the loop began is not run again', async () => {
    expect(await Promise.all([act('done'), act('loops', { timeoutMs: 300 }), act('done')])).toEqual([
      succeeded,
      failedWith('blocked its thread'),
      succeeded,
    ])
    expect(handlers.begun('done')).toBe(2)
  })

  test('one that never settles is charged alone; the others end where they are, and new ones elsewhere', async () => {
    const others = await neighbours()
    expect(await act('never', { timeoutMs: 200 })).toEqual(failedWith('^not done within 200 ms$'))
    await until('a new worker has taken over', async () => {
      expect(await act('done')).toEqual(succeeded)
      return threads('done').at(-1) !== threads('never')[0]
    })
    handlers.answer('/waits')
    expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
    expect(handlers.begun('waits')).toBe(3)
    await until('its worker is ended', () => handlers.threads() === 1)
  })

  test('one that ends when it is told to is charged, and its thread goes on', async () => {
    expect(await act('honours', { timeoutMs: 100 })).toEqual(failedWith('^not done within 100 ms$'))
    expect(await act('done')).toEqual(succeeded)
    expect(threads('done')).toEqual(threads('honours'))
  })

  test('one that returns because it was told to end has not succeeded', async () => {
    expect(await act('givesIn', { timeoutMs: 100 })).toEqual(failedWith('^not done within 100 ms$'))
  })

  test('the time of those that wait for a seat does not run', async () => {
    const one = acting(handlers.destination('acts', { concurrency: 1 }))
    const first = one('waits')
    await until('the first is running', () => handlers.begun('waits') === 1)
    const second = one('done', { timeoutMs: 1 })
    await until('more than its time has passed', ticks(10))
    handlers.answer('/waits')
    expect(await Promise.all([first, second])).toEqual([succeeded, succeeded])
  })
})

describe('what is thrown outside of the promise', () => {
  test.each([
    ['throwsOutside', 'an error outside of its promise: Error: a timer of its own'],
    ['rejectsOutside', 'a promise that nobody awaited: Error: a promise of its own'],
  ])('%s is charged, and those beside it go on', async (name, reason) => {
    const others = await neighbours()
    expect(await act(name)).toEqual({
      ...succeeded,
      result: 'failed',
      reason,
      answer: expect.stringContaining('postern.config.ts'),
    })
    handlers.answer('/waits')
    expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
    expect(handlers.begun('waits')).toBe(3)
  })

  test('after its end it is charged to nobody, and the worker is replaced', async () => {
    const others = await neighbours()
    expect(await act('throwsAfterwards')).toEqual(succeeded)
    const told = () => handlers.logged.some(({ reason }) => reason?.includes('when it had ended'))
    await until('it was told', told)
    expect(await act('done')).toEqual(succeeded)
    expect(threads('done')).not.toEqual(threads('throwsAfterwards'))
    handlers.answer('/waits')
    expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
  })
})

describe('process.exit', () => {
  test.each([
    ['exits', 'called process.exit(0)'],
    ['exitsLater', 'called process.exit(3)'],
  ])(
    '%s ends its thread and not the process; it is charged, and those beside it are run again',
    async (name, reason) => {
      const others = await neighbours()
      expect(await act(name)).toMatchObject({ result: 'failed', reason })
      await until('the neighbours are running again', () => handlers.begun('waits') === 6)
      handlers.answer('/waits')
      expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
    },
  )

  test('after its end it is charged to nobody', async () => {
    const others = await neighbours()
    expect(await act('exitsAfterwards')).toEqual(succeeded)
    await until('the neighbours are running again', () => handlers.begun('waits') === 6)
    handlers.answer('/waits')
    expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
  })
})

describe('out of memory', () => {
  test.each(['fillsArray', 'fillsMap', 'fillsBuffers'])('%s is charged, and none of those beside it', async name => {
    act = acting(handlers.destination('acts', { memoryMiB: 48 }))
    const others = await neighbours()
    const filling = act(name)
    await until('the first is running again', () => handlers.begun('waits') === 4)
    handlers.answer('/waits')
    expect(await filling).toEqual(failedWith('^ran out of memory \\(48 MiB\\)$'))
    expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
    expect(handlers.begun(name)).toBe(2)
    expect(await act('done')).toEqual(succeeded)
  })

  test('what earlier deliveries left behind is charged to none', async () => {
    const outcomes: Outcome[] = []
    const small = acting(handlers.destination('acts', { memoryMiB: 64 }))
    for (let count = 0; count < 8; count++) outcomes.push(await small('leaks'))
    expect(outcomes).toEqual(Array(8).fill(succeeded))
    expect(new Set(threads('leaks')).size).toBeGreaterThan(1)
  })

  test('an event that could not fit is not even parsed', async () => {
    const json = `{"data":{"act":"done","filler":"${'x'.repeat(30_000_000)}"}}`
    const outcome = await destination.attempt(attemptOf({}, { json }))
    expect(outcome).toEqual(
      failedWith('an event of this size does not fit into the handler’s 128 MiB'.replace('’', "'")),
    )
    expect(handlers.begun('done')).toBe(0)
  })
})

test('what ended its worker once is tried again alone, so that nobody is interrupted by it', async () => {
  const delivery = 'dlv_bad'
  expect(await act('exits', { delivery })).toEqual(failedWith('process.exit'))
  const others = await neighbours()
  expect(await act('exits', { delivery, number: 2 })).toEqual(failedWith('process.exit'))
  handlers.answer('/waits')
  expect(await Promise.all(others)).toEqual([succeeded, succeeded, succeeded])
  expect(handlers.begun('waits')).toBe(3)
})

test('whatever is mixed, each gets what it deserves', async () => {
  const guilty = new Map([
    ['throws', 'TypeError'],
    ['loops', 'blocked'],
    ['exits', 'process.exit'],
    ['throwsOutside', 'outside'],
    ['rejectsOutside', 'nobody awaited'],
    ['never', 'not done within'],
    ['fillsArray', 'out of memory'],
  ])
  const names = ['done', 'doneLater', 'done', ...guilty.keys(), 'doneLater', 'done', 'doneLater']
  const outcomes = await Promise.all(names.map(name => act(name, { timeoutMs: 1_000 })))
  expect(outcomes).toEqual(names.map(name => (guilty.has(name) ? failedWith(guilty.get(name)!) : succeeded)))
}, 60_000)

describe('the end of the gateway', () => {
  const ending = () => {
    const controller = new AbortController()
    return { signal: controller.signal, end: () => controller.abort() }
  }
  const released = expect.objectContaining({ result: 'released' })

  test('functions are told so: what ends by it is released, what succeeds in spite of it has', async () => {
    const { signal, end } = ending()
    const running = [act('honours', { signal }), act('givesIn', { signal }), act('waits', { signal })]
    await until('they are running', () => handlers.begun('waits') === 1 && handlers.begun('givesIn') === 1)
    end()
    expect(await Promise.all(running)).toEqual([released, released, released])
  })

  test('what will not end is given up after a while, and is not charged; not even one that blocks its thread', async () => {
    const { signal, end } = ending()
    const soon = acting(handlers.destination('acts', { timing: { closeGraceMs: 100 } }))
    const stuck = acting(handlers.destination('acts', { timing: { closeGraceMs: 100 } }))
    const running = [soon('never', { signal }), stuck('loops', { signal }), stuck('done', { signal })]
    await until('they are running', () => handlers.begun('never') === 1 && handlers.begun('loops') === 1)
    end()
    expect(await Promise.all(running)).toEqual([released, released, released])
    expect(handlers.begun('done')).toBe(0)
  })

  test('what has not begun is released at once, and is not begun', async () => {
    const { signal, end } = ending()
    const one = acting(handlers.destination('acts', { concurrency: 1 }))
    const first = one('waits')
    await until('the first is running', () => handlers.begun('waits') === 1)
    const second = one('done', { signal })
    end()
    expect(await second).toEqual(released)
    expect(await one('done', { signal })).toEqual(released)
    handlers.answer('/waits')
    expect(await first).toEqual(succeeded)
    expect(handlers.begun('done')).toBe(0)
  })

  test('what its worker has and has not begun is not begun any more', async () => {
    const { signal, end } = ending()
    const slow = acting(handlers.destination('acts', { timing: { closeGraceMs: 1_500 } }))
    const running = [slow('never', { signal }), ...Array.from({ length: 12 }, () => slow('busy', { signal }))]
    await until('the first is running', () => handlers.begun('busy') > 0)
    end()
    expect((await Promise.all(running)).at(-1)).toEqual(released)
    await until('the worker has ended', () => handlers.threads() === 0)
    expect(handlers.begun('busy')).toBeLessThan(12)
  })

  test('close ends every worker, and what comes later is released', async () => {
    const closing = handlers.destination('acts', { timing: { closeGraceMs: 50 } })
    const never = closing.attempt(attemptOf({ act: 'never' }))
    await until('it is running', () => handlers.begun('never') === 1)
    await closing.close()
    expect(await never).toEqual(released)
    expect(await closing.attempt(attemptOf({ act: 'done' }))).toEqual(released)
    expect(handlers.threads()).toBe(0)
  })
})

/** True after so many looks. */
function ticks(count: number): () => boolean {
  let left = count
  return () => left-- <= 0
}
