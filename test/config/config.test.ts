// What is wrong with a configuration is said at start: all of it at once, each line naming its setting and what to do.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine, banclo, generic, receeve, standardWebhooks } from '../../adapters/index.ts'
import type { SourceDefinition } from '../../src/adapter.ts'
import { apiKey } from '../../src/checks/api-key.ts'
import { basic } from '../../src/checks/basic.ts'
import { allOf, anyOf, unverified } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { ipAllowlist } from '../../src/checks/ip-allowlist.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import type { Config } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import { readSettings } from '../../src/config/settings.ts'
import { validateConfig } from '../../src/config/validate.ts'

const check = unverified('a test')
const good = banclo({ check })
/** As JavaScript, or a careless cast, may have it. */
const any = (value: unknown) => value as never

function problemsOf(config: unknown): string {
  try {
    validateConfig(config as Config)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message
  }
  throw new Error('the configuration was taken')
}

describe('a configuration', () => {
  test.each([
    ['no sources', { sources: {} }, /sources: expected at least one source/],
    ['sources left out', {}, /sources: it is missing/],
    ['nothing at all', undefined, /config: it is missing/],
    ['a list', [], /expected/i],
    ['a source that is none', { sources: { banclo: {} } }, /sources\.banclo: expected a source, such as banclo\(\{/],
    [
      'a source without a check',
      { sources: { banclo: banclo(any({})) } },
      /sources\.banclo\.check: .*unverified\('why'\)/,
    ],
    [
      'a check that is none',
      { sources: { banclo: banclo(any({ check: 'secret' })) } },
      /sources\.banclo\.check: expected a check such as/,
    ],
    [
      'a check of another vendor',
      { sources: { banclo: banclo({ check: any(ballerine.signature({ secret: 'x' })) }) } },
      /sources\.banclo\.check: this is a check of ballerine's, and the source is banclo's/,
    ],
    [
      'one within allOf',
      {
        sources: {
          banclo: banclo({ check: any(allOf(ipAllowlist(['10.0.0.0/8']), ballerine.signature({ secret: 'x' }))) }),
        },
      },
      /sources\.banclo\.check: this is a check of ballerine's/,
    ],
    [
      'one beside a right one',
      {
        sources: {
          banclo: banclo({
            check: any(
              anyOf<string>(banclo.signature({ secret: 'x', covers: 'data' }), ballerine.signature({ secret: 'x' })),
            ),
          }),
        },
      },
      /sources\.banclo\.check: this is a check of ballerine's/,
    ],
    ['an unknown option', { sources: { banclo: banclo(any({ check, timezon: 'UTC' })) } }, /sources\.banclo.*timezon/],
    [
      'another adapter’s option',
      { sources: { banclo: banclo(any({ check, partner: 'TST' })) } },
      /sources\.banclo.*partner/,
    ],
    ['a missing option', { sources: { arix: arix(any({ check })) } }, /sources\.arix\.partner: /],
    [
      'a bad time zone',
      { sources: { banclo: banclo({ check, timezone: 'Berlin' }) } },
      /sources\.banclo\.timezone: expected an IANA time zone such as Europe\/Berlin/,
    ],
    [
      'a bad currency',
      { sources: { banclo: banclo({ check, currency: 'euro' }) } },
      /sources\.banclo\.currency: expected an ISO 4217 code/,
    ],
    [
      'a namespace of more than one line',
      { sources: { banclo: banclo({ check, namespace: 'lender\nother' }) } },
      /sources\.banclo\.namespace: expected text without control characters/,
    ],
    [
      'an environment with a control character',
      { sources: { banclo: banclo({ check, environment: 'pro\u0000d' }) } },
      /sources\.banclo\.environment: expected text without control characters/,
    ],
    ['our own name', { sources: { postern: good } }, /sources\.postern: postern is reserved/],
    [
      'our own name as one from before',
      { sources: { banclo: banclo({ check, formerly: 'postern' }) } },
      /sources\.banclo\.formerly: postern is reserved/,
    ],
    ['a bad limit', { sources: { banclo: banclo({ check, bodyBytesMax: 0 }) } }, /sources\.banclo\.bodyBytesMax: /],
    [
      'a bad redaction',
      { sources: { banclo: banclo({ check, redact: ['a..b'] }) } },
      /sources\.banclo\.redact\.0: expected a dotted path/,
    ],
    [
      'bad retention',
      { sources: { banclo: banclo({ check, retentionDays: -1 }) } },
      /sources\.banclo\.retentionDays: /,
    ],
    ['a bad name', { sources: { 'Banclo 1': good } }, /sources\.Banclo 1: expected a name of lower-case letters/],
    ['a name like an object’s', { sources: { ['__proto__']: good } }, /sources\.__proto__: expected a name/],
    [
      'a name that was another’s',
      { sources: { banclo: good, new: banclo({ check, formerly: 'banclo' }) } },
      /sources\.new\.formerly: banclo is another source/,
    ],
    [
      'one old name twice',
      { sources: { a: banclo({ check, formerly: 'c' }), b: banclo({ check, formerly: 'c' }) } },
      /sources\.b\.formerly: c is another source/,
    ],
    ['an unknown setting', { sources: { banclo: good }, trustProxies: [] }, /trustProxies/],
    [
      'a proxy that is no network',
      { sources: { banclo: good }, trustProxy: ['10.0.0.0/99'] },
      /trustProxy\.0: expected an address or network such as/,
    ],
    [
      'a public URL that is none',
      { sources: { banclo: good }, publicUrl: 'hooks.example' },
      /publicUrl: expected an http or https URL/,
    ],
    ['an unknown limit', { sources: { banclo: good }, limits: { bodyBytes: 1 } }, /limits.*bodyBytes/],
    ['a limit of none', { sources: { banclo: good }, limits: { rejectionsMax: 0 } }, /limits\.rejectionsMax: /],
    [
      'an egress network',
      { sources: { banclo: good }, egress: { allow: ['localhost'] } },
      /egress\.allow\.0: expected an address or network/,
    ],
  ])('%s', (_name, config, message) => {
    const problems = problemsOf(config)
    expect(problems).toMatch(/^Postern cannot start:\n {2}- /)
    expect(problems).toMatch(message)
  })

  test('all problems are told at once', () => {
    const config = { sources: { 'A B': good, arix: arix(any({ check, currency: 'x' })), c: banclo(any({})) } }
    const problems = problemsOf(config)
    for (const setting of ['sources.A B', 'sources.arix.partner', 'sources.arix.currency', 'sources.c.check']) {
      expect(problems).toContain(setting)
    }
  })

  test('those of the top and those of the sources too', () => {
    const config = { sources: { a: banclo(any({})), b: 5, c: banclo({ check, timezone: 'x' }) }, trustProxy: ['x'] }
    const problems = problemsOf(config)
    for (const setting of ['trustProxy.0', 'sources.a.check', 'sources.b: ', 'sources.c.timezone']) {
      expect(problems).toContain(setting)
    }
  })

  test('and nothing else is one', () => {
    const full: SourceDefinition = arix({
      check,
      partner: 'TST',
      environment: 'production',
      timezone: 'America/New_York',
      currency: 'USD',
      namespace: 'lender',
      formerly: 'arix-old',
      bodyBytesMax: 1,
      redact: ['a.b', '*.c'],
      retentionDays: 0.5,
    })
    expect(() => validateConfig({ sources: { arix: full }, trustProxy: 'fly', retentionDays: 90 })).not.toThrow()
  })
})

describe('what cannot work is refused where it is written, with the name of what is wrong', () => {
  test.each([
    ['an empty secret', () => pathToken(''), /pathToken: expected a secret, got an empty one/],
    [
      'no secret',
      () => basic({ username: 'a', password: any(undefined) }),
      /basic\.password: expected a secret, got undefined/,
    ],
    ['a user name with a colon', () => basic({ username: 'a:b', password: 'x' }), /basic: expected `username`/],
    ['no header', () => apiKey({ header: '', key: 'x' }), /apiKey: expected `header`/],
    [
      'an algorithm',
      () => hmac({ header: 'x', secret: 'x', algorithm: any('md5') }),
      /hmac: expected `algorithm` to be one of/,
    ],
    ['a template without a body', () => hmac({ header: 'x', secret: 'x', template: '{timestamp}' }), /\{body\}/],
    ['an empty allOf', () => allOf(), /allOf: expected at least one check/],
    ['unverified within anyOf', () => anyOf(any(unverified('x'))), /anyOf: unverified\(\) cannot be a part/],
    ['unverified without a reason', () => unverified(' '), /unverified: say why/],
    [
      'a network',
      () => ipAllowlist(['10.0.0.0/33']),
      /expected an address or network such as 10\.0\.0\.0\/8, got "10\.0\.0\.0\/33"/,
    ],
    [
      'what Banclo covers',
      () => banclo.signature({ secret: 'x', covers: any('all') }),
      /banclo\.signature: expected `covers` to be one of/,
    ],
    ['a raw body without its header', () => banclo.signature({ secret: 'x', covers: 'raw-body' }), /needs `header`/],
    [
      'what Ballerine requires',
      () => ballerine.signature({ secret: 'x', require: [] }),
      /ballerine\.signature: expected `require`/,
    ],
    [
      'a private key',
      () => receeve.signature({ publicKey: '-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----' }),
      /expected a public key, got a private one/,
    ],
    [
      'a Standard Webhooks secret',
      () => standardWebhooks.signature({ secret: 'whsec_%' }),
      /expected `whsec_` or `whpk_` and base64/,
    ],
    [
      'a mapping',
      () => generic({ vendor: 'core', check, id: 'a..', type: 'b' }),
      /generic\.id: expected a JMESPath expression/,
    ],
    [
      'a mapping without a type',
      () => generic(any({ vendor: 'core', check, id: 'a' })),
      /generic\.type: expected a JMESPath expression/,
    ],
    ['a vendor’s name', () => generic({ vendor: 'banclo', check, id: 'a', type: 'b' }), /generic\.vendor/],
    ['a custom webhook', () => ballerine({ check, custom: { x: { id: '(' } } }), /ballerine\.custom\.x\.id/],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(TypeError)
    expect(make).toThrow(message)
  })

  test('a generic source without a check is told as every other is', () => {
    const source = generic(any({ vendor: 'core', id: 'a', type: 'b' }))
    expect(problemsOf({ sources: { core: source } })).toMatch(/sources\.core\.check: .*unverified\('why'\)/)
  })
})

describe('the environment', () => {
  test.each([
    [{ PORT: 'eighty' }, /PORT: expected a port from 0 to 65535, got "eighty"/],
    [{ PORT: '65536' }, /PORT: expected a port from 0 to 65535, got "65536"/],
    [{ PORT: '-1' }, /PORT: expected a port/],
    [{ PORT: '80.5' }, /PORT: expected a port/],
    [{ PORT: '0x50' }, /PORT: expected a port/],
    [{ PORT: '1e3' }, /PORT: expected a port/],
    [{ POSTERN_ADMIN_PORT: 'x' }, /POSTERN_ADMIN_PORT: expected a port/],
    [{ POSTERN_KEY: 'short' }, /POSTERN_KEY: expected at least 16 characters/],
    [{ POSTERN_ROLE: 'king' }, /POSTERN_ROLE: .*all.*ingest.*deliver/],
    [{ LOG_LEVEL: 'loud' }, /LOG_LEVEL: expected one of trace, debug, info, /],
    [{ POSTERN_DATABASE: 'mysql://user:pass-word@host/x' }, /POSTERN_DATABASE: expected sqlite:<path>/],
    [{ POSTERN_DATABASE: './data/postern.db' }, /POSTERN_DATABASE: expected sqlite:<path>/],
    [{ POSTERN_DATABASE: 'sqlite:' }, /POSTERN_DATABASE: expected sqlite:<path>/],
  ] as [Record<string, string>, RegExp][])('%o', (env, message) => {
    expect(() => readSettings(env)).toThrow(ConfigError)
    expect(() => readSettings(env)).toThrow(message)
    expect(() => readSettings(env)).not.toThrow('pass-word')
    expect(() => readSettings(env)).not.toThrow('short')
  })

  test.each([
    'mysql://user:pass-word@host/x',
    'postgres:user:pass-word@host',
    'postgres://user:pass-word@ho st/x',
    'host=db user=u password=pass-word',
    'pass-word',
  ])('POSTERN_DATABASE=%s: what may be a password is not repeated', database => {
    const read = () => readSettings({ POSTERN_DATABASE: database })
    expect(read).toThrow(/POSTERN_DATABASE: expected sqlite:<path>/)
    expect(read).not.toThrow('pass-word')
    const [scheme] = database.split('://')
    if (database.includes('://')) expect(read).toThrow(`got ${scheme}:…`)
  })

  test('PostgreSQL, with a way past a pooler and what a node does', () => {
    const url = 'postgres://user:pass-word@host:6432/x?sslmode=verify-full'
    const read = (env: Record<string, string> = {}) => readSettings({ POSTERN_DATABASE: url, ...env })
    expect(read()).toMatchObject({
      database: { engine: 'postgres', url, directUrl: url, poolMax: 10 },
      receives: true,
      delivers: true,
      development: false,
    })
    expect(read({ POSTERN_DATABASE_DIRECT: 'postgresql://host/x', POSTERN_POOL: '3' }).database).toMatchObject({
      directUrl: 'postgresql://host/x',
      poolMax: 3,
    })
    const hosts = 'postgres://user:pass-word@one:5432,two/x'
    expect(read({ POSTERN_DATABASE: hosts }).database).toMatchObject({ url: hosts })
    expect(read({ POSTERN_DATABASE_DIRECT: 'off' }).database).toMatchObject({ directUrl: null })
    expect(read({ POSTERN_ROLE: 'deliver' })).toMatchObject({ receives: false, delivers: true })
    expect(read({ POSTERN_ROLE: 'ingest' })).toMatchObject({ receives: true, delivers: false })
    expect(read({ POSTERN_NODE: 'a' }).node).toMatch(/^a-/)
    for (const [env, message] of [
      [{ POSTERN_DATABASE_DIRECT: 'pass-word' }, /POSTERN_DATABASE_DIRECT: expected postgres:/],
      [{ POSTERN_POOL: '0' }, /POSTERN_POOL: expected a number of connections/],
      [{ POSTERN_DATABASE: 'sqlite:x', POSTERN_ROLE: 'deliver' }, /POSTERN_ROLE: on SQLite one process/],
      [{ POSTERN_DATABASE: 'sqlite:x', POSTERN_DATABASE_DIRECT: 'off' }, /POSTERN_DATABASE_DIRECT: it is for postgres/],
    ] as [Record<string, string>, RegExp][]) {
      expect(() => read(env)).toThrow(message)
      expect(() => read(env)).not.toThrow('pass-word')
    }
  })

  test('a spool, which is for PostgreSQL alone', () => {
    const read = (env: Record<string, string>) => readSettings({ POSTERN_DATABASE: 'postgres://host/x', ...env })
    expect(read({}).spool).toBeUndefined()
    expect(read({ POSTERN_SPOOL: '/var/lib/spool.db' }).spool).toEqual({
      path: '/var/lib/spool.db',
      bytesMax: 1024 ** 3,
    })
    expect(read({ POSTERN_SPOOL: 'spool.db', POSTERN_SPOOL_BYTES: '100000000' }).spool).toEqual({
      path: join(process.cwd(), 'spool.db'),
      bytesMax: 100_000_000,
    })
    for (const bytes of ['1', '1 GiB', '-5', '1e9', '67108863']) {
      expect(() => read({ POSTERN_SPOOL: 'x', POSTERN_SPOOL_BYTES: bytes })).toThrow(
        /POSTERN_SPOOL_BYTES: expected a number of bytes, at least 67108864/,
      )
    }
    expect(() => readSettings({ POSTERN_SPOOL: 'x' })).toThrow(/POSTERN_SPOOL: it is for postgres/)
  })

  test('what is empty is not set; every problem is told', () => {
    const env = { PORT: 'x', POSTERN_DATABASE: 'x', POSTERN_KEY: 'short', POSTERN_ADMIN_PORT: 'y' }
    for (const name of Object.keys(env)) expect(() => readSettings(env)).toThrow(`- ${name}: `)
    expect(readSettings({ PORT: '', HOST: '', POSTERN_KEY: '' })).toMatchObject({ port: 8080, host: '127.0.0.1' })
    expect(() => readSettings({ PORT: 'x', LOG_LEVEL: 'y' })).toThrow(/PORT.*\n.*LOG_LEVEL/)
  })

  test.each([
    [{}, true],
    [{ HOST: 'localhost' }, true],
    [{ HOST: '::1' }, true],
    [{ HOST: '127.8.9.1' }, true],
    [{ HOST: '0.0.0.0' }, false],
    [{ HOST: '::' }, false],
    [{ HOST: '127.0.0.1.example.com' }, false],
    [{ NODE_ENV: 'production' }, false],
    [{ NODE_ENV: 'test' }, true],
  ] as [Record<string, string>, boolean][])('%o: development is %s', (env, development) => {
    expect(readSettings(env).development).toBe(development)
  })
})

describe('a configuration file', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-config-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('that is not there, is broken, exports nothing, or throws: its name, and why', async () => {
    const cases: [name: string, text: string | undefined, message: RegExp][] = [
      ['none.ts', undefined, /POSTERN_CONFIG: there is no file .*none\.ts/],
      ['broken.mjs', 'export default {', /broken\.mjs: /],
      ['nothing.mjs', 'export const config = {}', /nothing\.mjs: expected `export default defineConfig/],
      ['throws.mjs', "\nthrow new TypeError('PUBLIC_URL is not set')", /throws\.mjs:2: PUBLIC_URL is not set/],
    ]
    for (const [name, text, message] of cases) {
      if (text !== undefined) writeFileSync(join(folder, name), text)
      const loading = loadConfig(name, folder)
      await expect(loading).rejects.toThrow(ConfigError)
      await expect(loading).rejects.toThrow(message)
    }
  })
})
