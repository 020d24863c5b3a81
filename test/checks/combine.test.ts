import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apiKey } from '../../src/checks/api-key.ts'
import { basic } from '../../src/checks/basic.ts'
import { bearer } from '../../src/checks/bearer.ts'
import { type Check, passed, readsNothing, refused } from '../../src/checks/check.ts'
import { allOf, anyOf, unverified, verifyEarly } from '../../src/checks/combine.ts'
import { hmac } from '../../src/checks/hmac.ts'
import { ipAllowlist } from '../../src/checks/ip-allowlist.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { request, signedRequest, verdictOf } from './request.ts'

const signature = hmac({ header: 'x-s', secret: 'topsecret' })
const key = apiKey({ header: 'x-k', key: 'k' })
const here = ipAllowlist(['192.0.2.0/24'])
const elsewhere = ipAllowlist(['198.51.100.0/24'])
const withKey = { headers: { 'x-k': 'k' } }

describe('allOf', () => {
  test('passes only if every part does', async () => {
    expect(await verdictOf(allOf(here, key), withKey)).toMatchObject({ ok: true })
    expect(await verdictOf(allOf(key, elsewhere), withKey)).toMatchObject({ ok: false, refusal: 'forbidden' })
    expect(await verdictOf(allOf(here, key))).toMatchObject({ ok: false, refusal: 'unauthenticated' })
  })

  test('what it signs passes; where a part cannot sign, nothing is signed', async () => {
    const check = allOf(signature, key, here)
    expect(await check.verify(signedRequest(check))).toMatchObject({ ok: true })
    const { sign: _, ...mute } = key
    expect(
      allOf(signature, mute).sign?.({ method: 'POST', rest: '', query: '', headers: {}, body: '' }, { now: 0 }),
    ).toBe(undefined)
  })
})

describe('anyOf', () => {
  test('passes if one part does', async () => {
    expect(await verdictOf(anyOf(signature, key), withKey)).toEqual({ ok: true, by: 'api-key' })
    expect(await verdictOf(anyOf(key, signature), withKey)).toEqual({ ok: true, by: 'api-key' })
    expect(await verdictOf(anyOf(signature, elsewhere))).toMatchObject({ ok: false })
  })

  test('a client without credentials is told every scheme that it may use', async () => {
    const verdict = await verdictOf(anyOf(basic({ username: 'a', password: 'b' }), bearer('t')))
    expect(verdict).toMatchObject({
      missing: true,
      challenge: 'Basic realm="postern", charset="UTF-8", Bearer',
      refusal: 'unauthenticated',
    })
  })

  test('wrong credentials for one part are no mere knock, though the other saw none', async () => {
    const check = anyOf(basic({ username: 'a', password: 'b' }), key)
    const verdict = await verdictOf(check, { headers: { 'x-k': 'wrong' } })
    expect(verdict).toMatchObject({ ok: false, challenge: expect.stringContaining('Basic') })
    expect(verdict).not.toHaveProperty('missing')
  })

  test('our own trouble counts more than a refusal, and a 401 more than a 404', async () => {
    const away: Check = { ...key, verify: () => refused('unavailable', 'away') }
    expect(await verdictOf(anyOf(key, away, pathToken('t')))).toMatchObject({ refusal: 'unavailable' })
    expect(await verdictOf(anyOf(pathToken('t'), key))).toMatchObject({ refusal: 'unauthenticated' })
    expect(await verdictOf(anyOf(key, pathToken('t')))).toMatchObject({ refusal: 'unauthenticated' })
  })

  test('signs with the first part that can', async () => {
    const { sign: _, ...mute } = signature
    const check = anyOf(mute, key)
    expect(await check.verify(signedRequest(check))).toEqual({ ok: true, by: 'api-key' })
  })
})

describe('a combination', () => {
  test('reads what its parts read', () => {
    expect(allOf(signature, key, pathToken('t'), here)).toMatchObject({
      reads: { headers: ['x-s', 'x-k'], pathToken: true, query: [] },
      needsBody: true,
    })
    expect(anyOf(key, here).needsBody).toBe(false)
    expect(anyOf(key, pathToken('t')).ownsSegment?.('t')).toBe(true)
    expect(anyOf(key, signature).ownsSegment).toBe(undefined)
  })

  test('is weak where an address alone could pass it', () => {
    expect([allOf(here, key).weak, allOf(here, here).weak, anyOf(here, key).weak, anyOf(key, key).weak]).toEqual([
      false,
      true,
      true,
      false,
    ])
  })

  test('needs parts, all of them checks, and never unverified()', () => {
    expect(() => allOf()).toThrow(/at least one/)
    expect(() => anyOf()).toThrow(/at least one/)
    expect(() => allOf(unverified('why') as never)).toThrow(/unverified\(\) cannot/)
    expect(() => anyOf(key, unverified('why') as never)).toThrow(/unverified\(\) cannot/)
    for (const odd of [undefined, null, 'key', {}]) expect(() => allOf(odd as never)).toThrow(/expected checks/)
    for (const why of ['', ' ', undefined]) expect(() => unverified(why as never)).toThrow(/say why/)
    expect(unverified('a laboratory')).toEqual({ kind: 'unverified', why: 'a laboratory' })
  })

  test('of a vendor keeps its vendor', () => {
    const forBanclo = { ...key, forVendor: 'banclo' } as Check<'banclo'>
    expect(allOf<'banclo'>(here, forBanclo).forVendor).toBe('banclo')
  })
})

describe('verifyEarly', () => {
  const early = (check: Check<string>, sketch = {}) => verifyEarly(check, request(sketch))

  test('decides what needs no body, and leaves open what does', async () => {
    expect(await early(key, withKey)).toMatchObject({ ok: true })
    expect(await early(signature)).toBe(undefined)
    expect(await early(allOf(here, signature))).toBe(undefined)
    expect(await early(anyOf(key, signature))).toBe(undefined)
  })

  test('refuses before the body is read what no body could save', async () => {
    expect(await early(allOf(signature, elsewhere))).toMatchObject({ refusal: 'forbidden' })
    expect(await early(allOf(signature, anyOf(elsewhere, pathToken('t'))))).toMatchObject({ ok: false })
    expect(await early(anyOf(elsewhere, key))).toMatchObject({ ok: false })
  })

  test('passes before the body is read what no body could condemn', async () => {
    expect(await early(anyOf(signature, key), withKey)).toMatchObject({ ok: true })
    expect(await early(allOf(here, key), withKey)).toMatchObject({ ok: true })
    expect(await early(anyOf(allOf(signature, here), key), withKey)).toMatchObject({ ok: true })
  })

  test('whatever it decides is what the whole check says', async () => {
    const leaf = fc.record({ ok: fc.boolean(), needsBody: fc.boolean() }).map(
      ({ ok, needsBody }): Check => ({
        kind: 'leaf',
        reads: readsNothing,
        needsBody,
        secrets: [],
        verify: () => (ok ? passed('leaf') : refused('unauthenticated', 'leaf')),
      }),
    )
    const { tree } = fc.letrec<{ tree: Check }>(tie => ({
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map(parts => allOf(...parts)),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }).map(parts => anyOf(...parts)),
      ),
    }))
    await fc.assert(
      fc.asyncProperty(tree, async check => {
        const decided = await early(check)
        const whole = await check.verify(request())
        if (decided !== undefined) expect(decided.ok).toBe(whole.ok)
        if (!check.needsBody) expect(decided).not.toBe(undefined)
      }),
    )
  })
})

describe('what a sender must have', () => {
  const password = basic({ username: 'arix', password: 'x' })
  const inPath = pathToken('t')
  const signed = hmac({ header: 'X-Signature', secret: 's' })
  const wanted = { kind: 'basic', username: 'arix', password: 'x' }

  test('of allOf is all of it, and cannot be said where one part cannot say it', () => {
    expect(allOf(inPath, password).credentials?.()).toEqual([wanted])
    expect(allOf(password, bearer('b')).credentials?.()).toEqual([
      wanted,
      { kind: 'header', name: 'Authorization', value: 'Bearer b' },
    ])
    expect(allOf(password, signed).credentials).toBeUndefined()
  })

  test('of anyOf is that of the first part that can say it', () => {
    expect(anyOf(signed, password, bearer('b')).credentials?.()).toEqual([wanted])
    expect(anyOf(signed, signed).credentials).toBeUndefined()
  })
})
