// Secrets: from the environment, from files, several at once; made once where one develops; and never shown.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, banclo, embarc, receeve, standardWebhooks } from '../../adapters/index.ts'
import { basic } from '../../src/checks/basic.ts'
import { unverified } from '../../src/checks/combine.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { type Config, defineConfig } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { http } from '../../src/config/http.ts'
import { secret } from '../../src/config/secret.ts'
import { readSettings } from '../../src/config/settings.ts'
import { specsOf } from '../../src/config/subscriptions.ts'
import { AppError } from '../../src/errors.ts'
import { type Gateway, startGateway } from '../../src/gateway.ts'
import { openLog } from '../../src/observe/log.ts'
import { send } from '../support/http.ts'
import { bancloBody, bancloEvent } from '../support/signed.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-secrets-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const config = (): Config => ({
  sources: {
    banclo: banclo({ check: banclo.signature({ secret: secret('BANCLO_SECRET'), covers: 'body-without-security' }) }),
    arix: arix({ partner: 'TST', check: basic({ username: 'arix', password: secret('ARIX_PASSWORD') }) }),
    embarc: embarc({ check: pathToken(secret('EMBARC_TOKEN')) }),
    receeve: receeve({ check: receeve.signature({ publicKey: secret('RECEEVE_PUBLIC_KEY') }) }),
    contacts: standardWebhooks({
      vendor: 'contacts',
      check: standardWebhooks.signature({ secret: secret('CONTACTS_SECRET') }),
    }),
  },
})
const names = [
  'BANCLO_SECRET',
  'ARIX_PASSWORD',
  'EMBARC_TOKEN',
  'RECEEVE_PUBLIC_KEY',
  'CONTACTS_SECRET',
  'POSTERN_ADMIN_TOKEN',
]

async function start(
  name: string,
  env: Record<string, string> = {},
  of = config(),
): Promise<Gateway & { log: { lines: string[] } }> {
  const lines: string[] = []
  const settings = readSettings({ PORT: '0', POSTERN_DATABASE: `sqlite:${join(folder, name, 'postern.db')}`, ...env })
  const log = Object.assign(openLog({ level: 'trace', write: line => lines.push(line) }), { lines })
  return Object.assign(await startGateway({ settings, config: of, env, log }), { log })
}

describe('where one develops, what is missing is made', () => {
  test('once: in a file for its owner alone, and the same after a restart', async () => {
    const first = await start('minted')
    const path = join(folder, 'minted', 'secrets.json')
    const made = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    expect(Object.keys(made).sort()).toEqual(names.toSorted())
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'minted')).mode & 0o077).toBe(0)
    await first.close()

    const again = await start('minted')
    expect(again.token).toBe(first.token)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(made)
    const answer = await send(again.url, '/hooks/banclo', {
      method: 'POST',
      body: bancloBody(bancloEvent('evt_minted'), String(made.BANCLO_SECRET)),
    })
    expect(answer.json).toMatchObject({ status: 'accepted' })
    await again.close()
    for (const line of [...first.log.lines, ...again.log.lines]) expectNone(line, made)
  })

  test('no two are alike, and what is set is not made', async () => {
    const [one, other] = [await start('one'), await start('other', { ARIX_PASSWORD: 'set' })]
    expect(one.token).not.toBe(other.token)
    expect(one.token.length).toBeGreaterThanOrEqual(32)
    const made = JSON.parse(readFileSync(join(folder, 'other', 'secrets.json'), 'utf8')) as Record<string, unknown>
    expect(made).not.toHaveProperty('ARIX_PASSWORD')
    await Promise.all([one.close(), other.close()])
  })

  test('a broken file of them stops the start, names itself, and is left as it is', async () => {
    await (await start('broken')).close()
    const path = join(folder, 'broken', 'secrets.json')
    for (const text of ['', '{"BANCLO_SECRET":"half', '[]', 'null']) {
      writeFileSync(path, text)
      const starting = start('broken')
      await expect(starting).rejects.toThrow(ConfigError)
      await expect(starting).rejects.toThrow(/secrets\.json: expected the secrets/)
      await expect(starting).rejects.not.toThrow('half')
      expect(readFileSync(path, 'utf8')).toBe(text)
    }
  })
})

test('what only others can make is not made, and is missed by its name', () => {
  const url = 'https://hooks.example.com'
  const auth = { kind: 'bearer', token: secret('NOBODYS_TOKEN') } as const
  const { subscriptions } = defineConfig({ ...config(), subscriptions: { theirs: { to: http({ url, auth }) } } })
  expect(() => specsOf({ ...(subscriptions && { subscriptions }) })).toThrow(
    'subscriptions.theirs.to: the secret NOBODYS_TOKEN is not set',
  )
})

describe('anywhere else a missing one stops the start', () => {
  test.each([{ NODE_ENV: 'production' }, { HOST: '0.0.0.0' }])('%o: all of them are named', async env => {
    const starting = start('production', env)
    await expect(starting).rejects.toThrow(ConfigError)
    for (const name of names) {
      await expect(starting).rejects.toThrow(new RegExp(`${name} is not set. Set ${name}, or ${name}_FILE`))
    }
    await expect(starting).rejects.toThrow('sources.arix.check: ')
  })

  test('an empty one is a missing one, and so is an empty file', async () => {
    const file = join(folder, 'empty')
    writeFileSync(file, '\n')
    const starting = start('production', { NODE_ENV: 'production', BANCLO_SECRET: '', ARIX_PASSWORD_FILE: file })
    await expect(starting).rejects.toThrow('BANCLO_SECRET is not set')
    await expect(starting).rejects.toThrow('ARIX_PASSWORD cannot be read: ARIX_PASSWORD_FILE names an empty file')
  })

  test('a file that is not there is named, where one develops too', async () => {
    const starting = start('nofile', { EMBARC_TOKEN_FILE: join(folder, 'not-there') })
    await expect(starting).rejects.toThrow(
      /sources\.embarc\.check: the secret EMBARC_TOKEN cannot be read: .*not-there/,
    )
  })

  test('an admin token that can be guessed is refused outside of development, from a file too', async () => {
    const file = join(folder, 'short-token')
    writeFileSync(file, 'guess-me\n')
    for (const env of [{ POSTERN_ADMIN_TOKEN: 'guess-me' }, { POSTERN_ADMIN_TOKEN_FILE: file }]) {
      const starting = start('short', { ...env, NODE_ENV: 'production' })
      await expect(starting).rejects.toThrow('POSTERN_ADMIN_TOKEN: expected at least 16 characters')
      await expect(starting).rejects.not.toThrow('guess-me')
    }
  })
})

test.each([{}, { NODE_ENV: 'production', POSTERN_ADMIN_TOKEN: 'an-admin-token-of-some-length' }])(
  'a folder that cannot be made is told in a line that names it, and no stack: %o',
  async env => {
    writeFileSync(join(folder, 'a-file'), '')
    const unsecret = { sources: { open: embarc({ check: unverified('a test') }) } }
    const starting = start('a-file', env, unsecret)
    await expect(starting).rejects.toSatisfy(error => error instanceof ConfigError || error instanceof AppError)
    await expect(starting).rejects.toThrow(/a-file/)
  },
)

test('a rotation: the new one, the old one, from files as well; and none but these', async () => {
  const file = join(folder, 'banclo-new')
  writeFileSync(file, 'new-secret\r\n')
  const gateway = await start('rotation', { BANCLO_SECRET_FILE: file, BANCLO_SECRET_PREVIOUS: 'old-secret' })
  const post = async (key: string) => {
    const body = bancloBody(bancloEvent(`evt_${key}`), key)
    return (await send(gateway.url, '/hooks/banclo', { method: 'POST', body })).status
  }
  expect([
    await post('new-secret'),
    await post('old-secret'),
    await post('older-secret'),
    await post('new-secret\r\n'),
  ]).toEqual([200, 200, 401, 401])
  await gateway.close()
})

test('the old one from a file; and the old one alone is a missing one', async () => {
  const file = join(folder, 'banclo-old')
  writeFileSync(file, 'old-secret\n')
  const previous = { BANCLO_SECRET_PREVIOUS_FILE: file, ARIX_PASSWORD_PREVIOUS: 'old-password' }
  const set = await start('previous', { ...previous, BANCLO_SECRET: 'new-secret', ARIX_PASSWORD: 'new-password' })
  const post = async ({ url }: Gateway, key: string) => {
    const body = bancloBody(bancloEvent(`evt_${key}`), key)
    return (await send(url, '/hooks/banclo', { method: 'POST', body })).status
  }
  expect([await post(set, 'new-secret'), await post(set, 'old-secret'), await post(set, 'none')]).toEqual([
    200, 200, 401,
  ])
  await set.close()

  const starting = start('previous', { ...previous, NODE_ENV: 'production' })
  await expect(starting).rejects.toThrow('BANCLO_SECRET is not set')
  await expect(starting).rejects.toThrow('ARIX_PASSWORD is not set')

  const minted = await start('previous', previous)
  const made = JSON.parse(readFileSync(join(folder, 'previous', 'secrets.json'), 'utf8')) as Record<string, string>
  expect([await post(minted, made.BANCLO_SECRET!), await post(minted, 'old-secret')]).toEqual([200, 200])
  await minted.close()
})

test('a secret cannot be shown by accident', () => {
  const hidden = secret('HIDDEN')
  hidden.resolve(['do-not-show-me', 'nor-the-old-one'], 'nor-the-key')
  const check = basic({ username: 'u', password: hidden })
  const source = arix({ partner: 'TST', check })
  for (const holder of [
    hidden,
    { hidden },
    [hidden],
    new Map([['a', hidden]]),
    check,
    source,
    new Error('x', { cause: hidden }),
  ]) {
    const shown = [
      String(holder),
      `${holder as object}`,
      JSON.stringify(holder) ?? '',
      inspect(holder, { depth: 20, showHidden: true, getters: true }),
      inspect(holder, { customInspect: false, depth: 20, showHidden: true }),
      format('%s %o %O %j', holder, holder, holder, holder),
      JSON.stringify(Object.getOwnPropertyDescriptors(holder)),
    ].join('\n')
    expect(shown).not.toMatch(/do-not-show-me|nor-the/)
  }
  expect([String(hidden), JSON.stringify({ hidden }), inspect(hidden)]).toEqual([
    '[secret HIDDEN]',
    '{"hidden":"[secret HIDDEN]"}',
    '[secret HIDDEN]',
  ])
  const lines: string[] = []
  openLog({ level: 'info', write: line => lines.push(line) }).info(
    { hidden, err: new Error('x', { cause: hidden }) },
    'shown',
  )
  expect(lines.join('')).not.toMatch(/do-not-show-me|nor-the/)
})

test('a name that no variable has is refused where it is written', () => {
  for (const name of ['', 'A B', '1A', 'A-B', 'A=B'])
    expect(() => secret(name)).toThrow(/expected the name of an environment variable/)
})

function expectNone(line: string, made: Record<string, unknown>): void {
  for (const value of Object.values(made)) {
    for (const text of typeof value === 'string' ? [value] : Object.values(value as Record<string, string>)) {
      expect(line).not.toContain(text)
    }
  }
}
