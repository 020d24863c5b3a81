// Setting up Embarc's side, on stock Fineract and on an API as Embarc's page shows it: one hook for the source.
import { afterEach, describe, expect, test } from 'vitest'
import { embarc } from '../../adapters/index.ts'
import { allOf, basic, hmac, pathToken } from '../../src/index.ts'
import { type FineractServer, startFineract } from '../support/vendor-fineract.ts'
import { type OpenedSide, openSide } from './opened-side.ts'

const url = 'https://hooks.lender.example/hooks/embarc/the-path-token/'
const events = ['CLIENT.CREATE', 'LOAN.APPROVE']
const asSent = [
  { entityName: 'CLIENT', actionName: 'CREATE' },
  { entityName: 'LOAN', actionName: 'APPROVE' },
]
const config = [
  { fieldName: 'Payload URL', fieldValue: url },
  { fieldName: 'Content Type', fieldValue: 'json' },
]
let server: FineractServer
const start = async (kind: 'stock' | 'documented') => {
  server = await startFineract(kind, authorization => authorization === `Basic ${btoa('postern:api-password')}`)
}
afterEach(() => server[Symbol.asyncDispose]())

type Options = Parameters<typeof embarc>[0]
const open = (registration: Options['registration'] = { events }, options: Partial<Options> = {}): OpenedSide =>
  openSide(
    'embarc',
    embarc({
      check: pathToken('the-path-token'),
      registration,
      api: {
        baseUrl: `${server.url}/fineract-provider/api/v1`,
        auth: { kind: 'basic', username: 'postern', password: 'api-password' },
      },
      ...options,
    }),
  )

describe.each(['stock', 'documented'] as const)('on the %s API', kind => {
  test('one hook with its events and the path token is made, and a second run changes nothing', async () => {
    await start(kind)
    const side = open()
    expect(await side.states()).toEqual({ 'Postern embarc': 'missing' })
    expect(await side.register()).toEqual({ 'Postern embarc': 'create' })
    const name = kind === 'stock' ? 'Web' : 'Postern embarc'
    expect(server.hooks).toEqual([
      { id: 1, name, displayName: 'Postern embarc', isActive: true, events: asSent, config },
    ])
    const changes = server.changes().length
    expect(await side.register()).toEqual({ 'Postern embarc': 'leave' })
    expect(server.changes()).toHaveLength(changes)
  })

  test('a wrong URL and other events are put right; by the token’s place it is known as ours', async () => {
    await start(kind)
    server.add('client-events', 'https://hooks.lender.example/hooks/embarc/an-old-token/', { events: asSent.slice(1) })
    const theirs = server.add('CRM', 'https://crm.lender.example/hook/')
    const side = open()
    expect(await side.states()).toEqual({ 'Postern embarc': 'wrong URL, other events', CRM: 'elsewhere' })
    expect(await side.register({ removeExtra: true })).toEqual({ 'Postern embarc': 'update' })
    expect(server.hooks).toMatchObject([{ id: 1, events: asSent, config }, theirs])
    expect(await side.states()).toMatchObject({ 'Postern embarc': 'ok' })
  })

  test('one that is switched off gives way to a new one, since Fineract stores no change of that', async () => {
    await start(kind)
    server.add('Postern embarc', url, { isActive: false, events: asSent })
    const side = open()
    expect(await side.states()).toEqual({ 'Postern embarc': 'suspended' })
    expect(await side.register()).toEqual({ 'Postern embarc': 'restart' })
    expect(server.hooks).toMatchObject([{ id: 2, isActive: true, config }])
  })

  test('where the old one could not be removed, the new one is known as right, and the old one as extra', async () => {
    await start(kind)
    server.add('Postern embarc', url, { isActive: false, events: asSent })
    server.trouble(({ method }) => (method === 'DELETE' ? { status: 500 } : undefined))
    const side = open()
    await side.register()
    expect(server.hooks).toMatchObject([{ id: 1, isActive: false }, { id: 2 }])
    server.trouble(undefined)
    const posts = () => server.changes().filter(change => change.startsWith('POST ')).length
    const before = posts()
    await side.register({ removeExtra: true })
    expect(posts()).toBe(before)
    expect(server.hooks).toMatchObject([{ id: 2, isActive: true }])
  })

  test('a second hook that leads here is extra', async () => {
    await start(kind)
    server.add('Postern embarc', url, { events: asSent })
    server.add('the old one', url, { events: asSent })
    const side = open()
    expect(await side.register()).toEqual({ 'Postern embarc': 'leave', 'the old one': 'leave' })
    expect(await side.register({ removeExtra: true })).toMatchObject({ 'the old one': 'remove' })
    expect(server.hooks.map(({ id }) => id)).toEqual([1])
  })
})

test('`form` says how `config` is sent: nothing else is tried', async () => {
  await start('stock')
  expect(await open({ events, form: 'array' }).register()).toEqual({
    'Postern embarc': 'POST /hooks: the vendor answered 500',
  })
  expect(server.changes()).toHaveLength(1)
  expect(await open({ events, form: 'hash' }).register()).toEqual({ 'Postern embarc': 'create' })
  expect(server.changes()).toHaveLength(2)
})

test('an error after the deed makes no second hook', async () => {
  await start('documented')
  server.trouble(({ method }) => (method === 'POST' ? { status: 500 } : undefined), 'after')
  expect(await open().register()).toEqual({ 'Postern embarc': 'create' })
  expect(server.hooks).toHaveLength(1)
})

test('what waits for approval is told as missing still', async () => {
  await start('stock')
  server.trouble(({ method }) => (method === 'POST' ? { status: 200, body: { commandId: 7 } } : undefined))
  expect(await open().register()).toEqual({ 'Postern embarc': 'the vendor took it, but it is missing still' })
})

test('without a list the events on loans and clients that the template offers', async () => {
  await start('stock')
  const side = open({})
  await side.register()
  expect(server.hooks[0]!.events.map(({ entityName, actionName }) => `${entityName}.${actionName}`).toSorted()).toEqual(
    [
      'CLIENT.ACTIVATE',
      'CLIENT.CLOSE',
      'CLIENT.CREATE',
      'LOAN.APPROVE',
      'LOAN.CREATE',
      'LOAN.DISBURSE',
      'LOAN.REPAYMENT',
    ],
  )
})

test('without a template too', async () => {
  await start('stock')
  server.trouble(({ path }) => (path.endsWith('/template') ? { status: 403 } : undefined))
  await open({}).register()
  expect(server.hooks[0]!.events.length).toBeGreaterThan(30)
})

test('notes: an event that is not offered, and what the API cannot be told', async () => {
  await start('stock')
  expect(await open().notes()).toEqual([])
  expect(await open({ events: ['LOAN.RENAME'] }).notes()).toEqual([
    'LOAN.RENAME is none of the events that GET /hooks/template lists.',
  ])
  const byHand = 'What sources.embarc.check wants beside the URL cannot be set by this API: enter it by hand.'
  const signed = hmac({ header: 'X-Embarc-Signature', secret: 'the-secret' })
  expect(await open({ events }, { check: allOf(pathToken('the-path-token'), signed) }).notes()).toEqual([byHand])
  expect(await open({ events }, { check: basic({ username: 'embarc', password: 'x' }) }).notes()).toEqual([byHand])
})
