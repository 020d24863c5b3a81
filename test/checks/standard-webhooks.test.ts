import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { standardWebhooksSignature } from '../../src/checks/standard-webhooks.ts'
import { Secret } from '../../src/config/secret.ts'
import { fixture, inbound, keys } from '../contract/fixture.ts'
import { expectEveryFlipRefused } from './flips.ts'
import { type RequestSketch, receivedAt, refusedWith, request, sample, signedRequest, verdictOf } from './request.ts'

const secret: string = keys.standardWebhooks.secret
const other = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
const check = standardWebhooksSignature({ secret })
const seconds = Math.floor(receivedAt / 1000)
const body = '{"type":"a.b"}'

/** Signed by the package that others sign with. */
const peer = (id = 'msg_1', at = seconds, text = body, key = secret) =>
  new Webhook(key).sign(id, new Date(at * 1000), text)
const sketch = (signature: string, id = 'msg_1', at: number | string = seconds): RequestSketch => ({
  headers: { 'webhook-id': id, 'webhook-timestamp': String(at), 'webhook-signature': signature },
  body,
})

describe('standardWebhooks.signature', () => {
  test("the specification's own example passes, its second signature matching", async () => {
    const arrived = inbound(fixture('generic', 'standard-webhooks'), { receivedAt: 1_674_087_231_000 })
    expect(await check.verify(arrived)).toEqual({ ok: true, by: 'standard-webhooks' })
  })

  test('what the npm package signs passes, and it takes what we sign', async () => {
    expect(await verdictOf(check, sketch(peer()))).toMatchObject({ ok: true })
    const now = Date.now()
    const ours = signedRequest(check, now)
    expect(await check.verify(ours)).toMatchObject({ ok: true })
    expect(new Webhook(secret).verify(ours.body.toString(), Object.fromEntries(ours.headers))).toEqual({ a: 'ä' })
  })

  test('no flipped byte of body, id, timestamp or signature passes', async () => {
    const headers = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
    await expectEveryFlipRefused(check, signedRequest(check), headers)
    await expectEveryFlipRefused(ed25519.check, request(sketch(ed25519.sign())), headers)
  })

  test('a body with one invalid byte does not pass under the signature of what it decodes to', async () => {
    const replaced = '{"a":"\ufffd"}'
    const invalid = Buffer.from(replaced.replace('\ufffd', '\xff'), 'latin1')
    const headers = sketch(peer('msg_1', seconds, replaced)).headers ?? {}
    expect(await verdictOf(check, { headers, body: replaced })).toMatchObject({ ok: true })
    expect(await verdictOf(check, { headers, body: invalid })).toMatchObject({ ok: false })
    // The package takes it: the reason that it does not verify here.
    const now = Math.floor(Date.now() / 1000)
    const lately = sketch(peer('msg_1', now, replaced), 'msg_1', now).headers as Record<string, string>
    expect(new Webhook(secret).verify(invalid, lately)).toEqual({ a: '\ufffd' })
  })

  test('a body that is no UTF-8 passes under its own signature', async () => {
    const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x7d])
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    const mac = createHmac('sha256', key).update(`msg_1.${seconds}.`).update(bytes).digest('base64')
    expect(await verdictOf(check, { ...sketch(`v1,${mac}`), body: bytes })).toMatchObject({ ok: true })
  })

  test('any of several signatures may match, under any of several secrets', async () => {
    const rotating = standardWebhooksSignature({ secret: [other, secret] })
    const wrong = `v1,${Buffer.alloc(32).toString('base64')}`
    for (const header of [peer(), `${wrong} ${peer()}`, `v9,abc ${wrong} ${peer()} ${wrong}`, `v1,%% ${peer()}`]) {
      expect(await verdictOf(rotating, sketch(header)), header).toMatchObject({ ok: true })
    }
    expect(await verdictOf(rotating, sketch(peer('msg_1', seconds, body, other)))).toMatchObject({ ok: true })
    expect(await verdictOf(check, sketch(peer('msg_1', seconds, body, other)))).toEqual(
      refusedWith('unauthenticated', /no signature.*matches/),
    )
  })

  test('v1a passes under its public key, beside a v1 secret or alone', async () => {
    expect(await verdictOf(ed25519.check, sketch(ed25519.sign()))).toMatchObject({ ok: true })
    const both = standardWebhooksSignature({ secret: [secret, ed25519.publicKey] })
    expect(await verdictOf(both, sketch(`${peer('msg_2')} ${ed25519.sign()}`))).toMatchObject({ ok: true })
    expect(await verdictOf(both, sketch(peer()))).toMatchObject({ ok: true })
  })

  test('a signature counts for its own version only', async () => {
    const both = standardWebhooksSignature({ secret: [secret, ed25519.publicKey] })
    for (const header of [peer().replace('v1,', 'v1a,'), ed25519.sign().replace('v1a,', 'v1,'), peer().slice(3)]) {
      expect(await verdictOf(both, sketch(header)), header).toMatchObject({ refusal: 'unauthenticated' })
    }
    // A public key is no secret: whoever knows it must not sign with it.
    const forged = new Webhook(ed25519.publicKey.slice('whpk_'.length)).sign('msg_1', new Date(seconds * 1000), body)
    expect(await verdictOf(ed25519.check, sketch(forged))).toMatchObject({ ok: false })
  })

  test('the timestamp may lie five minutes off, in the past or the future, by the clock of the receipt', async () => {
    const at = async (offset: number) =>
      (await verdictOf(check, sketch(peer('msg_1', seconds + offset), 'msg_1', seconds + offset))).ok
    expect([await at(-299), await at(300)]).toEqual([true, true])
    expect([await at(-301), await at(302)]).toEqual([false, false])
    const wide = standardWebhooksSignature({ secret, toleranceSeconds: 3600 })
    expect(await verdictOf(wide, sketch(peer('msg_1', seconds - 3000), 'msg_1', seconds - 3000))).toMatchObject({
      ok: true,
    })
  })

  test('id and timestamp must be there and be what they should', async () => {
    const refusedFor = async (id: string, at: string | number, reason: RegExp) =>
      expect(await verdictOf(check, sketch(peer(id), id, at))).toEqual(refusedWith('unauthenticated', reason))
    await refusedFor('', seconds, /webhook-id is missing/)
    await refusedFor('msg_1\n', seconds, /control character/)
    await refusedFor('msg_\u0085', seconds, /control character/)
    // `a.1` at 2 and `a` at `1.2` would have one signature.
    await refusedFor('msg.1', seconds, /full stop/)
    for (const at of ['', '1e9', '-1', `${seconds}.0`, ` ${seconds}x`, '9'.repeat(13)]) {
      await refusedFor('msg_1', at, /webhook-timestamp is missing/)
    }
    await expect(verdictOf(check, { body })).resolves.toMatchObject({ refusal: 'unauthenticated' })
  })

  test('a signature that is absent, empty or a placeholder is refused', async () => {
    for (const header of [
      '',
      ' ',
      'v1,',
      'v1',
      ',',
      'UNSIGNED',
      'v1,UNSIGNED',
      `v1,${'A'.repeat(43)}=`,
      `v1a,${'A'.repeat(86)}==`,
    ]) {
      expect(await verdictOf(check, sketch(header)), header).toMatchObject({ refusal: 'unauthenticated' })
    }
  })

  test('a sample keeps its own id', () => {
    const signed = check.sign?.({ ...sample, headers: { 'webhook-id': 'msg_own' } }, { now: receivedAt })
    expect(signed?.headers).toMatchObject({ 'webhook-id': 'msg_own', 'webhook-timestamp': String(seconds) })
    expect(ed25519.check.sign?.(sample, { now: receivedAt })).toBe(undefined)
  })

  test('does not start with a secret that is none', () => {
    for (const text of [
      '',
      'whsec_',
      'whpk_',
      'whpk_AAAA',
      'whsec_no base64',
      `whsk_${'A'.repeat(43)}`,
      [],
      ['whsec_AAAA', ''],
    ]) {
      expect(() => standardWebhooksSignature({ secret: text }), String(text)).toThrow(
        /standardWebhooks\.signature\.secret/,
      )
    }
    for (const toleranceSeconds of [0, -1, Number.NaN]) {
      expect(() => standardWebhooksSignature({ secret, toleranceSeconds })).toThrow(/toleranceSeconds/)
    }
  })

  test('a secret that resolved to nothing usable verifies nothing', async () => {
    const unusable = new Secret('UNUSABLE')
    unusable.resolve(['placeholder!', ''])
    const by = standardWebhooksSignature({ secret: unusable })
    expect(by.secrets).toEqual([{ secret: unusable, kind: 'standard-webhooks' }])
    expect(await verdictOf(by, sketch(peer()))).toEqual(refusedWith('unauthenticated', /no secret is/))
  })
})

const ed25519 = (() => {
  const pair = generateKeyPairSync('ed25519')
  const raw = pair.publicKey.export({ format: 'jwk' }).x ?? ''
  const publicKey = `whpk_${Buffer.from(raw, 'base64url').toString('base64')}`
  return {
    publicKey,
    check: standardWebhooksSignature({ secret: publicKey }),
    sign: () => `v1a,${sign(null, Buffer.from(`msg_1.${seconds}.${body}`), pair.privateKey).toString('base64')}`,
  }
})()
