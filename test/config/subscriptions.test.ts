// Subscriptions of the configuration file: each option checked when it is set, its default, and its secrets kept.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Config, Subscription } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { lazy } from '../../src/config/handler.ts'
import { type HttpOptions, http } from '../../src/config/http.ts'
import { secret } from '../../src/config/secret.ts'
import { specOf, specsOf, subscriptionSecrets, subscriptionUses } from '../../src/config/subscriptions.ts'
import { validateConfig } from '../../src/config/validate.ts'
import { publicForm } from '../../src/delivery/public-form.ts'
import { openSpec, sealSpec } from '../../src/delivery/sealed-spec.ts'
import type { HttpSpec } from '../../src/delivery/subscription.ts'
import { sealedBox } from '../../src/ingest/sealed-box.ts'
import { plain } from '../support/plain-adapter.ts'

const url = 'http://127.0.0.1:9000/events'
const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const older = `whsec_${Buffer.alloc(24, 8).toString('base64')}`
const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

function problemsOf(subscriptions: unknown): readonly string[] {
  try {
    validateConfig({ sources: { plain: plain() }, subscriptions } as Config)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).problems
  }
  return []
}
const problemsOfOptions = (options: unknown) => problemsOf({ a: { to: http({ url }), ...(options as object) } })
const problemsOfHttp = (options: unknown) => problemsOf({ a: { to: { ...http({ url }), ...(options as object) } } })

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-subscriptions-'))
  writeFileSync(join(folder, 'ca.pem'), pem)
  writeFileSync(join(folder, 'other.txt'), 'no PEM')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the defaults', () => {
  const defaults = {
    name: 'a',
    origin: 'config',
    types: [],
    vendorTypes: [],
    sources: [],
    filter: null,
    concurrency: 16,
    rate: null,
    order: 'none',
    onDead: 'hold',
    retry: {
      scheduleMs: [
        0, 5_000, 60_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
      ],
      jitter: 0.2,
    },
    breaker: { failures: 10, coolDownMs: 30_000 },
    timeoutMs: 15_000,
    include: [],
    skipSame: false,
    start: 'now',
  }

  test('of an HTTP destination', () => {
    expect(specOf('a', { to: http({ url }) })).toEqual({
      ...defaults,
      to: {
        kind: 'http',
        url,
        format: 'cloudevent',
        secrets: [],
        headers: {},
        deadOn: [],
        connectTimeoutMs: 5_000,
        headersTimeoutMs: 10_000,
        bodyTimeoutMs: 10_000,
      },
    })
  })

  test('of a handler, and of one that is loaded', () => {
    const handler = { ...defaults, to: { kind: 'handler', memoryMiB: 128 } }
    expect(specOf('a', { to: () => {} })).toEqual(handler)
    expect(specOf('a', { to: lazy(async () => ({ default: () => {} })) })).toEqual(handler)
    expect(specOf('a', { to: () => {}, memoryMiB: 512 }).to).toEqual({ kind: 'handler', memoryMiB: 512 })
  })

  test('some of an option leaves the rest of it as it was', () => {
    const spec = specOf('a', { to: http({ url }), retry: { jitter: 0 }, breaker: { failures: 3 } })
    expect(spec.retry).toEqual({ ...defaults.retry, jitter: 0 })
    expect(spec.breaker).toEqual({ failures: 3, coolDownMs: 30_000 })
  })
})

test('a misspelt option is no option', () => {
  // @ts-expect-error
  const of = () => http({ url, secrets: key })
  // @ts-expect-error
  const format = () => http({ url, format: 'slack' })
  // @ts-expect-error
  const auth = () => http({ url, auth: { kind: 'basic', token: 'x' } })
  const whole: Subscription = {
    to: http({ url }),
    // @ts-expect-error
    order: 'lane',
  }
  expect([of, format, auth, whole]).toHaveLength(4)
})

test('every option reaches the spec', () => {
  const options: Subscription = {
    types: ['loan.*', 'custom.nobody.knows', 'postern.*'],
    vendorTypes: ['loan_request.*'],
    sources: ['banclo*'],
    filter: "data.status.phase == 'offered'",
    concurrency: 1,
    rate: { limit: 5, intervalMs: 1_000 },
    order: 'subject',
    onDead: 'skip',
    retry: { scheduleMs: [0, 1_000], jitter: 1 },
    breaker: { failures: 1, coolDownMs: 1 },
    timeoutMs: 100,
    include: ['original'],
    skipSame: true,
    start: { sequence: 5 },
    to: http({
      url: 'https://user-service.internal:8443/a/b?c=d',
      secret: [key, older],
      format: 'original',
      headers: { 'X-Tenant': 'eu' },
      auth: {
        kind: 'oauth',
        tokenUrl: 'https://id/token',
        clientId: 'me',
        clientSecret: 'cs',
        scopes: ['a'],
        audience: 'b',
      },
      tls: { cert: pem, key: pem, ca: join(folder, 'ca.pem') },
      proxy: 'http://user:pass@proxy:3128',
      deadOn: [400, 422],
      connectTimeoutMs: 1,
      headersTimeoutMs: 2,
      bodyTimeoutMs: 3,
    }),
  }
  expect(problemsOf({ a: options })).toEqual([])
  const { to, ...rest } = options
  const { secret: _, ...given } = to as HttpOptions
  expect(specOf('a', options)).toEqual({
    ...rest,
    name: 'a',
    origin: 'config',
    to: { ...given, kind: 'http', secrets: [key, older], tls: { cert: pem, key: pem, ca: pem } },
  })
})

describe('each option is checked, by its name', () => {
  test.each<[options: object, problem: RegExp]>([
    [{ types: [] }, /types: expected at least one glob/],
    [{ types: 'loan.*' }, /types: expected a list of globs over types/],
    [{ types: [''] }, /types\.0: expected a glob, got an empty text/],
    [{ types: ['loan.*', 5] }, /types\.1: expected a glob, got 5/],
    [{ types: ['x'.repeat(201)] }, /types\.0: expected at most 200 characters/],
    [{ types: Array(101).fill('x') }, /types: expected at most 100$/],
    [{ vendorTypes: [] }, /vendorTypes: expected at least one glob/],
    [{ sources: [null] }, /sources\.0: expected a glob, got null/],
    [{ filter: '' }, /filter: expected a JMESPath expression/],
    [{ filter: 'a[' }, /filter: expected a JMESPath expression/],
    [{ filter: 5 }, /filter: expected a JMESPath expression, got 5/],
    [{ filter: '[@,@][] | [@,@][]' }, /filter: .*contains\(\)/],
    [{ filter: 'a'.repeat(2_000) }, /filter: expected at most 1024 characters/],
    [{ concurrency: 0 }, /concurrency: expected a whole number from 1 to 1000, got 0/],
    [{ concurrency: 1.5 }, /concurrency: expected a whole number/],
    [{ concurrency: '16' }, /concurrency: expected a whole number from 1 to 1000, got "16"/],
    [{ concurrency: Number.NaN }, /concurrency: expected a whole number/],
    [{ concurrency: Number.POSITIVE_INFINITY }, /concurrency: expected a whole number/],
    [{ rate: 5 }, /rate: expected an object such as/],
    [{ rate: { limit: 5 } }, /rate\.intervalMs: expected a whole number from 1 to 3600000, got undefined/],
    [{ rate: { limit: 0, intervalMs: 1 } }, /rate\.limit: expected a whole number/],
    [{ rate: { limit: 1, intervalMs: 1, interval: 1 } }, /rate\.interval: there is no such option/],
    [{ order: 'lane' }, /order: expected 'none' or 'subject', got "lane"/],
    [{ onDead: true }, /onDead: expected 'hold' or 'skip', got true/],
    [{ retry: { scheduleMs: [] } }, /retry\.scheduleMs: expected at least one attempt/],
    [{ retry: { scheduleMs: [-1] } }, /retry\.scheduleMs\.0: expected a whole number from 0/],
    [{ retry: { scheduleMs: Array(51).fill(0) } }, /retry\.scheduleMs: expected at most 50$/],
    [{ retry: { scheduleMs: [8 * 86_400_000] } }, /retry\.scheduleMs\.0: expected a whole number/],
    [{ retry: { jitter: 1.1 } }, /retry\.jitter: expected a share from 0 to 1/],
    [{ retry: { jitter: -0.1 } }, /retry\.jitter: expected a share from 0 to 1/],
    [{ retry: { attempts: 5 } }, /retry\.attempts: there is no such option/],
    [{ breaker: { failures: 0 } }, /breaker\.failures: expected a whole number/],
    [{ breaker: { coolDownMs: 3_600_001 } }, /breaker\.coolDownMs: expected a whole number/],
    [{ breaker: false }, /breaker: expected an object such as/],
    [{ timeoutMs: 0 }, /timeoutMs: expected a whole number from 1 to 600000, got 0/],
    [{ include: 'original' }, /include: expected a list/],
    [{ include: ['everything'] }, /include\.0: expected 'original', got "everything"/],
    [{ skipSame: 'yes' }, /skipSame: expected true or false, got "yes"/],
    [{ start: 'then' }, /start: expected 'now', 'beginning'/],
    [{ start: { sequence: -1 } }, /start: expected 'now'/],
    [{ start: { time: '2026-01-31' } }, /start: expected 'now'/],
    [{ start: { time: '2026-02-30T10:00:00Z' } }, /start: expected 'now'/],
    [{ start: { time: '2026-01-31T10:00:00' } }, /start: expected 'now'/],
    // No moment that a clock here ever shows.
    [{ start: { time: '2016-12-31T23:59:60Z' } }, /start: expected 'now'/],
    [{ start: { sequence: 1, time: '2026-01-31T10:00:00Z' } }, /start: expected 'now'/],
    [{ memoryMiB: 64 }, /memoryMiB: only a handler/],
    [{ to: () => {}, memoryMiB: 1 }, /memoryMiB: expected a whole number from 16/],
    [{ to: undefined }, /to: expected a function, lazy\(\(\) => import\(…\)\) or http\(\{ url \}\)/],
    [{ to: 'http://x' }, /to: expected a function/],
    [{ to: {} }, /to: expected a function/],
    [{ tpyes: ['x'] }, /tpyes: there is no such option/],
  ])('%o', (options, problem) => {
    const problems = problemsOfOptions(options)
    expect(problems).toEqual([expect.stringMatching(problem)])
    expect(problems[0]).toMatch(/^subscriptions\.a\./)
  })

  test.each<[options: object, problem: RegExp]>([
    [{ url: 'nowhere' }, /url: expected an http or https URL/],
    [{ url: 'ftp://x/' }, /url: expected an http or https URL/],
    [{ url: undefined }, /url: expected an http or https URL/],
    [{ url: new URL(url) }, /url: expected an http or https URL/],
    [{ url: 'https://x/#part' }, /url: expected a URL without a fragment/],
    [{ url: 'https://x/#' }, /url: expected a URL without a fragment/],
    [{ url: 'https://someone:hidden@x/' }, /url: credentials are not taken from a URL: say auth/],
    [{ url: 'https://someone@x/' }, /url: credentials are not taken from a URL/],
    [{ url: `https://x/${'a'.repeat(2_048)}` }, /url: expected at most 2048 characters/],
    [{ secret: '' }, /secret: expected `whsec_`/],
    [{ secret: [] }, /secret: expected at least one secret/],
    [{ secret: 'plain-text-hidden' }, /secret: expected `whsec_`/],
    [{ secret: [key, 'whsec_hidden'] }, /secret\.1: expected `whsec_`/],
    [{ secret: 5 }, /secret: expected a signing secret/],
    [{ secret: Array(11).fill(key) }, /secret: expected at most 10 secrets/],
    [{ format: 'xml' }, /format: expected 'cloudevent' or 'original'/],
    [{ headers: [] }, /headers: expected an object of texts/],
    [{ headers: { 'a b': 'x' } }, /headers\.a b: expected a header's name/],
    [{ headers: { Host: 'x' } }, /headers\.Host: this header is set by Postern itself/],
    [{ headers: { 'Webhook-Id': 'x' } }, /headers\.Webhook-Id: this header is set/],
    [{ headers: { 'content-type': 'x' } }, /headers\.content-type: this header is set/],
    [{ headers: { 'x-a': 'x', 'X-A': 'y' } }, /headers\.X-A: expected it once/],
    [{ headers: { 'x-a': 'a\r\nb: hidden' } }, /headers\.x-a: expected a value without line ends/],
    [{ headers: { 'x-a': 5 } }, /headers\.x-a: expected a text/],
    [{ headers: { 'x-a': '' } }, /headers\.x-a: expected a text/],
    [{ auth: 'hidden' }, /auth: expected an object of kind 'basic', 'bearer' or 'oauth'/],
    [{ auth: { kind: 'digest' } }, /auth.*: expected an object of kind/],
    [
      { auth: { kind: 'basic', username: 'a:b', password: 'x' } },
      /auth\.username: expected a user name without colons/,
    ],
    [{ auth: { kind: 'basic', username: 'a' } }, /auth\.password: expected a text/],
    [{ auth: { kind: 'bearer', token: '' } }, /auth\.token: expected a text/],
    [{ auth: { kind: 'bearer', token: 'x\r\ny: z' } }, /auth\.token: expected a token without line ends/],
    [{ auth: { kind: 'bearer', token: 'tok€n' } }, /auth\.token: expected a token without line ends/],
    [{ auth: { kind: 'bearer', token: 'x', scheme: 'y' } }, /auth\.scheme: there is no such option/],
    [
      { auth: { kind: 'oauth', tokenUrl: 'https://u:hidden@x', clientId: 'a', clientSecret: 'b' } },
      /auth\.tokenUrl: credentials are not taken/,
    ],
    [
      { auth: { kind: 'oauth', tokenUrl: 'https://x', clientId: 'a', clientSecret: 'b', scopes: ['a b'] } },
      /auth\.scopes\.0: expected a scope/,
    ],
    [{ tls: { cert: pem } }, /tls\.key: expected `key` beside `cert`/],
    [{ tls: { ca: '/no/such/file' } }, /tls\.ca: expected PEM text, or the path of a file that can be read \(ENOENT\)/],
    [{ tls: { pfx: 'x' } }, /tls\.pfx: there is no such option/],
    [{ proxy: 'socks5://hidden' }, /proxy: expected an http or https URL/],
    [{ deadOn: 400 }, /deadOn: expected a list of statuses/],
    [{ deadOn: [200] }, /deadOn\.0: expected a whole number from 300 to 599, got 200/],
    [{ deadOn: [410] }, /deadOn\.0: 410 pauses the subscription already/],
    [{ connectTimeoutMs: 0 }, /connectTimeoutMs: expected a whole number/],
    [{ uri: 'x' }, /uri: there is no such option/],
  ])('to: %o', (options, problem) => {
    const problems = problemsOfHttp(options)
    expect(problems).toEqual([expect.stringMatching(problem)])
    expect(problems[0]).toMatch(/^subscriptions\.a\.to\./)
    expect(problems[0]).not.toContain('hidden')
  })

  test('a file that holds no PEM text', () => {
    expect(problemsOfHttp({ tls: { ca: join(folder, 'other.txt') } })).toEqual([
      'subscriptions.a.to.tls.ca: expected PEM text, and this file holds something else',
    ])
  })

  test.each(['Loan', '1st', '', 'a_b', 'a'.repeat(64), 'a/b'])('the name %j', name => {
    expect(problemsOf({ [name]: { to: http({ url }) } })).toEqual([
      `subscriptions.${name}: expected a name of lower-case letters, digits and hyphens, at most 63 long`,
    ])
  })

  test('all of them at once, beside what else is wrong', () => {
    try {
      validateConfig({
        sources: {},
        subscriptions: { a: { to: () => {}, concurrency: 0 }, B: { to: http({ url: '' }), order: 'x' } },
      } as unknown as Config)
      expect.unreachable()
    } catch (error) {
      const { problems } = error as ConfigError
      const named = [
        'sources',
        'subscriptions.a.concurrency',
        'subscriptions.B',
        'subscriptions.B.order',
        'subscriptions.B.to.url',
      ]
      expect(problems.map(problem => problem.split(':')[0]).toSorted()).toEqual(named.toSorted())
    }
  })

  test.each([5, 'x', null, []])('no subscription at all: %j', given => {
    expect(problemsOf({ a: given }).length).toBeGreaterThan(0)
  })

  test.each([-1, 1.5, '7', Number.NaN])('revision %s', revision => {
    const config = { sources: { plain: plain() }, revision } as unknown as Config
    expect(() => validateConfig(config)).toThrow(/revision: /)
  })
})

describe('secrets', () => {
  const signing = secret('SIGNING')
  const password = secret('PASSWORD')
  const header = secret('HEADER')
  const ca = secret('CA')
  const proxy = secret('PROXY')
  const subscription: Subscription = {
    to: http({
      url,
      secret: [signing, older],
      headers: { 'x-key': header },
      auth: { kind: 'basic', username: 'me', password },
      tls: { ca },
      proxy,
    }),
  }

  test('are found wherever they are, and a signing secret can be minted', () => {
    expect(subscriptionSecrets(subscription)).toEqual([
      { secret: signing, kind: 'standard-webhooks' },
      { secret: proxy, kind: 'foreign' },
      { secret: header, kind: 'foreign' },
      { secret: password, kind: 'foreign' },
      { secret: ca, kind: 'foreign' },
    ])
    expect(subscriptionUses({ subscriptions: { a: subscription } }).map(({ setting }) => setting)).toEqual(
      Array(5).fill('subscriptions.a'),
    )
    expect(subscriptionSecrets({ to: () => {} })).toEqual([])
  })

  test('are in the spec once they are resolved: all that verify for signing, the newest of the others', () => {
    expect(problemsOf({ a: subscription })).toEqual([])
    signing.resolve([key, older])
    password.resolve(['new-password', 'old-password'])
    header.resolve(['header-value'])
    ca.resolve([pem])
    proxy.resolve(['http://u:p@proxy:3128'])
    expect(specOf('a', subscription).to).toMatchObject({
      secrets: [key, older, older],
      headers: { 'x-key': 'header-value' },
      auth: { kind: 'basic', username: 'me', password: 'new-password' },
      tls: { ca: pem },
      proxy: 'http://u:p@proxy:3128',
    })
  })

  test.each<[name: string, make: (given: ReturnType<typeof secret>) => object, value: string, problem: RegExp]>([
    ['secret', given => ({ secret: given }), 'hidden', /^subscriptions\.a\.to\.secret: expected `whsec_`/],
    [
      'headers',
      given => ({ headers: { x: given } }),
      'hid\nden',
      /^subscriptions\.a\.to\.headers\.x: expected a value/,
    ],
    ['auth', given => ({ auth: { kind: 'bearer', token: given } }), 'hid\nden', /^subscriptions\.a\.to\.auth\.token: /],
    ['tls', given => ({ tls: { ca: given } }), '/hidden', /^subscriptions\.a\.to\.tls\.ca: expected PEM text/],
    ['proxy', given => ({ proxy: given }), 'hidden', /^subscriptions\.a\.to\.proxy: expected an http or https URL/],
  ])('that turn out to be none are named: %s', (name, make, value, problem) => {
    const late = secret(`LATE_${name.toUpperCase()}`)
    late.resolve([value])
    const config = { subscriptions: { a: { to: http({ url, ...make(late) }) } } }
    try {
      specsOf(config)
      expect.unreachable()
    } catch (error) {
      expect((error as ConfigError).problems).toEqual([expect.stringMatching(problem)])
      expect(inspect(error)).not.toContain(value)
    }
  })

  test('a Slack URL is one', () => {
    const hook = secret('SLACK')
    const to = { kind: 'http', url: hook, format: 'slack' } as const
    expect(problemsOf({ a: { to } })).toEqual([])
    hook.resolve(['https://hooks.slack.example/services/T0/B0/hidden'])
    const spec = specOf('a', { to })
    expect((spec.to as HttpSpec).url).toContain('hidden')
    expect(publicForm(spec).to).toMatchObject({ url: 'https://hooks.slack.example/…' })
  })
})

describe('what people see', () => {
  const hidden = ['pw-hidden', 'header-hidden', 'query-hidden', 'proxy-hidden', 'client-hidden', key, older]
  const spec = specOf('a', {
    to: http({
      url: `https://x/path?key=query-hidden`,
      secret: [key, older],
      headers: { 'X-Key': 'header-hidden' },
      auth: { kind: 'basic', username: 'me', password: 'pw-hidden' },
      tls: { cert: pem, key: pem },
      proxy: 'http://u:proxy-hidden@proxy:3128/x',
    }),
  })

  test('has no secret, and says that there are some', () => {
    const seen = publicForm(spec)
    expect(seen.to).toEqual({
      kind: 'http',
      url: 'https://x/path?…',
      format: 'cloudevent',
      signatures: 2,
      headers: ['X-Key'],
      auth: { kind: 'basic', username: 'me' },
      tls: { cert: true, ca: false },
      proxy: 'http://proxy:3128',
      deadOn: [],
      connectTimeoutMs: 5_000,
      headersTimeoutMs: 10_000,
      bodyTimeoutMs: 10_000,
    })
    for (const each of hidden) expect(JSON.stringify(seen)).not.toContain(each)
    expect(JSON.stringify(seen)).not.toContain('BEGIN')
  })

  test.each<[auth: NonNullable<HttpOptions['auth']>, seen: object]>([
    [{ kind: 'bearer', token: 'pw-hidden' }, { kind: 'bearer' }],
    [
      { kind: 'oauth', tokenUrl: 'https://id/t?k=query-hidden', clientId: 'me', clientSecret: 'client-hidden' },
      { kind: 'oauth', tokenUrl: 'https://id/t?…', clientId: 'me', scopes: [], audience: null },
    ],
  ])('of %o', (auth, seen) => {
    const form = publicForm(specOf('a', { to: http({ url, auth }) }))
    expect(form.to).toMatchObject({ auth: seen })
    for (const each of hidden) expect(JSON.stringify(form)).not.toContain(each)
  })

  test('a handler has nothing to hide', () => {
    expect(publicForm(specOf('a', { to: () => {} })).to).toEqual({ kind: 'handler', memoryMiB: 128 })
  })

  test('sealed, it is nobody’s but ours, and comes back whole', () => {
    let next = 0
    const chance = { bytes: (length: number) => Buffer.alloc(length, next++) }
    const box = sealedBox('a key', chance)
    const sealed = sealSpec(spec, box)
    for (const each of hidden) expect(sealed.includes(each)).toBe(false)
    expect(openSpec({ name: 'a', sealed }, box)).toEqual(spec)
    expect(openSpec({ name: 'b', sealed }, box)).toBeUndefined()
    expect(openSpec({ name: 'a', sealed }, sealedBox('another', chance))).toBeUndefined()
    expect(openSpec({ name: 'a', sealed: null }, box)).toBeUndefined()
    expect(openSpec({ name: 'a', sealed: box.seal({ some: 'rejection' }) }, box)).toBeUndefined()
    expect(openSpec({ name: 'a', sealed: Buffer.alloc(40) }, box)).toBeUndefined()
  })
})
