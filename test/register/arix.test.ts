// Setting up Arix's side: what is missing is made, what is wrong put right, what is right left alone; and nothing that
// is told has a secret in it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { arix } from '../../adapters/index.ts'
import { apiKey, basic, ipAllowlist, oidc, pathToken, unverified } from '../../src/index.ts'
import { clientSecret, startOAuth, type TestOAuth } from '../support/oauth.ts'
import { type ArixServer, startArix } from '../support/vendor-arix.ts'
import type { Trouble } from '../support/vendor-server.ts'
import { type OpenedSide, openSide } from './opened-side.ts'

const password = 'pässword: "quoted"'
const events = ['LoanStatusUpdated', 'RailUpdated']
const base = 'https://hooks.lender.example/hooks/arix'
let server: ArixServer
beforeEach(async () => {
  server = await startArix(authorization => authorization === 'Bearer the-api-token')
})
afterEach(() => server[Symbol.asyncDispose]())

type Options = Partial<Parameters<typeof arix>[0]>
const open = (options: Options = {}, more = {}): OpenedSide =>
  openSide(
    'arix',
    arix({
      partner: 'TST',
      check: basic({ username: 'arix', password }),
      registration: { events },
      api: { baseUrl: server.url, auth: { kind: 'bearer', token: 'the-api-token' } },
      ...options,
    }),
    more,
  )
const authOf = ({ spec: { tokenUrl, clientId, clientSecret } }: TestOAuth) =>
  ({ kind: 'oauth', tokenUrl, clientId, clientSecret }) as const
const authentication = { authenticationType: 'Basic', username: 'arix', password }

test('each event gets a registration of its own, with its own URL and the credentials of the check', async () => {
  const side = open()
  expect(await side.states()).toEqual({ LoanStatusUpdated: 'missing', RailUpdated: 'missing' })
  expect(await side.register()).toEqual({ LoanStatusUpdated: 'create', RailUpdated: 'create' })
  expect(server.registered).toMatchObject(
    events.map(hookName => ({
      applicationName: 'Cos.Lending',
      hookName,
      hookCorrelationId: 'TST',
      options: {
        hookType: 'Web',
        httpMethod: 'POST',
        uri: `${base}/${hookName}`,
        authenticationOptions: authentication,
      },
      suspended: false,
    })),
  )
  expect(await side.states()).toEqual({ LoanStatusUpdated: 'ok', RailUpdated: 'ok' })
})

test('a second run changes nothing; `renew` sends the credentials anew', async () => {
  const side = open()
  await side.register()
  const changes = server.changes().length
  expect(await side.register()).toEqual({ LoanStatusUpdated: 'leave', RailUpdated: 'leave' })
  expect(server.changes()).toHaveLength(changes)
  for (const each of server.registered) each.options.authenticationOptions.password = 'lost'
  expect(await side.register({ renew: true })).toEqual({ LoanStatusUpdated: 'update', RailUpdated: 'update' })
  expect(server.registered.map(({ options }) => options.authenticationOptions.password)).toEqual([password, password])
})

test('without a list of events all that the vendor documents are wanted', async () => {
  const side = open({ registration: {} })
  expect(Object.keys(await side.states()).toReversed()).toEqual([
    'LoanStatusUpdated',
    'ComplianceLoanFailed',
    'LoanNoteAdded',
    'RailUpdated',
    'LoanSaleStatusUpdated',
    'BatchPurchaseCompleted',
  ])
})

test('a suspended one is restarted, and gets its credentials again', async () => {
  const side = open()
  await side.register()
  server.registered[0]!.suspended = true
  expect(await side.states()).toMatchObject({ LoanStatusUpdated: 'suspended', RailUpdated: 'ok' })
  expect(await side.register()).toEqual({ LoanStatusUpdated: 'restart', RailUpdated: 'leave' })
  expect(server.registered[0]).toMatchObject({ suspended: false, options: { authenticationOptions: authentication } })
})

test('a wrong URL, other credentials and another method are put right under the id that is there', async () => {
  const [first, second] = [
    server.add('LoanStatusUpdated', 'https://old.lender.example/webhooks'),
    server.add('RailUpdated', `${base}/RailUpdated/`, {
      options: {
        hookType: 'Web',
        httpMethod: 'PUT',
        uri: `${base}/RailUpdated/`,
        authenticationOptions: { authenticationType: 'None' },
      },
    }),
  ]
  const side = open()
  expect(await side.states()).toEqual({
    LoanStatusUpdated: 'wrong URL, other credentials',
    RailUpdated: 'other credentials, other settings',
  })
  expect(await side.register()).toEqual({ LoanStatusUpdated: 'update', RailUpdated: 'update' })
  expect(server.registered.map(({ id, options }) => [id, options.uri])).toEqual([
    [first!.id, `${base}/LoanStatusUpdated`],
    [second!.id, `${base}/RailUpdated`],
  ])
  expect(await side.states()).toEqual({ LoanStatusUpdated: 'ok', RailUpdated: 'ok' })
})

test('what leads here and nobody wants is left unless it is asked for; what leads elsewhere always', async () => {
  const old = server.add('LoanNoteAdded', `${base}/LoanNoteAdded`)
  const theirs = server.add('ComplianceLoanFailed', 'https://other.lender.example/x')
  const stranger = server.add('LoanNoteAdded', `${base}/LoanNoteAdded`, { hookCorrelationId: 'OTH' })
  const side = open()
  expect(await side.states()).toMatchObject({ LoanNoteAdded: 'extra', ComplianceLoanFailed: 'elsewhere' })
  expect(await side.register()).toMatchObject({ LoanNoteAdded: 'leave' })
  expect(server.registered).toContain(old)
  expect(await side.register({ removeExtra: true })).toMatchObject({ LoanNoteAdded: 'remove' })
  expect(server.registered).not.toContain(old)
  expect(server.registered).toEqual(expect.arrayContaining([theirs, stranger]))
})

test('beside an e-mail for the same event, a registration with an id of its own', async () => {
  const mail = server.add('LoanStatusUpdated', '', { options: { hookType: 'Email', to: ['ops@lender.example'] } })
  const side = open()
  expect(await side.register()).toMatchObject({ LoanStatusUpdated: 'create' })
  expect(mail.options).toEqual({ hookType: 'Email', to: ['ops@lender.example'] })
  expect(server.registered.filter(({ hookName }) => hookName === 'LoanStatusUpdated')).toHaveLength(2)
  expect(await side.states()).toMatchObject({ LoanStatusUpdated: 'ok' })
})

test('`beside` leaves another system’s registration of the same event as it is', async () => {
  const theirs = server.add('RailUpdated', 'https://other.lender.example/x')
  const side = open({}, { beside: true })
  expect(await side.register()).toEqual({ LoanStatusUpdated: 'create', RailUpdated: 'create' })
  expect(theirs.options.uri).toBe('https://other.lender.example/x')
  expect(await side.register()).toMatchObject({ RailUpdated: 'leave' })
})

test('the other spelling of an event is that event', async () => {
  const one = server.add('BatchPurchaseComplete', 'https://old.lender.example/x')
  const side = open({ registration: { events: ['BatchPurchaseCompleted'] } })
  expect(await side.register()).toEqual({ BatchPurchaseCompleted: 'update' })
  expect(server.registered).toEqual([one])
  expect(await side.states()).toEqual({ BatchPurchaseCompleted: 'ok' })
})

describe('credentials', () => {
  const kept = () => server.registered[0]!.options

  test('OIDC: the authority, the client and its secret, from the check and from the option', async () => {
    const check = oidc({ issuer: 'https://id.lender.example', audience: 'hooks', clientId: 'arix', scope: ['a', 'b'] })
    const side = open({ check, registration: { events, clientSecret: 'of-the-client' } })
    await side.register()
    expect(kept().authenticationOptions).toEqual({
      authenticationType: 'OIDC',
      authorityUrl: 'https://id.lender.example',
      clientId: 'arix',
      clientSecret: 'of-the-client',
      scope: 'a b',
    })
    expect(await side.register()).toMatchObject({ LoanStatusUpdated: 'leave' })
  })

  test('a header, and a token in the path', async () => {
    await open({ check: apiKey({ header: 'X-Key', key: 'the-key' }), eventHeader: 'X-Event' }).register()
    expect(kept()).toMatchObject({
      headers: { 'X-Key': ['the-key'], 'X-Event': ['LoanStatusUpdated'] },
      authenticationOptions: { authenticationType: 'None' },
    })
    const side = open({ check: pathToken('the-path-token') })
    await side.register()
    expect(kept().uri).toBe(`${base}/the-path-token/LoanStatusUpdated`)
    expect(await side.states()).toMatchObject({ LoanStatusUpdated: 'ok' })
  })

  test('none, where the check wants none', async () => {
    await open({ check: ipAllowlist(arix.addresses.sandbox) }).register()
    await open({ check: unverified('a test') }).register()
    expect(kept().authenticationOptions).toEqual({ authenticationType: 'None' })
  })

  test.each([
    [
      'a client without a secret',
      { check: oidc({ issuer: 'https://id.example', audience: 'a', clientId: 'c' }) },
      'registration.clientSecret: it is not set',
    ],
    [
      'OIDC without a client',
      { check: oidc({ issuer: 'https://id.example', audience: 'a' }) },
      'check: to register OIDC it must name a clientId',
    ],
  ])('%s: the setting is named, and nobody is called', async (_, options, reason) => {
    const read = await open(options as Options).side.read()
    expect(read).toMatchObject({ ok: false, failure: { kind: 'problem', reason: expect.stringContaining(reason) } })
    expect(server.requests).toEqual([])
  })
})

describe('the API', () => {
  let oauth: TestOAuth | undefined
  afterEach(() => oauth?.[Symbol.asyncDispose]())

  test('is called with a token of its OAuth endpoint', async () => {
    oauth = await startOAuth()
    await using strict = await startArix(authorization => /^Bearer ey/.test(authorization))
    const side = open({ api: { baseUrl: strict.url, auth: authOf(oauth) } })
    expect(await side.register()).toMatchObject({ LoanStatusUpdated: 'create' })
    expect(oauth.asked()).toBe(1)
  })

  test('without a token nothing is tried', async () => {
    oauth = await startOAuth()
    oauth.away((_, response) => response.writeHead(401).end('{"error":"invalid_client"}'))
    const side = open({ api: { baseUrl: server.url, auth: authOf(oauth) } })
    const read = await side.side.read()
    expect(read).toMatchObject({
      ok: false,
      failure: { kind: 'away', reason: expect.stringContaining('no token from') },
    })
    expect(JSON.stringify(read)).not.toContain(clientSecret)
  })

  test.each<[string, Trouble, string, string]>([
    ['denies', () => ({ status: 403, body: { message: 'no' } }), 'denied', '403: no'],
    ['fails', () => ({ status: 500 }), 'away', '500'],
    ['hangs up', () => 'hang up', 'away', 'UND_ERR_SOCKET'],
    [
      'answers with something else',
      () => ({ status: 200, body: { result: 'none' } }),
      'refused',
      'no list of registrations',
    ],
    [
      'says no under 200',
      () => ({ status: 200, body: { isSuccessful: false, message: 'closed' } }),
      'refused',
      'but closed',
    ],
  ])('that %s is told as such', async (_, trouble, kind, reason) => {
    server.trouble(trouble)
    expect(await open().side.read()).toMatchObject({
      ok: false,
      failure: { kind, reason: expect.stringContaining(reason) },
    })
  })

  test('that fails midway: the others are made, and which failed is told', async () => {
    server.trouble(({ body }) =>
      body?.hookName === 'LoanStatusUpdated' ? { status: 500, body: { message: 'oh' } } : undefined,
    )
    const side = open()
    expect(await side.register()).toEqual({
      LoanStatusUpdated: 'POST /hooks/v2/registrations: the vendor answered 500: oh',
      RailUpdated: 'create',
    })
    server.trouble(undefined)
    expect(await side.register()).toEqual({ LoanStatusUpdated: 'create', RailUpdated: 'leave' })
  })

  test('that did it and hung up has done it; what comes after is not tried', async () => {
    server.trouble(({ method }) => (method === 'POST' ? 'hang up' : undefined), 'after')
    expect(await open().register()).toEqual({ LoanStatusUpdated: 'create', RailUpdated: 'not tried' })
  })

  test('that says yes and does nothing is not believed', async () => {
    server.trouble(({ method }) => (method === 'POST' ? { status: 200, body: { isSuccessful: true } } : undefined))
    expect(await open().register()).toMatchObject({ LoanStatusUpdated: 'the vendor took it, but it is missing still' })
  })

  test('that repeats what it was sent has its secrets concealed', async () => {
    server.trouble(({ body, headers }) =>
      body === undefined
        ? undefined
        : {
            status: 400,
            body: {
              message: `${JSON.stringify(body.options.authenticationOptions)} ${headers.authorization}\u001b[31m`,
            },
          },
    )
    const told = (await open().register()).LoanStatusUpdated!
    expect(told).toContain('"password":"***"')
    expect(told).not.toMatch(/pässword|the-api-token|\u001b/)
  })
})
