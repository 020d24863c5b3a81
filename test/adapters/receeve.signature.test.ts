import { constants, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { receeve } from '../../adapters/receeve/index.ts'
import type { ReceeveSignatureOptions } from '../../adapters/receeve/signature.ts'
import { Secret } from '../../src/config/secret.ts'
import { Inbound } from '../../src/ingest/request.ts'
import { fixture, keys } from '../contract/fixture.ts'

const pem = (modulusLength: number) =>
  generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
const pair = pem(2048)
const small = pem(1024)
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })
const pssOnly = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({
  type: 'spki',
  format: 'pem',
})
const vendorKey = keys.receeve.publicKeyPem as string
const created = fixture('receeve', 'event.claim.created.v1').body

function post(body: string | Buffer) {
  return new Inbound({
    method: 'POST',
    rest: '',
    query: '',
    headers: [],
    body: Buffer.from(body),
    receivedAt: 1,
    address: '::1',
  })
}

const verdict = (body: string | Buffer, options: Partial<ReceeveSignatureOptions> = {}) =>
  receeve.signature({ publicKey: vendorKey, ...options }).verify(post(body))
const passes = async (body: string | Buffer, options: Partial<ReceeveSignatureOptions> = {}) =>
  (await verdict(body, options)).ok

const text = '{"details":{"messageType":"event.claim.created.v1","amount":501}}'
const signatureOf = (signed: string, more: object = {}, hash = 'sha256') =>
  sign(hash, Buffer.from(signed), { key: pair.privateKey, ...more })
const body = (signature: string, more = `"payload":${text}`) =>
  `{${more === '' ? '' : `${more},`}"signature":${JSON.stringify(signature)},"payloadAsString":${JSON.stringify(text)}}`
const ours = { publicKey: pair.publicKey }

describe('receeve signature', () => {
  test('any flipped bit of the signed text is refused', async () => {
    const start = created.indexOf('"payloadAsString":"') + '"payloadAsString":"'.length
    await fc.assert(
      fc.asyncProperty(fc.nat(created.length - start - 4), fc.nat(7), async (at, bit) => {
        const bytes = Buffer.from(created)
        bytes[start + at]! ^= 1 << bit
        expect(await passes(bytes)).toBe(false)
      }),
    )
  })

  test('any other character in the signature is refused', async () => {
    const signature = JSON.parse(created).signature as string
    const letters = [...'ABCXYZabcxyz0189']
    await fc.assert(
      fc.asyncProperty(fc.nat(signature.length - 1), fc.constantFrom(...letters), async (at, letter) => {
        fc.pre(signature[at] !== letter)
        const forged = signature.slice(0, at) + letter + signature.slice(at + 1)
        expect(await passes(created.replace(signature, forged))).toBe(false)
      }),
    )
  })

  test('payload must say what the signed text says', async () => {
    const signature = signatureOf(text).toString('base64')
    expect(await passes(body(signature), ours)).toBe(true)
    expect(await passes(body(signature, ''), ours)).toBe(true)
    // The same, written otherwise.
    expect(
      await passes(
        body(signature, `"payload":{"details":{"amount":501.0,"messageType":"event.claim.created.v1"}}`),
        ours,
      ),
    ).toBe(true)
    for (const payload of [
      text.replace('501', '502'),
      text.replace('created', 'resolved'),
      '{}',
      'null',
      '[]',
      JSON.stringify(text),
    ]) {
      expect(await verdict(body(signature, `"payload":${payload}`), ours)).toMatchObject({
        ok: false,
        refusal: 'unauthenticated',
        reason: expect.stringContaining('payload does not say'),
      })
    }
  })

  test('what is signed and no JSON has no payload to agree with', async () => {
    const signed = (more: string) =>
      `{${more}"signature":"${signatureOf('x').toString('base64')}","payloadAsString":"x"}`
    expect(await passes(signed(''), ours)).toBe(true)
    expect(await passes(signed('"payload":null,'), ours)).toBe(false)
  })

  test('without payloadAsString it is refused, never made anew from payload', async () => {
    const signature = signatureOf(text).toString('base64')
    const missing = [
      `{"payload":${text},"signature":"${signature}"}`,
      `{"payload":${text},"signature":"${signature}","payloadAsString":null}`,
      `{"payload":${text},"signature":"${signature}","payloadAsString":""}`,
      `{"payload":${text},"signature":"${signature}","payloadAsString":${text}}`,
      '{}',
      '[]',
      'null',
    ]
    for (const each of missing) {
      expect(await verdict(each, ours)).toMatchObject({ ok: false, refusal: 'unauthenticated' })
    }
  })

  test('a member that is there twice is refused, however it is spelled', async () => {
    const good = body(signatureOf(text).toString('base64'))
    for (const double of ['"payloadAsString":"x"', '"signature":""', '"payload":{}', '"payload\\u0041sString":"x"']) {
      expect(await verdict(good.replace('{', `{${double},`), ours)).toMatchObject({
        reason: expect.stringContaining('twice'),
      })
    }
    expect(await passes(good.replace('{', '{"more":1,"more":2,'), ours)).toBe(true)
  })

  test('a body that is no JSON is unreadable', async () => {
    for (const each of ['', '{', 'x', Buffer.from([0xff, 0xfe])]) {
      expect(await verdict(each)).toMatchObject({ ok: false, refusal: 'unreadable' })
    }
  })

  test('a lone surrogate has the bytes of another text, and is refused', async () => {
    const signature = signatureOf('"\ufffd"').toString('base64')
    expect(await passes(`{"signature":"${signature}","payloadAsString":"\\"\\ufffd\\""}`, ours)).toBe(true)
    expect(await passes(`{"signature":"${signature}","payloadAsString":"\\"\\ud800\\""}`, ours)).toBe(false)
  })

  test('missing, placeholder and odd signatures never verify', async () => {
    for (const signature of ['', 'SIGNATURE', 'UNSIGNED', '=', 'A', ' ', 'äöü']) {
      expect(await passes(body(signature), ours), signature).toBe(false)
    }
    expect(await passes(`{"payload":${text},"payloadAsString":${JSON.stringify(text)}}`, ours)).toBe(false)
    expect(await passes(`{"signature":5,"payloadAsString":${JSON.stringify(text)}}`, ours)).toBe(false)
  })

  test('either alphabet of base64, with or without padding; not with stray bits at its end', async () => {
    const bytes = signatureOf(text)
    for (const each of [
      bytes.toString('base64'),
      bytes.toString('base64').replace(/=+$/, ''),
      bytes.toString('base64url'),
    ]) {
      expect(await passes(body(each), ours)).toBe(true)
    }
    const stray = bytes
      .toString('base64')
      .replace(/(.)==$/, (_, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}==`)
    expect(Buffer.from(stray, 'base64').equals(bytes)).toBe(true)
    expect(await passes(body(stray), ours)).toBe(false)
  })

  test('padding and hash are settings, and one does not pass for another', async () => {
    const pss = signatureOf(text, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }).toString('base64')
    const long = signatureOf(text, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }).toString('base64')
    const sha512 = signatureOf(text, {}, 'sha512').toString('base64')
    expect(await passes(body(pss), { ...ours, padding: 'pss' })).toBe(true)
    expect(await passes(body(long), { ...ours, padding: 'pss' })).toBe(true)
    expect(await passes(body(pss), ours)).toBe(false)
    expect(await passes(body(signatureOf(text).toString('base64')), { ...ours, padding: 'pss' })).toBe(false)
    expect(await passes(body(sha512), { ...ours, hash: 'sha512' })).toBe(true)
    expect(await passes(body(sha512), ours)).toBe(false)
    expect(() => receeve.signature({ ...ours, padding: 'oaep' as never })).toThrow(/`padding`/)
    expect(() => receeve.signature({ ...ours, hash: 'md5' as never })).toThrow(/`hash`/)
  })
})

describe('receeve public keys', () => {
  const jwk = createPublicKey(vendorKey).export({ format: 'jwk' })

  test.each([
    ['PEM', vendorKey],
    ['PEM on one line', vendorKey.replaceAll('\n', '\\n')],
    ['PEM of PKCS#1', createPublicKey(vendorKey).export({ type: 'pkcs1', format: 'pem' }) as string],
    ['JWK', jwk],
    ['JWK as text', JSON.stringify(jwk)],
    ['a set of JWKs', JSON.stringify({ keys: [createPublicKey(pair.publicKey).export({ format: 'jwk' }), jwk] })],
    ['two PEMs in one text', pair.publicKey + vendorKey],
    ['several, while they are rotated', [pair.publicKey, jwk]],
  ])('%s', async (_, publicKey) => {
    expect(await passes(created, { publicKey })).toBe(true)
  })

  test.each([
    ['nothing', ''],
    ['no key', 'no key'],
    ['a broken PEM', vendorKey.replace('MIIB', 'XXXX')],
    ['a broken JWK', { kty: 'RSA', n: 'x', e: 'AQAB' }],
    ['broken JSON', '{"kty":"RSA"'],
    ['a key below 2048 bits', small.publicKey],
    ['an elliptic key', elliptic as string],
    ['an RSA key bound to PSS', pssOnly as string],
    ['a private key', pair.privateKey],
    ['a private JWK', { ...jwk, d: 'AQAB' }],
    ['one bad among good ones', [vendorKey, small.publicKey]],
    ['two in one text, one of them bad', vendorKey + small.publicKey],
    ['none of several', []],
  ])('%s stops the start, and is not printed', (_, publicKey) => {
    let message = ''
    try {
      receeve.signature({ publicKey })
    } catch (error) {
      expect(error).toBeInstanceOf(TypeError)
      message = String((error as Error).stack).replace(/\n\s+at .*/g, '')
    }
    expect(message).toMatch(/receeve\.signature\.publicKey/)
    expect(message).not.toMatch(/MII|XXXX|BEGIN|AQAB/)
  })

  test('a secret that holds a bad key fails closed, with a reason', async () => {
    const secret = new Secret('KEY')
    for (const values of [['no key'], [small.publicKey], []]) {
      secret.resolve(values)
      expect(await verdict(created, { publicKey: secret })).toMatchObject({
        ok: false,
        refusal: 'unauthenticated',
        reason: expect.stringContaining('no usable public key'),
      })
    }
    secret.resolve(['no key', vendorKey])
    expect(await passes(created, { publicKey: secret })).toBe(true)
  })

  test('a secret is asked for as an RSA public key; the pair that was minted for it signs', async () => {
    const secret = new Secret('KEY')
    const check = receeve.signature({ publicKey: secret })
    expect(check.secrets).toEqual([{ secret, kind: 'rsa-public-key' }])
    expect(check.forVendor).toBe('receeve')
    const sample = { method: 'POST', rest: '', query: '', headers: {}, body: `{"payload":${text}}` }
    for (const padding of ['pkcs1', 'pss'] as const) {
      secret.resolve([pair.publicKey], pair.privateKey)
      const padded = receeve.signature({ publicKey: secret, padding })
      const signed = padded.sign?.(sample, { now: 0 })
      expect(JSON.parse(signed?.body ?? '{}')).toMatchObject({ payload: JSON.parse(text), payloadAsString: text })
      expect(await padded.verify(post(signed?.body ?? ''))).toMatchObject({ ok: true })
    }
    expect(check.sign?.({ ...sample, body: 'x' }, { now: 0 })).toBeUndefined()
    secret.resolve([pair.publicKey])
    expect(check.sign?.(sample, { now: 0 })).toBeUndefined()
    expect(receeve.signature(ours).sign?.(sample, { now: 0 })).toBeUndefined()
    expect(receeve.signature({ publicKey: [secret] }).sign?.(sample, { now: 0 })).toBeUndefined()
  })
})
