import { createHmac, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { type JwtOptions, jwt } from '../../src/checks/jwt.ts'
import { Secret } from '../../src/config/secret.ts'
import { receivedAt, refusedWith, signedRequest, verdictOf } from './request.ts'

const now = Math.floor(receivedAt / 1000)
const secret = 'a-shared-secret-of-some-length-0123456789'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const pem = (pair: typeof rsa) => pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()

interface Sketch {
  alg?: string
  key?: Parameters<InstanceType<typeof SignJWT>['sign']>[0]
  claims?: Record<string, unknown>
}
const token = ({ alg = 'HS256', key = Buffer.from(secret), claims = {} }: Sketch = {}) =>
  new SignJWT({ exp: now + 60, iss: 'https://issuer.example', aud: 'postern', ...claims })
    .setProtectedHeader({ alg })
    .sign(key)
const authorized = (check: ReturnType<typeof jwt>, value: string) =>
  verdictOf(check, { headers: { authorization: `Bearer ${value}` } })
const byHand = (header: object, claims: object, signature = '') =>
  `${[header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.${signature}`

describe('jwt with a secret', () => {
  const check = jwt({ secret, algorithms: ['HS256'], issuer: 'https://issuer.example', audience: 'postern' })

  test('a right token passes, and what it signs itself', async () => {
    expect(await authorized(check, await token())).toEqual({ ok: true, by: 'jwt' })
    expect(await authorized(check, await token({ claims: { aud: ['x', 'postern'] } }))).toMatchObject({ ok: true })
    expect(await check.verify(signedRequest(check))).toMatchObject({ ok: true })
  })

  test('another issuer, audience or secret is refused', async () => {
    const refusedFor = async (sketch: Sketch) =>
      expect(await authorized(check, await token(sketch)), JSON.stringify(sketch.claims)).toEqual({
        ...refusedWith('unauthenticated', /^the token is refused/),
        challenge: 'Bearer error="invalid_token"',
      })
    for (const iss of ['https://issuer.example/', 'x', undefined, ['https://issuer.example'], {}])
      await refusedFor({ claims: { iss } })
    for (const aud of ['other', [], ['other'], undefined, 7]) await refusedFor({ claims: { aud } })
    await refusedFor({ key: Buffer.from('another-secret-of-some-length-0123456789') })
  })

  test('exp is needed, and times are judged at the receipt with 30 s to spare', async () => {
    const ok = async (claims: Record<string, unknown>) => (await authorized(check, await token({ claims }))).ok
    expect([await ok({ exp: now - 29 }), await ok({ exp: now - 30 }), await ok({ exp: now - 31 })]).toEqual([
      true,
      false,
      false,
    ])
    expect([await ok({ nbf: now + 30 }), await ok({ nbf: now + 31 })]).toEqual([true, false])
    for (const exp of [undefined, 'soon', null, String(now + 60)]) expect(await ok({ exp }), String(exp)).toBe(false)
  })

  test('no token passes without its signature, or with an alg that is not allowed', async () => {
    const claims = { exp: now + 60, iss: 'https://issuer.example', aud: 'postern' }
    for (const alg of ['none', 'None', 'NONE', 'HS384', 'RS256', '', undefined, ['HS256']]) {
      expect(await authorized(check, byHand({ alg }, claims, 'AAAA')), String(alg)).toMatchObject({ ok: false })
    }
    expect(await authorized(check, byHand({ alg: 'none' }, claims))).toMatchObject({ ok: false })
    expect(await authorized(check, byHand({ alg: 'HS256' }, claims))).toMatchObject({ ok: false })
    expect(await authorized(check, byHand({ alg: 'HS256', b64: false, crit: ['b64'] }, claims, 'AAAA'))).toMatchObject({
      ok: false,
    })
    const [head, payload] = (await token()).split('.')
    expect(await authorized(check, `${head}.${payload}.`)).toMatchObject({ ok: false })
  })

  test('the key is never taken from the token', async () => {
    const jwk = ec.publicKey.export({ format: 'jwk' })
    const forged = await new SignJWT({ exp: now + 60 }).setProtectedHeader({ alg: 'ES256', jwk }).sign(ec.privateKey)
    expect(await authorized(jwt({ publicKey: pem(rsa), algorithms: ['RS256', 'ES256'] }), forged)).toMatchObject({
      ok: false,
    })
  })

  test('what is no token is refused, and nothing throws', async () => {
    const right = await token()
    const odd = [
      'a',
      'a.b',
      'a.b.c',
      '..',
      right.slice(0, -1),
      `${right}x`,
      `${right}.x`,
      right.replaceAll('.', '..'),
      `x${right}`,
    ]
    odd.push(byHand({ alg: 'HS256' }, [1] as object, 'AAAA'), `${Buffer.from('[]').toString('base64url')}.e30.AAAA`)
    for (const value of odd) {
      const verdict = await authorized(check, value)
      expect(verdict, value).toMatchObject({ ok: false, refusal: 'unauthenticated', challenge: expect.any(String) })
      expect(JSON.stringify(verdict)).not.toContain(value.slice(0, 20).padEnd(20, '!'))
    }
    expect(await verdictOf(check)).toMatchObject({ missing: true, challenge: 'Bearer' })
    expect(await verdictOf(check, { headers: { authorization: 'Basic eDp5' } })).toMatchObject({ challenge: 'Bearer' })
  })

  test('no flipped character of a token passes', async () => {
    const right = await token()
    for (let at = 0; at < right.length; at++) {
      const flipped = right.slice(0, at) + String.fromCharCode(right.charCodeAt(at) ^ 1) + right.slice(at + 1)
      expect(await authorized(check, flipped), String(at)).toMatchObject({ ok: false })
    }
    expect(await authorized(check, right)).toMatchObject({ ok: true })
  })

  test('during a rotation every secret verifies', async () => {
    const rotating = jwt({ secret: ['newer-secret-of-some-length-0123456789', secret], algorithms: ['HS256', 'HS512'] })
    expect(await authorized(rotating, await token())).toMatchObject({ ok: true })
    expect(await authorized(rotating, await token({ alg: 'HS512' }))).toMatchObject({ ok: true })
  })
})

describe('jwt with a public key', () => {
  const pairs: [JwtOptions['algorithms'][number], typeof rsa][] = [
    ['RS256', rsa],
    ['RS512', rsa],
    ['PS256', rsa],
    ['ES256', ec],
    ['EdDSA', ed],
  ]
  for (const [alg, pair] of pairs) {
    test(`${alg} passes under PEM and JWK, not under another key`, async () => {
      const right = await token({ alg, key: pair.privateKey })
      const jwk = JSON.stringify(pair.publicKey.export({ format: 'jwk' }))
      const by = (publicKey: string | string[]) => jwt({ publicKey, algorithms: [alg] } as JwtOptions)
      for (const key of [pem(pair), jwk, pem(pair).replaceAll('\n', '\\n'), [pem(pair === ec ? ed : ec), pem(pair)]]) {
        expect(await authorized(by(key), right), String(key)).toMatchObject({ ok: true })
      }
      expect(await authorized(by(pem(pair === rsa ? ec : rsa)), right)).toMatchObject({ ok: false })
    })
  }

  test('an HS256 token signed with the public key as its secret is refused', async () => {
    const check = jwt({ publicKey: pem(rsa), algorithms: ['RS256'] })
    for (const key of [pem(rsa), pem(rsa).trim(), JSON.stringify(rsa.publicKey.export({ format: 'jwk' }))]) {
      const [head, payload] = (await token()).split('.')
      const signature = createHmac('sha256', key).update(`${head}.${payload}`).digest('base64url')
      expect(await authorized(check, `${head}.${payload}.${signature}`)).toMatchObject({ ok: false })
    }
  })

  test('signs a sample where the pair was minted here', async () => {
    const minted = new Secret('MINTED')
    minted.resolve([pem(rsa)], rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
    for (const alg of ['RS256', 'PS256'] as const) {
      const check = jwt({ publicKey: minted, algorithms: [alg], issuer: 'i', audience: ['a', 'b'] })
      expect(check.secrets).toEqual([{ secret: minted, kind: 'rsa-public-key' }])
      expect(await check.verify(signedRequest(check)), alg).toMatchObject({ ok: true })
    }
    expect(() => signedRequest(jwt({ publicKey: pem(rsa), algorithms: ['RS256'] }))).toThrow(/did not sign/)
    expect(() => signedRequest(jwt({ publicKey: minted, algorithms: ['ES256'] }))).toThrow(/did not sign/)
  })

  test('a key that resolved to nothing usable verifies nothing', async () => {
    const unusable = new Secret('UNUSABLE')
    unusable.resolve(['-----BEGIN NOTHING-----'])
    const check = jwt({ publicKey: unusable, algorithms: ['RS256'] })
    expect(await authorized(check, await token({ alg: 'RS256', key: rsa.privateKey }))).toEqual({
      ...refusedWith('unauthenticated', /jwt\.publicKey holds no key/),
      challenge: 'Bearer error="invalid_token"',
    })
  })
})

describe('jwt does not start', () => {
  const broken: Record<string, unknown> = {
    'without a key': { algorithms: ['HS256'] },
    'with both': { secret, publicKey: pem(rsa), algorithms: ['HS256'] },
    'with an empty secret': { secret: '', algorithms: ['HS256'] },
    'without algorithms': { secret },
    'with no algorithms': { secret, algorithms: [] },
    'with alg none': { secret, algorithms: ['HS256', 'none'] },
    'with a secret for RS256': { secret, algorithms: ['RS256'] },
    'with a public key for HS256': { publicKey: pem(rsa), algorithms: ['RS256', 'HS256'] },
    'with a text for a key': { publicKey: 'key', algorithms: ['RS256'] },
    'with an algorithm that is none': { publicKey: pem(rsa), algorithms: ['RS1'] },
  }
  for (const [name, options] of Object.entries(broken)) {
    test(name, () => expect(() => jwt(options as JwtOptions)).toThrow(TypeError))
  }
})
