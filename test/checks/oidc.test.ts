// Against a real provider. It mints by the real clock, so the requests are received by it too.
import { createHmac, createPublicKey } from 'node:crypto'
import { importJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Check } from '../../src/checks/check.ts'
import { type OidcOptions, oidc } from '../../src/checks/oidc.ts'
import { outages, startProvider, type TestProvider } from './provider.ts'
import { refusedWith, verdictOf } from './request.ts'

let provider: TestProvider
let now: number

beforeAll(async () => {
  provider = await startProvider()
})
afterAll(() => provider[Symbol.asyncDispose]())
beforeEach(() => {
  now = Date.now()
  provider.away(undefined)
  provider.asked.length = 0
})

/** Asks again at once after a failure, and for an unknown key at once after a fetch. */
const impatient = { retryMs: 0, cooldownMs: 0 }
const check = (options: Partial<OidcOptions> = {}, timing = {}) =>
  oidc({ issuer: provider.issuer, audience: provider.audience, ...options }, timing)
const verdict = (by: Check, token: string, receivedAt = now) =>
  verdictOf(by, { headers: { authorization: `Bearer ${token}` }, receivedAt })
const invalid = (reason: RegExp) => ({
  ...refusedWith('unauthenticated', reason),
  challenge: 'Bearer error="invalid_token"',
})

/** A token with any claims, signed with the provider's own key. */
async function minted(claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  const { issuer, audience, key } = provider
  return new SignJWT({ iss: issuer, aud: audience, exp: Math.floor(now / 1000) + 60, ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: key.kid, typ: 'at+jwt', ...header })
    .sign(await importJWK(key, 'RS256'))
}
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe("the provider's own tokens", () => {
  test('a right one passes', async () => {
    const strict = check({ scope: 'hooks.write', clientId: 'vendor' })
    expect(await verdict(strict, await provider.token())).toEqual({ ok: true, by: 'oidc' })
    expect(provider.asked).toEqual(['/.well-known/openid-configuration', '/jwks'])
    expect(await verdict(strict, await provider.token())).toMatchObject({ ok: true })
    expect(provider.asked).toHaveLength(2)
  })

  test('with the keys at a configured place, no discovery is needed', async () => {
    expect(await verdict(check({ jwksUri: `${provider.issuer}/jwks` }), await provider.token())).toMatchObject({
      ok: true,
    })
    expect(provider.asked).toEqual(['/jwks'])
  })

  test('one that lacks a scope, or is of another client, audience or issuer, is refused without asking the provider', async () => {
    const token = await provider.token({ scope: 'hooks.read' })
    expect(await verdict(check({ scope: ['hooks.read', 'hooks.write'] }), token)).toEqual(invalid(/scope hooks\.write/))
    expect(await verdict(check({ scope: 'hooks' }), token)).toEqual(invalid(/scope hooks/))
    expect(await verdict(check({ clientId: 'vendor' }), await provider.token({ clientId: 'stranger' }))).toEqual(
      invalid(/another client/),
    )
    expect(await verdict(check({ audience: 'urn:other' }), token)).toEqual(invalid(/"aud"/))
    expect(await verdict(check({ issuer: `${provider.issuer}/` }), token)).toEqual(invalid(/"iss"/))
    expect(provider.asked).toEqual([])
  })

  test('one that had expired at the receipt is refused, and one judged again later by its receipt passes', async () => {
    const token = await provider.token()
    expect(await verdict(check(), token, now + 3_600_000)).toEqual(invalid(/"exp"/))
    expect(provider.asked).toEqual([])
    expect(await verdict(check(), token, now)).toMatchObject({ ok: true })
  })

  test('no flipped character of one passes', async () => {
    const by = check()
    const token = await provider.token()
    for (let at = token.indexOf('.'); at < token.length; at += 7) {
      const flipped = token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ 1) + token.slice(at + 1)
      expect(await verdict(by, flipped), String(at)).toMatchObject({ ok: false, refusal: 'unauthenticated' })
    }
  })
})

describe('forged tokens', () => {
  test('alg none and HS256 with the public key are refused without asking the provider', async () => {
    const claims = { iss: provider.issuer, aud: provider.audience, exp: Math.floor(now / 1000) + 60 }
    for (const alg of ['none', 'None', 'HS256', 'RSA-OAEP', '']) {
      const head = part({ alg, kid: provider.key.kid })
      const pem = createPublicKey({ key: provider.key, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const mac = createHmac('sha256', pem)
        .update(`${head}.${part(claims)}`)
        .digest('base64url')
      expect(await verdict(check(), `${head}.${part(claims)}.${mac}`), alg).toEqual(invalid(/alg is not allowed/))
      expect(await verdict(check(), `${head}.${part(claims)}.`), alg).toEqual(invalid(/not a signed JWT/))
    }
    expect(await verdict(check({ algorithms: ['ES256'] }), await minted())).toEqual(invalid(/alg is not allowed/))
    expect(provider.asked).toEqual([])
  })

  test('a key id that the provider does not know is refused, however often it is tried', async () => {
    const by = check()
    for (let round = 0; round < 5; round++) {
      expect(await verdict(by, await minted({}, { kid: `unknown-${round}` }))).toEqual(invalid(/no applicable key/))
    }
    // Once for the first fetch; the cool-down holds back the rest.
    expect(provider.asked).toEqual(['/.well-known/openid-configuration', '/jwks'])
  })

  test('keys of the token itself count for nothing', async () => {
    const { issuer } = provider
    const header = { kid: undefined, jku: `${issuer}/other-jwks`, jwk: { kty: 'oct', k: 'AAAA' }, x5u: `${issuer}/x` }
    const [head, , signature] = (await minted()).split('.')
    expect(await verdict(check(), `${part({ alg: 'RS256', ...header })}.${head}.${signature}`)).toMatchObject({
      ok: false,
    })
    expect(provider.asked.filter(path => !/openid-configuration|^\/jwks$/.test(path))).toEqual([])
  })

  test('other kinds of token are refused; one that does not say its kind is taken', async () => {
    for (const typ of ['JWT', 'jwt', 'at+jwt', 'application/at+jwt', undefined]) {
      expect(await verdict(check(), await minted({}, { typ })), typ).toMatchObject({ ok: true })
    }
    for (const typ of ['logout+jwt', 'dpop+jwt', 'secevent+jwt', '', 7]) {
      expect(await verdict(check(), await minted({}, { typ })), String(typ)).toMatchObject({
        refusal: 'unauthenticated',
      })
    }
  })

  test('exp must be there and be a number, nbf must not lie ahead', async () => {
    for (const claims of [{ exp: undefined }, { exp: '9999999999' }, { exp: null }, { nbf: now / 1000 + 31 }]) {
      expect(await verdict(check(), await minted(claims)), JSON.stringify(claims)).toMatchObject({
        refusal: 'unauthenticated',
      })
    }
    expect(await verdict(check(), await minted({ nbf: Math.floor(now / 1000) + 29 }))).toMatchObject({ ok: true })
  })

  test('what is no token is refused without asking the provider', async () => {
    for (const text of ['x', 'a.b.c', '..', `${await minted()}.x`, `.${await minted()}`]) {
      expect(await verdict(check(), text), text).toMatchObject({ refusal: 'unauthenticated' })
    }
    expect(await verdictOf(check())).toMatchObject({ refusal: 'unauthenticated', missing: true, challenge: 'Bearer' })
    expect(await verdictOf(check(), { headers: { authorization: 'Basic eDp5' } })).toMatchObject({
      challenge: 'Bearer',
    })
    expect(provider.asked).toEqual([])
  })
})

describe('who and what for', () => {
  test('the client is client_id, azp, appid or cid, the first that is there', async () => {
    const by = check({ clientId: ['vendor', 'vendor-2'] })
    const passes = async (claims: Record<string, unknown>) => (await verdict(by, await minted(claims))).ok
    for (const name of ['client_id', 'azp', 'appid', 'cid']) {
      expect(await passes({ [name]: 'vendor' }), name).toBe(true)
      expect(await passes({ [name]: 'vendor-2' }), name).toBe(true)
      expect(await passes({ [name]: 'stranger' }), name).toBe(false)
      expect(await passes({ [name]: ['vendor'] }), name).toBe(false)
    }
    expect(await passes({ client_id: 'stranger', azp: 'vendor' })).toBe(false)
    expect(await passes({ sub: 'vendor' })).toBe(false)
    expect(await passes({})).toBe(false)
  })

  test('scopes are of scope or scp, text or list, and all that are asked for must be there', async () => {
    const by = check({ scope: 'a b' })
    const passes = async (claims: Record<string, unknown>) => (await verdict(by, await minted(claims))).ok
    for (const given of ['a b', 'c b a', ['a', 'b'], ['a b']]) {
      expect([await passes({ scope: given }), await passes({ scp: given })], String(given)).toEqual([true, true])
    }
    for (const given of ['a', 'ab', 'a,b', ['a'], ['ab'], '', [], [['a', 'b']], { a: 'b' }, 7, null, undefined]) {
      expect([await passes({ scope: given }), await passes({ scp: given })], String(given)).toEqual([false, false])
    }
  })
})

describe('keys that change', () => {
  test('a new key is taken up when a token names it, after the cool-down', async () => {
    const [patient, prompt] = [check(), check({}, { cooldownMs: 0 })]
    const old = await provider.token()
    for (const by of [patient, prompt]) expect(await verdict(by, old)).toMatchObject({ ok: true })
    provider.rotate()
    const fresh = await provider.token()
    expect(await verdict(patient, fresh)).toEqual(invalid(/no applicable key/))
    expect(await verdict(prompt, fresh)).toMatchObject({ ok: true })
    // The old key was withdrawn.
    expect(await verdict(prompt, old)).toEqual(invalid(/no applicable key/))
    expect(await verdict(patient, old)).toMatchObject({ ok: true })
  })
})

describe('a provider that is away', () => {
  for (const [how, answer] of Object.entries(outages)) {
    test(`${how}: refused for now, and accepted when it is back`, async () => {
      const by = check({}, { ...impatient, timeoutMs: 200 })
      const token = await minted()
      provider.away(answer)
      const refusal = await verdict(by, token)
      expect(refusal).toEqual(refusedWith('unavailable', /^the identity provider is away/))
      expect(refusal).not.toHaveProperty('challenge')
      provider.away(undefined)
      expect(await verdict(by, token)).toEqual({ ok: true, by: 'oidc' })
    })
  }

  const odd: Record<string, (issuer: string) => object> = {
    'is of another issuer': issuer => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` }),
    'names no key set': issuer => ({ issuer }),
    'names a key set without TLS': issuer => ({ issuer, jwks_uri: 'http://keys.example/jwks' }),
    'names a key set that is no URL': issuer => ({ issuer, jwks_uri: '/jwks' }),
    'names itself as the key set': issuer => ({ issuer, jwks_uri: `${issuer}/.well-known/openid-configuration` }),
  }
  for (const [how, document] of Object.entries(odd)) {
    test(`the discovery document ${how}: refused for now`, async () => {
      provider.away((_, response) => response.end(JSON.stringify(document(provider.issuer))))
      expect(await verdict(check({}, impatient), await minted())).toEqual(refusedWith('unavailable', /is away/))
      expect(provider.asked.filter(path => path === '/jwks')).toEqual([])
    })
  }

  test('it is not asked again at once, however many knock', async () => {
    const by = check()
    const token = await minted()
    provider.away(outages['the status is 500'])
    await Promise.all(Array.from({ length: 20 }, () => verdict(by, token)))
    for (let round = 0; round < 20; round++) {
      expect(await verdict(by, token)).toMatchObject({ refusal: 'unavailable' })
    }
    expect(provider.asked).toEqual(['/.well-known/openid-configuration'])
  })

  test('a token that needs no key to be refused is refused as ever', async () => {
    provider.away(outages['the connection is reset'])
    expect(await verdict(check(), await minted({ aud: 'other' }))).toEqual(invalid(/"aud"/))
    expect(provider.asked).toEqual([])
  })

  test('known keys serve on, even past their time; an unknown one waits for the provider', async () => {
    const by = check({}, { ...impatient, cacheMs: 0 })
    const token = await minted()
    expect(await verdict(by, token)).toMatchObject({ ok: true })
    provider.away(outages['the connection is reset'])
    expect(await verdict(by, token)).toMatchObject({ ok: true })
    expect(await verdict(by, await minted({ scope: 'x' }))).toMatchObject({ ok: true })
    expect(await verdict(by, await minted({}, { kid: 'unknown' }))).toMatchObject({ refusal: 'unavailable' })
    const [head, payload] = token.split('.')
    expect(await verdict(by, `${head}.${payload}.AAAA`)).toMatchObject({ refusal: 'unauthenticated' })
  })

  test('known keys do not serve for ever', async () => {
    const by = check({}, { ...impatient, cacheMs: 0, staleMs: -1 })
    expect(await verdict(by, await minted())).toMatchObject({ ok: true })
    provider.away(outages['the connection is reset'])
    expect(await verdict(by, await minted())).toMatchObject({ refusal: 'unavailable' })
  })
})

describe('oidc does not start', () => {
  const broken: Record<string, object> = {
    'with an issuer without TLS': { issuer: 'http://login.example' },
    'with an issuer that only looks like this machine': { issuer: 'http://127.0.0.1.example' },
    'with an issuer that is no URL': { issuer: 'login.example' },
    'with an issuer of another protocol': { issuer: 'file:///etc/passwd' },
    'without an issuer': { issuer: undefined },
    'with a key set without TLS': { jwksUri: 'http://login.example/jwks' },
    'without an audience': { audience: undefined },
    'with an empty audience': { audience: '' },
    'with no audiences': { audience: [] },
    'with an empty scope': { scope: ' ' },
    'with an empty client id': { clientId: '' },
    'with alg none': { algorithms: ['none'] },
    'with HS256': { algorithms: ['RS256', 'HS256'] },
    'with no algorithms': { algorithms: [] },
  }
  for (const [name, options] of Object.entries(broken)) {
    test(name, () => {
      const complete = { issuer: 'https://login.example', audience: 'postern', ...options }
      expect(() => oidc(complete as OidcOptions)).toThrow(TypeError)
    })
  }

  test('but for good reason', () => {
    for (const issuer of [
      'https://login.example/tenant',
      'http://localhost:8081',
      'http://[::1]:8081/x',
      'http://127.0.0.1',
    ]) {
      expect(oidc({ issuer, audience: 'postern' })).toMatchObject({ kind: 'oidc', needsBody: false, secrets: [] })
    }
  })
})
