import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ballerine } from '../../adapters/ballerine/index.ts'
import { verifyEarly } from '../../src/checks/combine.ts'
import { Secret } from '../../src/config/secret.ts'
import { Inbound } from '../../src/ingest/request.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'

const secret = keys.ballerine.hmacSecret as string
const source = ballerine({ check: ballerine.signature({ secret }) })
const completed = fixture('ballerine', 'workflow.completed')

function post(body: string, { headers = {} as Record<string, string> } = {}) {
  return inbound({ vendor: 'ballerine', name: '', method: 'POST', path: '/hooks/ballerine', headers, body })
}

describe('ballerine signature', () => {
  const verify = async (headers: Record<string, string>, require?: ('signature' | 'authorization')[], key = secret) => {
    const check = ballerine.signature({ secret: key, ...(require === undefined ? {} : { require }) })
    return (await check.verify(post(completed.body, { headers }))).ok
  }
  const signature = completed.headers['X-HMAC-Signature']!
  const signed = { 'X-HMAC-Signature': signature }
  const authorized = { 'X-Authorization': secret }

  test('any flipped bit of the body or the signature is refused', async () => {
    const check = ballerine.signature({ secret })
    const flip = (text: string, at: number, bit: number) => {
      const bytes = Buffer.from(text)
      bytes[at % bytes.length]! ^= 1 << bit
      return bytes
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(7), fc.boolean(), async (at, bit, inBody) => {
        const request = new Inbound({
          method: 'POST',
          rest: '',
          query: '',
          headers: [['x-hmac-signature', inBody ? signature : flip(signature, at, bit).toString('latin1')]],
          body: inBody ? flip(completed.body, at, bit) : Buffer.from(completed.body),
          receivedAt: 1,
          address: '::1',
        })
        expect((await check.verify(request)).ok).toBe(false)
      }),
    )
  })

  test('UNSIGNED, an empty header and none at all never verify, for either proof', async () => {
    for (const value of ['UNSIGNED', '', ' ', 'undefined', signature.toUpperCase(), `sha256=${signature}`]) {
      expect(await verify({ 'X-HMAC-Signature': value }), value).toBe(false)
    }
    for (const value of ['UNSIGNED', '', ' ', 'undefined', signature, `${secret} `, `Bearer ${secret}`]) {
      expect(await verify({ 'X-Authorization': value }, ['authorization']), value).toBe(false)
    }
    const unsigned = post(completed.body, { headers: { 'X-HMAC-Signature': 'UNSIGNED' } })
    expect(await ballerine.signature({ secret }).verify(unsigned)).toMatchObject({
      reason: 'x-hmac-signature is UNSIGNED',
    })
    expect(await verify({})).toBe(false)
    expect(await verify({}, ['authorization'])).toBe(false)
  })

  test('UNSIGNED is no secret, given at once or read later', async () => {
    expect(() => ballerine.signature({ secret: 'UNSIGNED' })).toThrow(/ballerine\.signature\.secret/)
    expect(() => ballerine.signature({ secret: ['a', 'UNSIGNED'] })).toThrow(TypeError)
    const late = new Secret('X')
    late.resolve(['UNSIGNED'])
    const check = ballerine.signature({ secret: late, require: ['authorization'] })
    expect(await check.verify(post('{}', { headers: { 'X-Authorization': 'UNSIGNED' } }))).toMatchObject({ ok: false })
    expect(check.sign?.({ method: 'POST', rest: '', query: '', headers: {}, body: '{}' }, { now: 0 })).toBeUndefined()
  })

  test('what is required must all be there, and nothing else counts', async () => {
    expect(await verify(signed)).toBe(true)
    expect(await verify(authorized)).toBe(false)
    expect(await verify(authorized, ['authorization'])).toBe(true)
    expect(await verify(signed, ['authorization'])).toBe(false)
    expect(await verify({ ...signed, ...authorized }, ['signature', 'authorization'])).toBe(true)
    expect(await verify(signed, ['signature', 'authorization'])).toBe(false)
    expect(await verify(authorized, ['signature', 'authorization'])).toBe(false)
  })

  test('X-Authorization is the key itself: read, and so scrubbed, under every setting', () => {
    for (const require of [['signature'], ['authorization'], ['signature', 'authorization']] as const) {
      const check = ballerine.signature({ secret, require })
      expect([...check.reads.headers].sort()).toEqual(['x-authorization', 'x-hmac-signature'])
      expect(check.forVendor).toBe('ballerine')
      expect(check.needsBody).toBe(require.some(each => each === 'signature'))
    }
    expect(source.adapter.secretHeaders).toEqual(expect.arrayContaining(['x-authorization', 'authorization']))
    expect(source.adapter.redact).toEqual(expect.arrayContaining(['data.metadata.token', '*.metadata.token']))
  })

  test('a stranger is refused by X-Authorization before the body is read', async () => {
    const check = ballerine.signature({ secret, require: ['signature', 'authorization'] })
    expect(await verifyEarly(check, post('', { headers: signed }))).toMatchObject({ ok: false })
    expect(await verifyEarly(check, post('', { headers: { ...signed, ...authorized } }))).toBeUndefined()
  })

  test('while a secret is rotated the old one verifies too', async () => {
    const check = ballerine.signature({ secret: ['new', secret] })
    expect(await check.verify(post(completed.body, { headers: signed }))).toMatchObject({ ok: true })
  })

  test('options that cannot work are refused', () => {
    for (const require of [[], ['hmac'], 'signature']) {
      expect(() => ballerine.signature({ secret, require: require as never })).toThrow(/`require`/)
    }
    expect(() => ballerine.signature({ secret: '' })).toThrow(TypeError)
  })
})
