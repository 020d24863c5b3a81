import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type HmacOptions, hmac } from '../../src/checks/hmac.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'
import { expectEveryFlipRefused } from './flips.ts'
import { receivedAt, refusedWith, request, signedRequest, verdictOf } from './request.ts'

const secret = 'topsecret'
const seconds = Math.floor(receivedAt / 1000)
const mac = (text: string | Buffer, key = secret, encoding: 'hex' | 'base64' = 'hex') =>
  createHmac('sha256', key).update(text).digest(encoding)
const stripe = { header: 'Stripe-Signature', secret, template: '{timestamp}.{body}', signatures: 't=,v1=' }
const slack = { header: 'X-S', secret, prefix: 'v0=', template: 'v0:{timestamp}:{body}', timestampHeader: 'X-T' }

describe('hmac', () => {
  test("GitHub's delivery passes, and under another secret does not", async () => {
    const github = (key: string) => hmac({ header: 'X-Hub-Signature-256', secret: key, prefix: 'sha256=' })
    const arrived = inbound(fixture('generic', 'github-style'))
    expect(await github(keys.github.secret).verify(arrived)).toEqual({ ok: true, by: 'hmac' })
    expect(await github('other').verify(arrived)).toEqual(refusedWith('unauthenticated', /does not match/))
  })

  test("Stripe's delivery passes within the tolerance, and not a second outside it", async () => {
    const check = hmac({ ...stripe, secret: keys.stripe.secret, toleranceSeconds: 300 })
    const at = async (second: number) =>
      (await check.verify(inbound(fixture('generic', 'stripe-style'), { receivedAt: second * 1000 }))).ok
    expect(await at(1_700_000_000)).toBe(true)
    expect([await at(1_700_000_300), await at(1_699_999_700)]).toEqual([true, true])
    expect([await at(1_700_000_301), await at(1_699_999_699)]).toEqual([false, false])
  })

  const ways: Record<string, HmacOptions> = {
    plain: { header: 'X-S', secret },
    prefixed: { header: 'X-S', secret, prefix: 'sha256=' },
    base64: { header: 'X-S', secret, encoding: 'base64' },
    sha512: { header: 'X-S', secret, algorithm: 'sha512', encoding: 'base64' },
    sha1: { header: 'X-S', secret, algorithm: 'sha1', prefix: 'sha1=' },
    stripe: { ...stripe, toleranceSeconds: 300 },
    slack,
    'one key': { header: 'X-S', secret, signatures: 'v1=' },
  }
  for (const [name, options] of Object.entries(ways)) {
    test(`${name}: what it signs passes, and no flipped byte does`, async () => {
      const check = hmac(options)
      const signed = check.reads.headers
      await expectEveryFlipRefused(check, signedRequest(check), [...signed])
    })
  }

  test('signs the bytes, so that two bodies that decode to one text differ', async () => {
    const check = hmac({ header: 'X-S', secret })
    const signature = mac(Buffer.from([0xff]))
    expect(await verdictOf(check, { headers: { 'x-s': signature }, body: Buffer.from([0xff]) })).toMatchObject({
      ok: true,
    })
    expect(await verdictOf(check, { headers: { 'x-s': signature }, body: Buffer.from([0xfe]) })).toMatchObject({
      ok: false,
    })
  })

  test('a signature that is absent, empty, a placeholder, cut or of a wrong length is refused, and nothing throws', async () => {
    const check = hmac({ header: 'X-S', secret })
    const right = mac('{"a":1}')
    for (const value of [
      '',
      ' ',
      'UNSIGNED',
      right.slice(2),
      `${right}00`,
      `sha256=${right}`,
      'zz',
      '\ud800',
      right.slice(1),
    ]) {
      expect(await verdictOf(check, { headers: { 'x-s': value } }), value).toMatchObject({ refusal: 'unauthenticated' })
    }
    expect(await verdictOf(check)).toEqual(refusedWith('unauthenticated', /x-s is missing/))
    expect(await verdictOf(check, { headers: { 'x-s': right } })).toMatchObject({ ok: true })
    expect(await verdictOf(check, { headers: { 'x-s': right.toUpperCase() } })).toMatchObject({ ok: true })
  })

  test('any of several signatures may match, under any secret of a rotation', async () => {
    const check = hmac({ ...stripe, secret: ['new', 'old'] })
    const v1 = mac(`${seconds}.{"a":1}`, 'old')
    const header = (value: string) => verdictOf(check, { headers: { 'stripe-signature': value } })
    expect(await header(`t=${seconds},v1=${'0'.repeat(64)},v1=${v1},v0=dead`)).toMatchObject({ ok: true })
    expect(await header(`v1=${v1}, t=${seconds}`)).toMatchObject({ ok: true })
    expect(await header(`t=${seconds},v0=${v1}`)).toMatchObject({ ok: false })
    expect(await header(`t=${seconds + 1},v1=${v1}`)).toMatchObject({ ok: false })
    expect(await header(`t=,v1=${v1}`)).toEqual(refusedWith('unauthenticated', /timestamp is missing/))
    expect(await header(`t=-1,v1=${v1}`)).toMatchObject({ ok: false })
  })

  test('a wrong signature is refused for that, whatever its time', async () => {
    const check = hmac({ ...stripe, toleranceSeconds: 1 })
    const value = `t=1,v1=${'0'.repeat(64)}`
    expect(await verdictOf(check, { headers: { 'stripe-signature': value } })).toEqual(
      refusedWith('unauthenticated', /does not match/),
    )
  })

  test('base64 takes the URL-safe alphabet and missing padding, but one text for one value', async () => {
    const check = hmac({ header: 'X-S', secret, encoding: 'base64' })
    // A body whose MAC has both characters that the alphabets differ in.
    const body = Array.from({ length: 1000 }, (_, at) => String(at)).find(text =>
      /\+.*\/|\/.*\+/.test(mac(text, secret, 'base64')),
    )
    const right = mac(body ?? '', secret, 'base64')
    const verdict = async (value: string) =>
      (await verdictOf(check, { headers: { 'x-s': value }, body: body ?? '' })).ok
    expect(await verdict(right)).toBe(true)
    expect(await verdict(right.replace('=', ''))).toBe(true)
    expect(await verdict(right.replaceAll('+', '-').replaceAll('/', '_'))).toBe(true)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const spare = alphabet[alphabet.indexOf(right.at(-2) ?? '') ^ 1]
    expect(await verdict(`${right.slice(0, -2)}${spare}=`)).toBe(false)
    expect(await verdict(`${right}=`)).toBe(false)
  })

  test('says what it reads, and that it needs the body', () => {
    expect(hmac(slack)).toMatchObject({ reads: { headers: ['x-s', 'x-t'], pathToken: false }, needsBody: true })
  })

  test('never puts a secret or a MAC into a reason', async () => {
    const check = hmac({ header: 'X-S', secret })
    expect(JSON.stringify(await verdictOf(check, { headers: { 'x-s': mac('other') } }))).not.toMatch(
      new RegExp(`${secret}|${mac('other').slice(0, 8)}|${mac('{"a":1}').slice(0, 8)}`),
    )
  })

  const broken: Record<string, unknown> = {
    'no header': { header: '', secret },
    'no secret': { header: 'x' },
    'an empty secret': { header: 'x', secret: '' },
    'no secrets': { header: 'x', secret: [] },
    'a template without a body': { header: 'x', secret, template: '{timestamp}' },
    'a timestamp from nowhere': { header: 'x', secret, template: '{timestamp}{body}' },
    'a tolerance for a time that nobody signed': { header: 'x', secret, toleranceSeconds: 300 },
    'a tolerance that is no number': { ...slack, toleranceSeconds: Number.NaN },
    'a negative tolerance': { ...slack, toleranceSeconds: -1 },
    'signature keys that are none': { ...stripe, signatures: 'v1' },
    'an unknown algorithm': { header: 'x', secret, algorithm: 'md17' },
    'an unknown encoding': { header: 'x', secret, encoding: 'utf8' },
  }
  for (const [name, options] of Object.entries(broken)) {
    test(`does not start with ${name}`, () => {
      expect(() => hmac(options as HmacOptions)).toThrow(TypeError)
    })
  }

  test('a request with the right signature of an empty body passes', async () => {
    expect(
      await hmac({ header: 'X-S', secret }).verify(request({ headers: { 'x-s': mac('') }, body: '' })),
    ).toMatchObject({
      ok: true,
    })
  })
})
