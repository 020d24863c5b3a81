// Signing: the secrets that are taken, and what is never said of one.
import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { assertSigningSecret, signer } from '../../src/delivery/signature.ts'

const key = (bytes: number) => Buffer.alloc(bytes, 0xa7).toString('base64')

test.each([24, 25, 32, 64])('%d bytes are taken, with and without padding', bytes => {
  for (const text of [`whsec_${key(bytes)}`, `whsec_${key(bytes).replace(/=+$/, '')}`]) {
    expect(() => assertSigningSecret('to.secret', text)).not.toThrow()
    const mac = createHmac('sha256', Buffer.alloc(bytes, 0xa7)).update('evt_1.17.body').digest('base64')
    expect(signer([text])!('evt_1', 17, Buffer.from('body'))).toBe(`v1,${mac}`)
  }
})

test.each([
  ['too short', `whsec_${key(23)}`, /got 23 bytes/],
  ['too long', `whsec_${key(65)}`, /got 65 bytes/],
  ['empty', 'whsec_', /no base64/],
  ['without its prefix', key(32), /begin with/],
  ["a vendor's private half", `whsk_${key(64)}`, /begin with/],
  ['no base64', `whsec_${key(32).slice(0, -3)}!!=`, /no base64/],
  ['URL-safe', `whsec_${Buffer.alloc(32, 0xfb).toString('base64url')}`, /no base64/],
  ['with a blank', `whsec_${key(32)} `, /no base64/],
])('a secret that is %s is refused by the name of its setting, and not repeated', (_, text, why) => {
  const check = () => assertSigningSecret('subscriptions.a.to.secret', text)
  expect(check).toThrow(TypeError)
  expect(check).toThrow(why)
  expect(check).toThrow(/^subscriptions\.a\.to\.secret: expected `whsec_` and base64 of 24 to 64 bytes/)
  if (text.length > 10) expect(check).not.toThrow(text.slice(6, 16))
  expect(() => signer([text])).toThrow(TypeError)
})

test('without secrets nothing is signed', () => {
  expect(signer([])).toBeUndefined()
})
