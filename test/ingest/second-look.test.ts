// What did not get in gets a second look: released when an adapter has learnt it, admitted when a secret of ours is right.
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine, banclo, embarc, generic } from '../../adapters/index.ts'
import { basic } from '../../src/checks/basic.ts'
import { anyOf } from '../../src/checks/combine.ts'
import { jwt } from '../../src/checks/jwt.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import type { Config } from '../../src/config/config.ts'
import { fixture, keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { ballerineHeaders, bancloBody, bancloEvent, basicHeader } from '../support/signed.ts'

const first = Date.parse('2026-03-01T10:00:00.123Z')
const later = Date.parse('2026-03-02T12:00:00.456Z')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-second-look-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs `use` on a gateway of its own over the named database. */
async function over<Value>(
  name: string,
  config: Config,
  now: number,
  use: (gateway: TestGateway) => Promise<Value>,
  more: Partial<TestGatewayOptions> = {},
): Promise<Value> {
  const database = join(folder, `${name}.db`)
  const gateway = await startTestGateway({ config, database, clock: { now: () => now }, ...more })
  try {
    return await use(gateway)
  } finally {
    await gateway.close()
  }
}

const post = (gateway: TestGateway, path: string, body?: object) =>
  gateway.api(path, { method: 'POST', ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
const release = (gateway: TestGateway, filter?: object) =>
  post(gateway, '/quarantine/release', filter === undefined ? undefined : { filter })
const recheck = (gateway: TestGateway, source: string) => post(gateway, '/rejections/recheck', { source })

describe('release', () => {
  const before: Config = {
    sources: { plain: plain({ unknown: ['plain.new', 'plain.newer'] }), other: plain({ unknown: ['plain.new'] }) },
  }
  const after: Config = { sources: { plain: plain({ unknown: ['plain.newer'] }), other: plain() } }

  test('lets out what the adapter has learnt: at the head, with its own receipt time and bytes', async () => {
    const waiting = plainBody({ key: 'w1', type: 'plain.new', subject: 'loan/W1', soft: 'w' })
    const ids = await over('release', before, first, async gateway => {
      const requests = []
      for (const [path, body] of [
        ['/hooks/plain/the/rest?a=1', waiting],
        ['/hooks/plain', plainBody({ key: 'w2', type: 'plain.newer' })],
        ['/hooks/other', plainBody({ key: 'w3', type: 'plain.new' }, { key: 'w4' })],
        ['/hooks/other', 'never a list'],
      ] as const) {
        const answer = (await gateway.post(path, body)).json as { request: string; status: string }
        expect(answer.status).toBe('quarantined')
        requests.push(answer.request)
      }
      expect((await release(gateway)).json).toEqual({ released: 0, waiting: 4 })
      expect((await gateway.post('/hooks/plain', plainBody({ key: 'before' }))).status).toBe(200)
      expect(await gateway.quarantine()).toHaveLength(4)
      return requests
    })

    await over('release', after, later, async gateway => {
      await gateway.post('/hooks/plain', plainBody({ key: 'w1-again', soft: 'w' }))
      expect((await release(gateway, { source: 'plain' })).json).toEqual({ released: 1, waiting: 1 })
      // Oldest first, by sequence: what came in before it has a lower one.
      expect(await gateway.events()).toMatchObject([
        { vendor: 'plain', type: 'plain.happened' },
        { vendor: 'plain', type: 'plain.happened' },
        {
          type: 'plain.new',
          subject: 'loan/W1',
          receivedtime: '2026-03-01T10:00:00.123Z',
          time: '2026-03-01T10:00:00.123Z',
        },
      ])
      const [event] = (await gateway.events()).slice(-1)
      expect((await gateway.api(`/events/${String(event?.id)}/raw`)).text).toBe(waiting)
      expect((await gateway.post('/hooks/plain/the/rest?a=1', waiting)).json).toEqual({
        id: event?.id,
        status: 'duplicate',
      })

      expect((await release(gateway, { id: ids[2] })).json).toEqual({ released: 2, waiting: 0 })
      expect((await release(gateway, { id: ids[2] })).json).toEqual({ released: 0, waiting: 0 })
      expect((await gateway.quarantine()).map(({ id }) => id)).toEqual([ids[3], ids[1]])
      const sequences = (await gateway.events()).map(({ sequence }) => Number(sequence))
      expect(sequences).toHaveLength(5)
      expect(new Set(sequences).size).toBe(5)
      expect(sequences).toEqual(sequences.toSorted((a, b) => a - b))
      // A reader by time finds it where it was received.
      const received = await gateway.api('/events?receivedBefore=2026-03-02T00:00:00Z&order=oldest')
      expect((received.json as { items: object[] }).items).toHaveLength(4)
    })
  })

  test('twice at once is once', async () => {
    const body = plainBody({ key: 'at once', type: 'plain.new' })
    await over('release-twice', before, first, gateway => gateway.post('/hooks/plain', body))
    await over('release-twice', after, later, async gateway => {
      const answers = await Promise.all([release(gateway), release(gateway), gateway.post('/hooks/plain', body)])
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
      expect(await gateway.events()).toHaveLength(1)
      expect(await gateway.quarantine()).toEqual([])
    })
  })

  test('more than a page of them, some of which go on waiting', async () => {
    await over('release-many', before, first, async gateway => {
      for (let index = 100; index < 220; index++) {
        const type = index % 3 === 0 ? 'plain.newer' : 'plain.new'
        await gateway.post('/hooks/plain', plainBody({ key: `k${index}`, subject: `loan/${index}`, type }))
      }
    })
    await over('release-many', after, later, async gateway => {
      expect((await release(gateway)).json).toEqual({ released: 80, waiting: 40 })
      const subjects = (await gateway.events()).map(({ subject }) => subject)
      expect(subjects).toHaveLength(80)
      expect(subjects, 'in the order in which they came').toEqual([...subjects].sort())
    })
  })

  test('a mapping that was wrong is put right', async () => {
    const check = ballerine.signature({ secret: keys.ballerine.hmacSecret })
    const mapped = (amount: string): Config => ({
      sources: {
        ballerine: ballerine({
          check,
          custom: { book: { id: 'id', type: "'loan.created'", data: `{refs: {loan: loan}, amount: ${amount}}` } },
        }),
      },
    })
    const body = '{"id":"b1","loan":"L1","sum":"9007199254740993.10"}'
    await over('mapping', mapped("'no amount'"), first, async gateway => {
      const answer = await gateway.post('/hooks/ballerine/custom/book', body, ballerineHeaders(body))
      expect(answer.json).toMatchObject({ status: 'quarantined' })
    })
    await over('mapping', mapped("{value: sum, currency: 'EUR'}"), later, async gateway => {
      expect((await release(gateway)).json).toEqual({ released: 1, waiting: 0 })
      expect(await gateway.events()).toMatchObject([
        {
          type: 'loan.created',
          data: { refs: { loan: 'L1' }, amount: { value: '9007199254740993.10', currency: 'EUR' } },
        },
      ])
    })
  })

  test('discard: gone for good, and only once', async () => {
    await over('discard', before, first, async gateway => {
      const { request } = (await gateway.post('/hooks/plain', 'nothing')).json as { request: string }
      expect((await post(gateway, `/quarantine/${request}/discard`)).json).toEqual({ discarded: true })
      for (const id of [request, 'req_00000000000000000000000000', 'req_x', 'evt_1', '__proto__']) {
        expect([id, (await post(gateway, `/quarantine/${id}/discard`)).status]).toEqual([id, 404])
      }
      expect((await gateway.api(`/quarantine/${request}`)).status).toBe(404)
      expect((await gateway.post('/hooks/plain', 'nothing')).json).toEqual({ request, status: 'quarantined' })
    })
  })

  test('what is asked wrongly is refused, and nothing is released', async () => {
    await over('release-wrong', before, first, async gateway => {
      for (const body of [
        '{',
        '[]',
        '{"filter":{"sources":"x"}}',
        '{"filters":{}}',
        '{"filter":{"source":5}}',
        'null',
      ]) {
        const answer = await gateway.api('/quarantine/release', { method: 'POST', body })
        expect([body, answer.status]).toEqual([body, 400])
        expect(answer.json).toMatchObject({ code: 'bad_request', errors: [{ detail: expect.any(String) }] })
      }
      expect((await release(gateway, { id: 'req_wrong' })).status).toBe(404)
      expect((await release(gateway, { source: 'nobody' })).json).toEqual({ released: 0, waiting: 0 })
    })
  })
})

describe('recheck, after a wrong secret of ours is put right', () => {
  const password = 'right-password'
  const withSecrets = (right: boolean): Config => ({
    sources: {
      banclo: banclo({
        check: banclo.signature({ secret: right ? keys.banclo.hmacSecret : 'wrong', covers: 'body-without-security' }),
      }),
      arix: arix({ partner: 'TST', check: basic({ username: 'arix', password: right ? password : 'wrong' }) }),
      embarc: embarc({ check: pathToken(right ? 't0ken-in-path' : 'wrong'), currency: 'USD' }),
      ballerine: ballerine({ check: ballerine.signature({ secret: right ? keys.ballerine.hmacSecret : 'wrong' }) }),
      sub: ballerine({
        check: anyOf(pathToken(right ? 'sub-token' : 'wrong'), ballerine.signature({ secret: 'never used' })),
      }),
      jwt: generic({
        vendor: 'core',
        id: 'body.id',
        type: `'thing.happened'`,
        check: jwt({ secret: right ? 'jwt-secret' : 'wrong', algorithms: ['HS256'] }),
      }),
    },
  })
  const workflow = '{"id":"r1","eventName":"workflow.completed","data":{"metadata":{"token":"live-token-1"}}}'
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${part({ alg: 'HS256' })}.${part({ exp: first / 1000 + 60 })}`
  const token = `${content}.${createHmac('sha256', 'jwt-secret').update(content).digest('base64url')}`
  const requests: [source: string, path: string, body: string, headers: Record<string, string>, status: number][] = [
    ['banclo', '/hooks/banclo', bancloBody(bancloEvent('evt_recheck')), {}, 401],
    [
      'arix',
      '/hooks/arix/RailUpdated',
      fixture('arix', 'RailUpdated').body,
      { authorization: basicHeader('arix', password) },
      401,
    ],
    ['embarc', '/hooks/embarc/t0ken-in-path/', fixture('embarc', 'CLIENT.CREATE').body, {}, 404],
    ['ballerine', '/hooks/ballerine', workflow, ballerineHeaders(workflow), 401],
    ['sub', '/hooks/sub/sub-token/custom/book', '{"id":"sub"}', {}, 401],
    ['jwt', '/hooks/jwt', '{"id":"jwt"}', { authorization: `Bearer ${token}` }, 401],
  ]
  const secrets = [password, 'live-token-1', 'sub-token', token, 'jwt-secret']

  const knockInVain = (name: string, more: Partial<TestGatewayOptions> = {}) =>
    over(
      name,
      withSecrets(false),
      first,
      async gateway => {
        for (const [, path, body, headers, status] of requests) {
          expect([path, (await gateway.post(path, body, headers)).status]).toEqual([path, status])
        }
        // What nobody could have signed is there too.
        for (const { 0: source } of requests)
          await gateway.post(`/hooks/${source}/x`, '{"forged":1}', { authorization: 'Basic Og==' })
        await expect.poll(async () => (await gateway.rejections()).length).toBe(requests.length * 2)
      },
      { secrets, ...more },
    )

  test('the vendors’ genuine requests are admitted as they came, and nobody else’s', async () => {
    await knockInVain('recheck')
    await over(
      'recheck',
      withSecrets(true),
      later,
      async gateway => {
        for (const [source, , body] of requests) {
          expect([source, (await recheck(gateway, source)).json]).toEqual([
            source,
            { admitted: 1, quarantined: 0, refused: 1 },
          ])
          const event = (await gateway.events(`&source=${source}`))[0]
          expect(event).toMatchObject({ source: `/sources/${source}`, receivedtime: '2026-03-01T10:00:00.123Z' })
          const raw = await gateway.api(`/events/${String(event?.id)}/raw`)
          expect(raw.text).toBe(body.replace('live-token-1', '*'.repeat(12)))
          expect((await recheck(gateway, source)).json).toEqual({ admitted: 0, quarantined: 0, refused: 1 })
        }
        expect((await gateway.events()).map(({ type }) => type)).toEqual([
          'loan.status_changed',
          'disbursement.status_changed',
          'client.created',
          'workflow.completed',
          'ballerine.custom.book',
          'custom.core.thing.happened',
        ])
        // The vendor's own retry comes after all.
        for (const [source, path, body, headers] of requests.filter(([source]) => source !== 'jwt')) {
          const answer = await gateway.post(path, body, headers)
          expect([source, answer.json]).toEqual([source, expect.objectContaining({ status: 'duplicate' })])
        }
        expect(((await gateway.api('/conflicts')).json as { items: object[] }).items).toEqual([])
        expect((await gateway.api('/rejections')).text).not.toContain('sub-token')
        expect((await gateway.api('/events?include=original')).text).not.toContain('live-token-1')
      },
      { secrets },
    )
  })

  test('what is genuine and not understood goes to quarantine, from where it can be released', async () => {
    const check = (right: boolean) => basic({ username: 'u', password: right ? 'plain-password' : 'wrong' })
    const config = (right: boolean, unknown: string[]): Config => ({
      sources: { plain: plain({ check: check(right), unknown }) },
    })
    const body = plainBody({ key: 'twice removed', type: 'plain.new' })
    const headers = { authorization: basicHeader('u', 'plain-password') }
    await over('requarantine', config(false, ['plain.new']), first, gateway =>
      gateway.post('/hooks/plain/a/b', body, headers),
    )
    await over('requarantine', config(true, ['plain.new']), later, async gateway => {
      expect((await recheck(gateway, 'plain')).json).toEqual({ admitted: 0, quarantined: 1, refused: 0 })
      expect(await gateway.rejections()).toEqual([])
      expect(await gateway.quarantine()).toMatchObject([{ receivedAt: '2026-03-01T10:00:00.123Z', rest: 'a/b' }])
      // The same request, sent again, waits under the same id.
      await gateway.post('/hooks/plain/a/b', body, headers)
      expect(await gateway.quarantine()).toHaveLength(1)
    })
    await over('requarantine', config(true, []), later, async gateway => {
      expect((await release(gateway)).json).toEqual({ released: 1, waiting: 0 })
      expect(await gateway.events()).toMatchObject([{ type: 'plain.new', receivedtime: '2026-03-01T10:00:00.123Z' }])
    })
  })

  test('they are admitted in the order in which they came, since a loan’s story has one', async () => {
    const config = (right: boolean): Config => ({
      sources: { plain: plain({ check: basic({ username: 'u', password: right ? 'plain-password' : 'wrong' }) }) },
    })
    const headers = { authorization: basicHeader('u', 'plain-password') }
    const keys = Array.from({ length: 45 }, (_, index) => `step-${index + 100}`)
    await over('in-order', config(false), first, async gateway => {
      for (const key of keys) await gateway.post('/hooks/plain', plainBody({ key, subject: `loan/${key}` }), headers)
    })
    await over('in-order', config(true), later, async gateway => {
      expect((await recheck(gateway, 'plain')).json).toEqual({ admitted: 45, quarantined: 0, refused: 0 })
      expect((await gateway.events()).map(({ subject }) => subject)).toEqual(keys.map(key => `loan/${key}`))
    })
  })

  test.each([
    ['another admin token', {}, { POSTERN_ADMIN_TOKEN: 'another-admin-token-0123' }],
    [
      'another POSTERN_KEY',
      { POSTERN_KEY: 'a-key-of-sixteen-or-more' },
      { POSTERN_KEY: 'another-key-of-sixteen-or-more' },
    ],
    ['a POSTERN_KEY where there was none', {}, { POSTERN_KEY: 'a-key-of-sixteen-or-more' }],
  ])('%s: refused, and still there', async (name, before, after) => {
    await knockInVain(name, { env: before })
    await over(
      name,
      withSecrets(true),
      later,
      async gateway => {
        for (const [source] of requests) {
          expect((await recheck(gateway, source)).json).toEqual({ admitted: 0, quarantined: 0, refused: 2 })
        }
        expect(await gateway.rejections()).toHaveLength(requests.length * 2)
        expect(await gateway.events()).toEqual([])
      },
      { env: after, secrets },
    )
    await over(
      name,
      withSecrets(true),
      later,
      async gateway => {
        expect((await recheck(gateway, 'arix')).json).toEqual({ admitted: 1, quarantined: 0, refused: 1 })
      },
      { env: before, secrets },
    )
  })

  test('a POSTERN_KEY outlives a changed admin token', async () => {
    const env = { POSTERN_KEY: 'a-key-of-sixteen-or-more' }
    await knockInVain('key-kept', { env })
    await over(
      'key-kept',
      withSecrets(true),
      later,
      async gateway => {
        expect((await recheck(gateway, 'banclo')).json).toEqual({ admitted: 1, quarantined: 0, refused: 1 })
      },
      { env: { ...env, POSTERN_ADMIN_TOKEN: 'another-admin-token-0123' }, secrets },
    )
  })

  test('a source that is not there, or a body that is wrong: 400', async () => {
    await over('recheck-wrong', withSecrets(true), first, async gateway => {
      for (const body of ['{}', '{"source":"nobody"}', '{"source":"__proto__"}', '{"source":"arix","all":true}', 'x']) {
        const answer = await gateway.api('/rejections/recheck', { method: 'POST', body })
        expect([body, answer.status]).toEqual([body, 400])
      }
    })
  })
})
