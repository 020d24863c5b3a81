// What the types promise a configuration's author; `tsc` is what fails here, the test only makes sure that it looks.
import { expectTypeOf, test } from 'vitest'
import { arix, ballerine, banclo, embarc, generic, receeve, standardWebhooks } from '../../adapters/index.ts'
import type { Check } from '../../src/checks/check.ts'
import type { CatalogueType, OwnEventType } from '../../src/event.ts'
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

test('a type that is in no catalogue has open data, alone, in a glob and beside others', () => {
  expectTypeOf<EventOf<'custom.core.moved'>['type']>().toEqualTypeOf<'custom.core.moved'>()
  expectTypeOf<EventOf<'custom.core.moved'>['data']['refs']>().toEqualTypeOf<Record<string, string>>()
  expectTypeOf<EventOf<'custom.core.moved'>['data']['anything']>().toBeUnknown()
  expectTypeOf<EventOf<'custom.*'>['type']>().toEqualTypeOf<`custom.${string}`>()
  expectTypeOf<EventOf<'custom.*.a*b'>['type']>().toEqualTypeOf<`custom.${string}.a${string}b`>()
  type Both = EventOf<'loan.created' | 'custom.core.moved'>
  expectTypeOf<Both['type']>().toEqualTypeOf<'loan.created' | 'custom.core.moved'>()
  expectTypeOf<EventOf<'*.created'>['type']>().toEqualTypeOf<'loan.created' | 'client.created' | 'claim.created'>()
  expectTypeOf<EventOf['type']>().toEqualTypeOf<Exclude<CatalogueType, OwnEventType>>()
  const told = (event: EventOf<'loan.*'>) =>
    event.type === 'loan.status_changed' ? event.data.status.current : event.data.status?.current
  expectTypeOf(told).returns.toEqualTypeOf<string | undefined>()
})

test('our own events are typed where a pattern names them, and in no other glob', () => {
  expectTypeOf<EventOf<'postern.*'>['type']>().toEqualTypeOf<OwnEventType>()
  expectTypeOf<EventOf<'postern.delivery.died'>['data']['count']>().toBeNumber()
  expectTypeOf<EventOf<'*.opened'>['type']>().toEqualTypeOf<`${string}.opened`>()
  expectTypeOf<EventOf<'*.created' | 'postern.*.died'>['type']>().toEqualTypeOf<
    'loan.created' | 'client.created' | 'claim.created' | 'postern.delivery.died'
  >()
})

test('nothing hides an unverified part, or a check of two vendors', () => {
  const ofTwo = () => anyOf<'banclo' | 'ballerine'>(ofBanclo, ofBallerine)
  // @ts-expect-error neither here
  const first = () => banclo({ check: ofTwo() })
  // @ts-expect-error nor there
  const second = () => ballerine({ check: ofTwo() })
  // @ts-expect-error all of two vendors is nobody's
  const third = () => ballerine({ check: allOf(ofBanclo, ofBallerine) })
  // @ts-expect-error
  const fourth = () => anyOf(unverified('why'), pathToken('t'))
  // @ts-expect-error a secret is text or a secret
  const fifth = () => pathToken(5)
  expectTypeOf([first, second, third, fourth, fifth]).toBeArray()
})

test('a handler’s event is typed by its own subscription, whatever others take', () => {
  defineConfig({
    sources: { banclo: banclo({ check: ofBanclo }) },
    subscriptions: {
      book: { types: ['loan.*'], to: event => expectTypeOf(event).toEqualTypeOf<EventOf<'loan.*'>>() },
      money: {
        types: ['payment.received', 'custom.core.moved'],
        to: (event, { attempt }) => {
          expectTypeOf(event.type).toEqualTypeOf<'payment.received' | 'custom.core.moved'>()
          expectTypeOf(attempt).toBeNumber()
        },
      },
      print: { types: ['*'], to: (event, { log }) => log.info(event.type) },
      // @ts-expect-error a handler of one type is no handler of another
      wrong: { types: ['client.created'], to: (event: EventOf<'loan.created'>) => event.type },
    },
  })
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
