// What the types promise the author of a handler; `tsc` is what fails here, the test only makes sure that it looks.
import { expectTypeOf, test } from 'vitest'
import { banclo } from '../../adapters/index.ts'
import {
  defineConfig,
  type EventOf,
  type Handler,
  type HandlerContext,
  http,
  lazy,
  pathToken,
} from '../../src/index.ts'

const sources = { banclo: banclo({ check: pathToken('t') }) }
/** Modules as `import()` gives them. */
const ofLoans = async () => ({ default: async (_event: EventOf<'loan.*'>, _context: HandlerContext) => {} })
const ofCreatedLoans = async () => ({ default: (event: EventOf<'loan.created'>) => event.type })
const ofAll = async () => ({ default: (() => {}) satisfies Handler })

test('a handler is given its context', () => {
  defineConfig({
    sources,
    subscriptions: {
      book: {
        types: ['loan.created'],
        to: async (event, context) => {
          expectTypeOf(event).toEqualTypeOf<EventOf<'loan.created'>>()
          expectTypeOf(context).toEqualTypeOf<HandlerContext>()
          expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>()
          expectTypeOf(context.vendor.fetch).returns.toEqualTypeOf<Promise<Response>>()
          context.log.info('a line')
          context.log.warn({ loan: event.data.refs.loan }, 'a line with fields')
          // @ts-expect-error fields come with a message
          context.log.error({ loan: 1 })
        },
      },
    },
  })
})

test('a handler with types of its own must take what its subscription gives it', () => {
  const loans: Handler<'loan.*'> = () => {}
  const created = (event: EventOf<'loan.created'>) => event.type
  defineConfig({
    sources,
    subscriptions: {
      loans: { types: ['loan.*'], to: loans },
      created: { types: ['loan.created'], to: loans },
      same: { types: ['loan.created'], to: created },
      // @ts-expect-error it takes created loans alone
      more: { types: ['loan.*'], to: created },
      // @ts-expect-error nor does one of loans take bids
      other: { types: ['bid.accepted'], to: loans },
      // @ts-expect-error nor everything
      all: { to: loans },
    },
  })
})

test('one subscription without types leaves the others theirs', () => {
  defineConfig({
    sources,
    subscriptions: {
      all: { to: event => expectTypeOf(event).toEqualTypeOf<EventOf<'*'>>() },
      far: { to: http({ url: 'http://127.0.0.1:9000/events' }) },
      book: { types: ['loan.*'], to: event => expectTypeOf(event).toEqualTypeOf<EventOf<'loan.*'>>() },
    },
  })
  // @ts-expect-error a type is text
  const number = () => defineConfig({ sources, subscriptions: { book: { types: [5], to: () => {} } } })
  // @ts-expect-error a misspelt option
  const misspelt = () => defineConfig({ sources, subscriptions: { book: { typos: ['loan.*'], to: () => {} } } })
  // @ts-expect-error it goes somewhere
  const nowhere = () => defineConfig({ sources, subscriptions: { book: { types: ['loan.*'] } } })
  expectTypeOf([number, misspelt, nowhere]).toBeArray()
})

test('a module’s handler must take what its subscription gives it', () => {
  defineConfig({
    sources,
    subscriptions: {
      all: { to: lazy(ofAll) },
      loans: { types: ['loan.*'], to: lazy(ofLoans) },
      created: { types: ['loan.created'], to: lazy(ofLoans) },
      same: { types: ['loan.created'], to: lazy(ofCreatedLoans) },
      // @ts-expect-error it takes created loans alone
      more: { types: ['loan.*'], to: lazy(ofCreatedLoans) },
      // @ts-expect-error nor does one of loans take bids
      other: { types: ['bid.accepted'], to: lazy(ofLoans) },
    },
  })
  // @ts-expect-error the handler is the module's default export
  expectTypeOf(() => lazy(async () => ({ handle: () => {} }))).toBeFunction()
  // @ts-expect-error and a function
  expectTypeOf(() => lazy(async () => ({ default: 'a handler' }))).toBeFunction()
  // @ts-expect-error imported by a function
  expectTypeOf(() => lazy(ofLoans())).toBeFunction()
})
