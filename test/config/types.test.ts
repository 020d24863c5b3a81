// What the types promise a configuration's author; `tsc` is what fails here, the test only makes sure that it looks.
import { expectTypeOf, test } from 'vitest'
import { arix, ballerine, banclo, embarc, generic, receeve, standardWebhooks } from '../../adapters/index.ts'
import type { Check } from '../../src/checks/check.ts'
import {
  allOf,
  anyOf,
  basic,
  defineConfig,
  type EventOf,
  http,
  ipAllowlist,
  pathToken,
  secret,
  unverified,
} from '../../src/index.ts'

const ofBanclo = banclo.signature({ secret: 'x', covers: 'data' })
const ofReceeve = () => receeve.signature({ publicKey: secret('KEY') })
const ofBallerine = ballerine.signature({ secret: 'x' })

test('a vendor’s own check fits its own source alone', () => {
  banclo({ check: ofBanclo })
  // @ts-expect-error receeve's signature is not what Banclo sends
  banclo({ check: ofReceeve() })
  // @ts-expect-error nor Ballerine's, hidden in allOf
  banclo({ check: allOf(ofBallerine, basic({ username: 'a', password: 'b' })) })
  // @ts-expect-error nor in anyOf beside the right one
  banclo({ check: anyOf<'banclo' | 'ballerine'>(ofBanclo, ofBallerine) })
  // @ts-expect-error and no vendor's fits an adapter that knows none
  generic({ vendor: 'core', check: ofBanclo, id: 'id', type: 'type' })
  // @ts-expect-error
  standardWebhooks({ vendor: 'core', check: ofBallerine })
  expectTypeOf(ofBanclo).toExtend<Check<'banclo'>>()
  expectTypeOf<Check<'receeve'>>().not.toExtend<Check<'banclo'>>()
})

test('a check that anybody can make fits every source', () => {
  const anybody = [basic({ username: 'a', password: 'b' }), pathToken('t'), ipAllowlist(['10.0.0.0/8'])] as const
  for (const check of anybody) {
    banclo({ check })
    embarc({ check })
    arix({ partner: 'TST', check })
    receeve({ check })
    generic({ vendor: 'core', check, id: 'id', type: 'type' })
  }
  ballerine({ check: allOf(ofBallerine, anybody[2]) })
  ballerine({ check: anyOf(ofBallerine, anybody[0]) })
  ballerine({ check: unverified('why') })
})

test('a source without a check, or with a misspelt option, is no source', () => {
  // @ts-expect-error a check there must be
  const without = () => banclo({})
  // @ts-expect-error
  const misspelt = () => banclo({ check: ofBanclo, timezon: 'UTC' })
  // @ts-expect-error Arix's partner must be said
  const partnerless = () => arix({ check: pathToken('t') })
  // @ts-expect-error and what Banclo's signature covers
  const uncovered = () => banclo.signature({ secret: 'x' })
  // @ts-expect-error unverified is no part of anything
  const parted = () => allOf(ofBanclo, unverified('why'))
  expectTypeOf([without, misspelt, partnerless, uncovered, parted]).toBeArray()
})

test('an event is typed by its type, and by a glob over types', () => {
  expectTypeOf<EventOf<'loan.status_changed'>['type']>().toEqualTypeOf<'loan.status_changed'>()
  expectTypeOf<EventOf<'loan.status_changed'>['data']['status']['phase']>().toExtend<string>()
  expectTypeOf<EventOf<'loan.*'>['type']>().toExtend<`loan.${string}`>()
  expectTypeOf<EventOf<'loan.*'>>().not.toExtend<EventOf<'payment.*'>>()
  expectTypeOf<EventOf<'loan.created'>['data']['amount']>().toEqualTypeOf<
    { value: string; currency?: string | undefined } | undefined
  >()
  // @ts-expect-error there is no such field
  expectTypeOf<EventOf<'loan.created'>['data']['nothing']>().toBeString()
})

test('a handler’s event is typed by its subscription', () => {
  const source = banclo({ check: ofBanclo })
  defineConfig({
    sources: { banclo: source },
    subscriptions: {
      book: { types: ['loan.created'], to: event => expectTypeOf(event.type).toEqualTypeOf<'loan.created'>() },
      far: { types: ['loan.created'], to: http({ url: 'http://127.0.0.1:9000/events', secret: secret('FAR') }) },
    },
  })
  // @ts-expect-error trustProxy is 'fly' or networks
  defineConfig({ sources: { banclo: source }, trustProxy: true })
  // @ts-expect-error a misspelt setting
  defineConfig({ sources: { banclo: source }, trustProxies: [] })
})
