// The checks that compare one text: bearer, api-key, path-token.
import { describe, expect, test } from 'vitest'
import { apiKey } from '../../src/checks/api-key.ts'
import { bearer } from '../../src/checks/bearer.ts'
import { equalSecret, equalsAnySecret } from '../../src/checks/equal.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { Secret } from '../../src/config/secret.ts'
import { refusedWith, signedRequest, verdictOf } from './request.ts'

describe('bearer', () => {
  const check = bearer(['new-token', 'old-token'])
  const authorized = (value: string) => verdictOf(check, { headers: { authorization: value } })

  test('every token of a rotation passes, with the scheme in any case', async () => {
    for (const value of ['Bearer new-token', 'bearer old-token', 'BEARER  new-token ']) {
      expect(await authorized(value), value).toEqual({ ok: true, by: 'bearer' })
    }
    expect(await check.verify(signedRequest(check))).toMatchObject({ ok: true })
  })

  test('without a token it challenges, and says that none was sent', async () => {
    expect(await verdictOf(check)).toMatchObject({ challenge: 'Bearer', missing: true, refusal: 'unauthenticated' })
  })

  test('other tokens and schemes are refused', async () => {
    for (const value of [
      'Bearer wrong',
      'Bearer new-toke',
      'Bearer',
      'Bearer  ',
      'new-token',
      'Basic new-token',
      'Bearer new-token x',
    ]) {
      const verdict = await authorized(value)
      expect(verdict, value).toMatchObject({ refusal: 'unauthenticated', challenge: expect.stringMatching(/^Bearer/) })
      expect(verdict, value).not.toHaveProperty('missing')
      expect(JSON.stringify(verdict)).not.toMatch(/new-tok|wrong"/)
    }
  })

  test('does not start without a token', () => {
    for (const token of ['', [], undefined, ['x', '']]) expect(() => bearer(token as string)).toThrow(TypeError)
  })

  test('a secret that resolved to nothing verifies nothing', async () => {
    const unset = new Secret('UNSET')
    unset.resolve([''])
    expect(await verdictOf(bearer(unset), { headers: { authorization: 'Bearer ' } })).toMatchObject({ ok: false })
    expect(await verdictOf(bearer(unset), { headers: { authorization: 'Bearer undefined' } })).toMatchObject({
      ok: false,
    })
    expect(bearer(unset).sign?.({ method: 'POST', rest: '', query: '', headers: {}, body: '' }, { now: 0 })).toBe(
      undefined,
    )
  })
})

describe('apiKey', () => {
  const check = apiKey({ header: 'X-Api-Key', key: 'k1' })

  test('the key passes, whatever the case of the header', async () => {
    expect(await verdictOf(check, { headers: { 'x-API-key': 'k1' } })).toEqual({ ok: true, by: 'api-key' })
    expect(await check.verify(signedRequest(check))).toMatchObject({ ok: true })
    expect(check.reads.headers).toEqual(['x-api-key'])
  })

  test('no key, an empty one and a wrong one are refused', async () => {
    expect(await verdictOf(check)).toEqual(refusedWith('unauthenticated', /x-api-key is missing/))
    for (const value of ['', 'k', 'k11', 'K1', 'UNSIGNED']) {
      expect(await verdictOf(check, { headers: { 'x-api-key': value } }), value).toMatchObject({ ok: false })
    }
  })

  test('does not start without a header or a key', () => {
    expect(() => apiKey({ header: '', key: 'x' })).toThrow(/header/)
    expect(() => apiKey({ header: 'x', key: '' })).toThrow(/apiKey\.key/)
  })
})

describe('pathToken', () => {
  const check = pathToken(['t-new', 't-old'])

  test('the first segment passes as any of the tokens', async () => {
    expect(await verdictOf(check, { pathToken: 't-old' })).toEqual({ ok: true, by: 'path-token' })
    expect(await check.verify(signedRequest(check))).toMatchObject({ ok: true })
    expect([check.ownsSegment?.('t-new'), check.ownsSegment?.('LoanStatusUpdated'), check.ownsSegment?.('')]).toEqual([
      true,
      false,
      false,
    ])
  })

  test('anything else is as if the path did not exist', async () => {
    for (const token of [undefined, '', 't-new2', 'T-NEW', '__proto__']) {
      const verdict = await verdictOf(check, { pathToken: token })
      expect(verdict, token).toMatchObject({ ok: false, refusal: 'not_found' })
      expect(verdict).not.toHaveProperty('challenge')
    }
  })
})

describe('comparing with a secret', () => {
  test('lengths may differ without a throw, and an empty text equals no secret', () => {
    expect(equalSecret('a', 'a')).toBe(true)
    expect(equalSecret('a', 'ab')).toBe(false)
    expect(equalSecret(Buffer.from([0xff]), '\ufffd')).toBe(false)
    expect(equalsAnySecret('', ['', 'a'])).toBe(false)
    expect(equalsAnySecret('a', [])).toBe(false)
    expect(equalsAnySecret('b', ['a', 'b'])).toBe(true)
  })
})
