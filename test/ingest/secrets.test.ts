// No secret is ever kept: not in the database, not in its WAL, not in the log; mistyped ones are none the less secrets.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { arix, ballerine, banclo, embarc, generic } from '../../adapters/index.ts'
import { apiKey } from '../../src/checks/api-key.ts'
import { basic } from '../../src/checks/basic.ts'
import { bearer } from '../../src/checks/bearer.ts'
import { anyOf } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { ballerineHeaders, bancloBody, bancloEvent, basicHeader } from '../support/signed.ts'

/** Every one of them is sent somewhere below; none of them may be found anywhere. */
const planted: string[] = []
const plant = (name: string) => {
  const secret = `planted-${name}-c0ffee`
  planted.push(secret, Buffer.from(secret).toString('base64').replace(/=+$/, ''))
  return secret
}

const mapped = { vendor: 'core', id: 'body.id', type: `'thing.happened'` }
const right = { password: plant('password'), bearer: plant('bearer'), key: plant('key'), path: plant('path') }
const config = {
  sources: {
    arix: arix({ partner: 'TST', check: basic({ username: 'arix', password: right.password }) }),
    ballerine: ballerine({
      check: ballerine.signature({ secret: keys.ballerine.hmacSecret }),
      bodyBytesMax: 50_000,
      custom: { mapped: { id: 'id', data: '{refs: {account: metadata.token}}' } },
    }),
    banclo: banclo({
      check: banclo.signature({ secret: keys.banclo.hmacSecret, covers: 'body-without-security' }),
      redact: ['data.metadata.authorEmail', 'data.metadata.größe', 'data.metadata.list.*'],
    }),
    embarc: embarc({ check: pathToken(right.path), redact: ['createdByName', 'request.mobileNo'] }),
    either: embarc({ check: anyOf(pathToken(right.path), basic({ username: 'u', password: right.password })) }),
    bearer: generic({ ...mapped, check: bearer(right.bearer) }),
    key: generic({ ...mapped, check: apiKey({ header: 'X-Core-Key', key: right.key }) }),
    signed: generic({ ...mapped, check: hmac({ header: 'X-Sign', secret: plant('hmac') }) }),
  },
}

const folder = mkdtempSync(join(tmpdir(), 'postern-secrets-'))
let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config, database: join(folder, 'postern.db'), secrets: planted })
})
afterAll(async () => {
  await gateway.close()
  // The WAL is in the file by now.
  expectNowhere()
  rmSync(folder, { recursive: true, force: true })
})

let number = 0
const workflow = (token: string, more = '') =>
  `{"id":"secret-${++number}","eventName":"workflow.completed","workflowRuntimeId":"r",${more}"data":{"metadata":{"token":"${token}"},"entity":1}}`
const genuine = (body: string) => gateway.post('/hooks/ballerine', body, ballerineHeaders(body))

test('Ballerine’s live token is overwritten, wherever the request ends up', async () => {
  const accepted = workflow(plant('accepted'))
  const answer = await genuine(accepted)
  expect(answer.json).toMatchObject({ status: 'accepted' })
  const { id } = answer.json as { id: string }
  const raw = await gateway.api(`/events/${id}/raw`)
  expect(raw.text).toBe(accepted.replace(/planted[^"]*/, text => '*'.repeat(text.length)))
  expect((await gateway.api(`/events/${id}?include=original`)).text).toContain(raw.text)
  // The hash of the body as it came decides: the same again is no conflict.
  expect((await genuine(accepted)).json).toEqual({ id, status: 'duplicate' })
  expect(((await gateway.api('/conflicts')).json as { items: unknown[] }).items).toEqual([])

  const conflicting = accepted.replace('"entity":1', '"entity":2')
  expect((await genuine(conflicting)).json).toMatchObject({ status: 'duplicate' })
  expect(((await gateway.api('/conflicts')).json as { items: unknown[] }).items).toMatchObject([
    { redacted: ['data.metadata.token'] },
  ])

  const waiting = workflow(plant('quarantined')).replace('eventName', 'eventname')
  expect((await genuine(waiting)).json).toMatchObject({ status: 'quarantined' })
  await gateway.post('/hooks/ballerine', workflow(plant('rejected')))
  expect((await gateway.rejections())[0]).toMatchObject({ source: 'ballerine', redacted: ['data.metadata.token'] })
  expectNowhere()
})

test.each([
  ['behind a byte order mark', (token: string) => `\ufeff${workflow(token)}`],
  ['twice', (token: string) => workflow(token).replace('"metadata":', `"metadata":{"token":"${token}2"},"metadata":`)],
  ['by an escaped name', (token: string) => workflow(token).replace('"token"', '"\\u0074oken"')],
  ['as an object', (token: string) => workflow(token).replace(/"(planted[^"]*)"/, '{"a":["$1",{"b":"$1"}]}')],
  ['in JSON that is cut off', (token: string) => workflow(token).slice(0, -1)],
  ['in JSON that ends within it', (token: string) => workflow(token).replace(/"\}.*$/, '')],
  ['beside bytes that are no UTF-8', (token: string) => workflow(token, '"x":"\u00ff",')],
  ['beside 10,000 levels', (token: string) => workflow(token, `"x":${'['.repeat(10_000)}${']'.repeat(10_000)},`)],
  ['below another member', (token: string) => workflow(token).replace('"data":', '"result":')],
])('the token %s', async (name, bodyOf) => {
  const text = bodyOf(plant(name.replaceAll(/[^a-z]/g, '-')))
  const body = name.includes('UTF-8') ? Buffer.from(text, 'latin1') : Buffer.from(text)
  expect((await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))).status).toBe(200)
  await gateway.post('/hooks/ballerine', body)
  expectNowhere()
})

test('the token in what is too large to be kept whole, and in a custom webhook with its mapping', async () => {
  const large = workflow(plant('large')).replace('"entity":1', `"entity":"${'x'.repeat(60_000)}"`)
  expect((await genuine(large)).status).toBe(413)
  for (const name of ['mapped', 'other']) {
    const body = `{"id":"${name}","metadata":{"token":"${plant(`custom-${name}`)}"}}`
    const answer = await gateway.post(`/hooks/ballerine/custom/${name}`, body, ballerineHeaders(body))
    expect(answer.json).toMatchObject({ status: 'accepted' })
  }
  const zipped = workflow(plant('zipped'))
  const headers = { ...ballerineHeaders(zipped), 'Content-Encoding': 'gzip' }
  expect((await gateway.post('/hooks/ballerine', gzipSync(zipped), headers)).json).toMatchObject({ status: 'accepted' })
  expectNowhere()
})

test('what a source redacts is not in the event either', async () => {
  const body = bancloBody(
    bancloEvent('evt_redacted', event => {
      event.eventType = 'message.received'
      ;(event.data as Record<string, unknown>).metadata = {
        authorType: 'user',
        authorName: 'Ada',
        authorEmail: plant('email'),
        größe: plant('non-ascii'),
        list: [plant('list'), { inner: plant('inner') }],
      }
    }),
  )
  const answer = await gateway.post('/hooks/banclo', body)
  expect(answer.json).toMatchObject({ status: 'accepted' })
  const { id } = answer.json as { id: string }
  const event = (await gateway.api(`/events/${id}`)).json as { data: { actor: { name: string; email: string } } }
  expect(event.data.actor).toMatchObject({ name: 'Ada', email: expect.stringMatching(/^\*+$/) })
  expect((await gateway.post('/hooks/banclo', body)).json).toEqual({ id, status: 'duplicate' })
  expectNowhere()
})

test('fields of a form, by their names however they are written', async () => {
  const form = (name: string, secret: string) =>
    `entityName=CLIENT&actionName=CREATE&clientId=1&${name}=${secret}&response=%7BclientId%3D1%7D`
  for (const name of ['createdByName', 'createdBy%4eame']) {
    const answer = await gateway.post(`/hooks/embarc/${right.path}`, form(name, plant(`form-${name.length}`)), {
      'content-type': 'application/x-www-form-urlencoded',
    })
    expect(answer.status).toBe(200)
  }
  expectNowhere()
})

test('credentials, right and mistyped', async () => {
  const client = '{"id":"credentials"}'
  const wrong = (name: string) => plant(`wrong-${name}`)
  const posts: [path: string, headers: Record<string, string>][] = [
    ['/hooks/arix', { authorization: basicHeader('arix', right.password) }],
    ['/hooks/arix', { authorization: basicHeader('arix', wrong('password')) }],
    ['/hooks/arix', { authorization: `Basic ${wrong('not-base64')}` }],
    ['/hooks/arix', { authorization: wrong('no-scheme') }],
    ['/hooks/arix', { 'X-Authorization': wrong('x-authorization'), Cookie: `session=${wrong('cookie')}` }],
    ['/hooks/bearer', { authorization: `Bearer ${right.bearer}` }],
    ['/hooks/bearer', { authorization: `Bearer ${wrong('bearer')}` }],
    ['/hooks/key', { 'x-core-key': right.key }],
    ['/hooks/key', { 'X-CORE-KEY': wrong('key') }],
    ['/hooks/signed', { 'X-Sign': wrong('signature'), 'X-Api-Key': wrong('api-key') }],
    ['/hooks/ballerine', { 'X-Authorization': wrong('ballerine'), 'X-HMAC-Signature': wrong('mac') }],
    [`/hooks/embarc/${right.path}/`, {}],
    [`/hooks/embarc/${wrong('path')}/`, {}],
    [`/hooks/either/${right.path}`, {}],
    [`/hooks/either/${wrong('either')}`, {}],
    ['/hooks/either', { authorization: basicHeader('u', right.password) }],
  ]
  for (const [path, headers] of posts) await gateway.post(path, client, headers)
  await expect.poll(async () => (await gateway.rejections()).filter(({ source }) => source === 'embarc').length).toBe(1)
  for (const list of ['/rejections', '/quarantine', '/events']) {
    const { text } = await gateway.api(`${list}?limit=500`)
    for (const secret of planted) expect(text).not.toContain(secret)
  }
  expectNowhere()
})

test('nor after a recheck, which needed them', async () => {
  for (const source of Object.keys(config.sources)) {
    const answer = await gateway.api('/rejections/recheck', { method: 'POST', body: JSON.stringify({ source }) })
    expect(answer.json).toMatchObject({ admitted: 0, quarantined: 0 })
  }
  expectNowhere()
})

/** Looks through every file beside the database, byte for byte. */
function expectNowhere(): void {
  const files = readdirSync(folder)
  expect(files).toContain('postern.db')
  for (const file of files) {
    const bytes = readFileSync(join(folder, file))
    const found = [...planted, keys.ballerine.hmacSecret, keys.banclo.hmacSecret].filter(secret =>
      bytes.includes(secret),
    )
    expect({ file, found }).toEqual({ file, found: [] })
  }
}
