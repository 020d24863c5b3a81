// How a handler's worker starts and is ended: the configuration it loads, functions that are modules, secrets, what
// cannot be started, what it logs, and what becomes of it when there is nothing to do.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { acting, actsConfig, attemptOf, startHandlers, type TestHandlers } from '../support/handlers.ts'
import { until } from '../support/until.ts'

let handlers: TestHandlers
afterEach(async () => {
  await handlers.close()
  vi.unstubAllEnvs()
})

const succeeded = expect.objectContaining({ result: 'succeeded' })
const failedWith = (reason: string) =>
  expect.objectContaining({ result: 'failed', reason: expect.stringContaining(reason) })

/** A configuration whose handlers are these; `loads` beside it has a character for each time that it was loaded. */
function withHandlers(subscriptions: string, top = ''): TestHandlers {
  return startHandlers(`
    import { appendFileSync } from 'node:fs'
    import { join } from 'node:path'
    import { defineConfig, env, http, lazy, secret, unverified } from 'postern'
    import { generic } from 'postern/adapters'
    appendFileSync(join(import.meta.dirname, 'loads'), 'x')
    ${top}
    export default defineConfig({
      sources: { core: generic({ vendor: 'core', check: unverified('a test'), id: 'id', type: 'type' }) },
      subscriptions: { ${subscriptions} },
    })`)
}
const loads = () => {
  const path = join(handlers.folder, 'loads')
  return existsSync(path) ? readFileSync(path, 'utf8').length : 0
}

describe('the function', () => {
  test('is the subscription’s own, and is given its event, attempt and signal', async () => {
    handlers = withHandlers(`
      first: { to: () => { throw new Error('the wrong one') } },
      'loan-book': { types: ['loan.*'], to: (event, { attempt, signal, log }) => log.info({ event, attempt, aborted: signal.aborted }, 'given') },
    `)
    const attempt = attemptOf({ refs: { loan: 'K0Z1Q' } }, { number: 7 })
    expect(await handlers.destination('loan-book').attempt(attempt)).toEqual(succeeded)
    expect(handlers.logged).toEqual([
      {
        level: 'info',
        message: 'given',
        subscription: 'loan-book',
        delivery: attempt.delivery,
        attempt: 7,
        fields: { event: JSON.parse(attempt.json), attempt: 7, aborted: false },
      },
    ])
  })

  test('may be a module, which may import us when it is imported', async () => {
    handlers = withHandlers(`book: { types: ['loan.created'], to: lazy(() => import('./loan.ts')) }`)
    handlers.write(
      'loan.ts',
      `import type { Handler } from 'postern'
       const handle: Handler<'loan.created'> = async (event, { log }) => {
         const { catalogueTypes } = await import('postern/events')
         log.info({ known: catalogueTypes.includes(event.type) }, 'given')
       }
       export default handle`,
    )
    expect(await handlers.destination('book').attempt(attemptOf({}))).toEqual(succeeded)
    expect(handlers.logged).toMatchObject([{ message: 'given', fields: { known: true } }])
  })

  test('that is broken is named with its file and line, whichever imports it', async () => {
    handlers = withHandlers(`book: { to: lazy(() => import('./loan.ts')) }`)
    handlers.write('loan.ts', `export { default } from './deeper.ts'`)
    handlers.write('deeper.ts', 'const limit: number = 1\nexport default async (=> limit\n')
    expect(await handlers.destination('book').attempt(attemptOf({}))).toEqual(failedWith('deeper.ts:2)'))
  })

  test('is loaded at the first delivery, and once for many', async () => {
    handlers = withHandlers(`book: { to: () => {} }`)
    const destination = handlers.destination('book')
    expect([handlers.threads(), loads()]).toEqual([0, 0])
    await Promise.all(Array.from({ length: 50 }, () => destination.attempt(attemptOf({}))))
    expect([handlers.threads(), loads()]).toEqual([1, 1])
  })

  test('reads secrets and settings of the environment when it needs them', async () => {
    vi.stubEnv('CORE_TOKEN', 'the-token-of-the-core')
    vi.stubEnv('CORE_URL', 'https://core.example')
    handlers = withHandlers(
      `book: { to: (_, { log }) => log.info({ url, length: token.value.length, shown: token }, String(token)) },
       lacking: { to: () => secret('NOT_SET').value },`,
      `const token = secret('CORE_TOKEN')
       const url = env('CORE_URL')`,
    )
    expect(await handlers.destination('book').attempt(attemptOf({}))).toEqual(succeeded)
    expect(handlers.logged).toMatchObject([
      {
        message: '[secret CORE_TOKEN]',
        fields: { url: 'https://core.example', length: 21, shown: '[secret CORE_TOKEN]' },
      },
    ])
    expect(await handlers.destination('lacking').attempt(attemptOf({}))).toEqual(
      failedWith('the secret NOT_SET is not set. Set NOT_SET, or NOT_SET_FILE'),
    )
  })
})

describe('a worker that cannot start', () => {
  test.each([
    ['the configuration throws', `throw new Error('the disk is away')`, `book: { to: () => {} }`, 'the disk is away'],
    ['it ends the process', `process.exit(1)`, `book: { to: () => {} }`, 'called process.exit(1)'],
    [
      'there is no such subscription',
      '',
      `other: { to: () => {} }`,
      'subscriptions.book.to: the configuration file has',
    ],
    [
      'it is no handler any more',
      '',
      `book: { to: http({ url: 'http://127.0.0.1:9000' }) }`,
      'expected a function or lazy',
    ],
    ['the module is missing', '', `book: { to: lazy(() => import('./none.ts' as string)) }`, 'none.ts'],
    ['the module has no function', '', `book: { to: lazy(() => import('node:os') as any) }`, 'expected the module'],
  ])('because %s: the attempt fails and says why', async (_, top, subscriptions, reason) => {
    handlers = withHandlers(subscriptions, top)
    const outcome = await handlers.destination('book').attempt(attemptOf({}))
    expect(outcome).toEqual(failedWith(reason))
    expect(outcome.reason).toMatch(/^the handler cannot be started: /)
  })

  test('because the configuration never loads', async () => {
    handlers = withHandlers(`book: { to: () => {} }`, 'for (;;);')
    const destination = handlers.destination('book', { timing: { startTimeoutMs: 300 } })
    expect(await destination.attempt(attemptOf({}))).toEqual(failedWith('was not loaded within 300 ms'))
  })

  test('is not tried again at once, and is when it may have been put right', async () => {
    handlers = withHandlers(`book: { to: () => {} }`, `throw new Error('not yet')`)
    const destination = handlers.destination('book', { timing: { startCoolDownMs: 1_000 } })
    for (let count = 0; count < 20; count++) {
      expect(await destination.attempt(attemptOf({}))).toEqual(failedWith('not yet'))
    }
    expect(loads()).toBe(1)
    handlers.write(
      'postern.config.ts',
      `import { defineConfig } from 'postern'
       export default defineConfig({ sources: {}, subscriptions: { book: { to: () => {} } } })`,
    )
    await until('it has started', async () => (await destination.attempt(attemptOf({}))).result === 'succeeded')
  })
})

test('a worker without work is ended, and another starts when there is some', async () => {
  handlers = startHandlers(actsConfig)
  const act = acting(handlers.destination('acts', { timing: { idleMs: 1 } }))
  expect(await act('done')).toEqual(succeeded)
  await until('it is ended', () => handlers.threads() === 0)
  expect(await act('done')).toEqual(succeeded)
})

describe('the log', () => {
  const logging = async (body: string) => {
    handlers = withHandlers(`book: { to: (_, { log }) => { ${body} } }`)
    expect(await handlers.destination('book').attempt(attemptOf({}))).toEqual(succeeded)
    return handlers.logged
  }

  test('has lines of three kinds, with fields or without', async () => {
    expect(
      await logging(`log.info('one'); log.warn({ loan: 'K0Z1Q' }, 'two'); log.error({ count: 3n }, 'three')`),
    ).toEqual([
      expect.objectContaining({ level: 'info', message: 'one', subscription: 'book' }),
      expect.objectContaining({ level: 'warn', message: 'two', fields: { loan: 'K0Z1Q' } }),
      expect.objectContaining({ level: 'error', message: 'three', fields: { count: '3' } }),
    ])
  })

  test('takes anything, and bounds it', async () => {
    const lines = await logging(`
      const round: any = {}; round.itself = round
      log.info(round, 'round'); log.info(undefined as any); log.info({ toJSON() { throw new Error('no') } }, 'throws')
      log.info('m'.repeat(1_000_000)); log.info({ long: 'f'.repeat(1_000_000) }, 'long'); log.info({ msg: 'mine', level: 1, subscription: 'another' }, 'named')
    `)
    expect(lines.map(({ message }) => message.slice(0, 10))).toEqual([
      'round',
      '',
      'throws',
      'mmmmmmmmmm',
      'long',
      'named',
    ])
    expect(lines.every(line => JSON.stringify(line).length < 10_000)).toBe(true)
    expect(lines[5]).toMatchObject({ subscription: 'book', level: 'info', message: 'named', fields: { level: 1 } })
  })

  test('has so many lines a second, and says how many were left out', async () => {
    handlers = withHandlers(
      `book: { to: ({ data }, { log }) => { for (let n = 0; n < data.lines; n++) log.info('line') } }`,
    )
    const destination = handlers.destination('book')
    await destination.attempt(attemptOf({ lines: 20_000 }))
    expect(handlers.logged.length).toBeLessThan(2_000)
    const told = () => handlers.logged.find(({ level }) => level === 'warn')?.message
    await until('it was told', async () => {
      await destination.attempt(attemptOf({ lines: 1 }))
      return told() !== undefined
    })
    expect(told()).toMatch(/^\d+ lines of this handler were left out$/)
  })

  test('has what was said before a thread got stuck', async () => {
    handlers = withHandlers(`book: { to: (_, { log }) => { log.info('here'); for (;;); } }`)
    await handlers.destination('book').attempt(attemptOf({}, { timeoutMs: 100 }))
    expect(handlers.logged[0]).toMatchObject({ level: 'info', message: 'here' })
  })
})
