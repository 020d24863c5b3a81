// A source's `api` option: checked at start with the setting's name, its secrets resolved with all others.
import { describe, expect, test } from 'vitest'
import { banclo } from '../../adapters/index.ts'
import type { ApiOptions } from '../../src/adapter.ts'
import { resolveSecrets } from '../../src/config/resolve-secrets.ts'
import { validateConfig } from '../../src/config/validate.ts'
import { apiSecrets, vendorApiSpecs } from '../../src/config/vendor-api.ts'
import { defineConfig, pathToken, secret } from '../../src/index.ts'

const config = (api: ApiOptions, more: object = {}) =>
  defineConfig({ sources: { banclo: banclo({ check: pathToken('t'), api, ...more }) } })
const oauth = (name: string) =>
  ({
    kind: 'oauth',
    tokenUrl: 'https://login.example/token',
    clientId: 'us',
    clientSecret: secret(name),
    scopes: ['read'],
  }) as const
const resolved = (given: ReturnType<typeof config>, env: Record<string, string>) => {
  const uses = Object.values(given.sources).flatMap(apiSecrets)
  const named = uses.map(use => ({ ...use, setting: 'sources.banclo.api' }))
  const problems = resolveSecrets(named, env, undefined)
  return { problems, specs: vendorApiSpecs(given) }
}

test('it becomes plain data, by the names that the source has and had', () => {
  const given = config(
    {
      baseUrl: 'https://api.example/v1',
      auth: oauth('ONE'),
      instances: {
        eu: { baseUrl: 'https://eu.example' },
        us: { baseUrl: 'https://us.example', auth: { kind: 'bearer', token: secret('TWO') } },
      },
    },
    { formerly: 'loans' },
  )
  const { problems, specs } = resolved(given, { ONE: 'first', TWO: 'second' })
  const auth = { ...oauth('ONE'), clientSecret: 'first' }
  const timeoutMs = 10_000
  const spec = {
    api: { baseUrl: 'https://api.example/v1', auth, timeoutMs },
    instances: {
      eu: { baseUrl: 'https://eu.example', auth, timeoutMs },
      us: { baseUrl: 'https://us.example', auth: { kind: 'bearer', token: 'second' }, timeoutMs },
    },
  }
  expect(problems).toEqual([])
  expect(specs).toEqual({ banclo: spec, loans: spec })
  expect(structuredClone(specs)).toEqual(specs)
})

test('without it there is nothing', () => {
  expect(vendorApiSpecs(defineConfig({ sources: { banclo: banclo({ check: pathToken('t') }) } }))).toEqual({})
})

test('a secret that is not set is a problem, and none that could be minted', () => {
  const given = config({ baseUrl: 'https://api.example', auth: oauth('UNSET') })
  const { problems, specs } = resolved(given, {})
  expect(problems).toEqual([expect.stringContaining('sources.banclo.api: the secret UNSET is not set')])
  expect(specs.banclo).toMatchObject({ api: undefined, missing: 'sources.banclo.api: the secret UNSET is not set' })
  expect(apiSecrets(given.sources.banclo!).map(({ kind }) => kind)).toEqual(['foreign'])
})

describe('what cannot work is told by its setting', () => {
  const auth = oauth('ONE')
  test.each<[string, unknown, string]>([
    ['no URL', { auth }, 'sources.banclo.api.baseUrl: expected the URL'],
    [
      'no URL that works',
      { baseUrl: 'api.example', auth },
      'sources.banclo.api.baseUrl: expected an http or https URL',
    ],
    [
      'a URL with a query',
      { baseUrl: 'https://a.example/?a', auth },
      'sources.banclo.api.baseUrl: expected a URL without a query',
    ],
    ['a URL with credentials', { baseUrl: 'https://a:b@a.example', auth }, 'sources.banclo.api.baseUrl: credentials'],
    ['no credentials', { baseUrl: 'https://a.example' }, 'sources.banclo.api.auth: expected its credentials'],
    [
      'none of an instance',
      { instances: { eu: { baseUrl: 'https://a.example' } } },
      'sources.banclo.api.instances.eu.auth: expected its credentials',
    ],
    ['two ways', { baseUrl: 'https://a.example', auth: { ...auth, token: 'x' } }, 'sources.banclo.api.auth'],
    [
      'no token URL',
      { baseUrl: 'https://a.example', auth: { ...auth, tokenUrl: 'x' } },
      'sources.banclo.api.auth.tokenUrl',
    ],
    ['a misspelt option', { baseUrl: 'https://a.example', auth, timeout: 5 }, 'sources.banclo.api: '],
    ['no time', { baseUrl: 'https://a.example', auth, timeoutMs: 0 }, 'sources.banclo.api.timeoutMs'],
    ['a text', 'https://a.example', 'sources.banclo.api: expected an object such as'],
  ])('%s', (_, api, problem) => {
    expect(() => validateConfig(config(api as ApiOptions))).toThrow(problem)
  })

  test('and nothing else is', () => {
    expect(() => validateConfig(config({ baseUrl: 'https://a.example', auth }))).not.toThrow()
    expect(() => validateConfig(config({ instances: { eu: { baseUrl: 'http://10.0.0.1', auth } } }))).not.toThrow()
  })
})
