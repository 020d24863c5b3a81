import { describe, expect, test } from 'vitest'
import { basic } from '../../src/checks/basic.ts'
import { refusedWith, signedRequest, verdictOf } from './request.ts'

const check = basic({ username: 'arix', password: 'pass:wörd' })
const encoded = (text: string | Uint8Array) => Buffer.from(text).toString('base64')
const authorized = (value: string, by = check) => verdictOf(by, { headers: { Authorization: value } })

describe('basic', () => {
  test('a password may hold colons and letters beyond ASCII; the scheme is of any case', async () => {
    for (const scheme of ['Basic', 'basic', 'BASIC ']) {
      expect(await authorized(`${scheme} ${encoded('arix:pass:wörd')}`)).toEqual({ ok: true, by: 'basic' })
    }
  })

  test('a request without credentials is told the scheme, and is no more than a knock', async () => {
    for (const sketch of [{}, { headers: { Authorization: ' ' } }]) {
      expect(await verdictOf(check, sketch)).toEqual({
        ...refusedWith('unauthenticated', /no Authorization/),
        challenge: 'Basic realm="postern", charset="UTF-8"',
        missing: true,
      })
    }
  })

  test('wrong, foreign and broken credentials are refused, challenged, and no mere knock', async () => {
    const values = [
      `Basic ${encoded('arix:wrong')}`,
      `Basic ${encoded('other:pass:wörd')}`,
      `Basic ${encoded('arix')}`,
      `Basic ${encoded('arix:')}`,
      `Basic ${encoded(':')}`,
      `Bearer ${encoded('arix:pass:wörd')}`,
      encoded('arix:pass:wörd'),
      `Basic ${encoded('arix:pass:wörd')} x`,
      'Basic',
      'Basic ',
      'Basic !!!',
      'Basic \u0000',
    ]
    for (const value of values) {
      const verdict = await authorized(value)
      expect(verdict, value).toMatchObject({ refusal: 'unauthenticated', challenge: expect.stringMatching(/^Basic /) })
      expect(verdict, value).not.toHaveProperty('missing')
    }
  })

  test('credentials are compared as bytes: what is no UTF-8 equals no text', async () => {
    const odd = basic({ username: 'a', password: '\ufffd' })
    expect(await authorized(`Basic ${encoded('a:\ufffd')}`, odd)).toMatchObject({ ok: true })
    expect(await authorized(`Basic ${encoded(Buffer.from([97, 58, 0xff]))}`, odd)).toMatchObject({ ok: false })
  })

  test('during a rotation every password passes, and an empty one never', async () => {
    const rotating = basic({ username: 'a', password: ['new', 'old'] })
    expect(await authorized(`Basic ${encoded('a:old')}`, rotating)).toMatchObject({ ok: true })
    expect(await authorized(`Basic ${encoded('a:new')}`, rotating)).toMatchObject({ ok: true })
    expect(await authorized(`Basic ${encoded('a:')}`, rotating)).toMatchObject({ ok: false })
  })

  test('what it signs passes, and no flipped byte of the credentials does', async () => {
    const signed = signedRequest(check)
    const credentials = signed.header('authorization')?.slice('Basic '.length) ?? ''
    expect(await check.verify(signed)).toMatchObject({ ok: true })
    for (let at = 0; at < credentials.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = String.fromCharCode(credentials.charCodeAt(at) ^ (1 << bit))
        const value = `Basic ${credentials.slice(0, at)}${flipped}${credentials.slice(at + 1)}`
        expect(await authorized(value), value).toMatchObject({ ok: false })
      }
    }
  })

  test('the body is none of its business', () => {
    expect(check).toMatchObject({ needsBody: false, reads: { headers: ['authorization'] } })
  })

  test('a reason never repeats what was presented', async () => {
    const value = encoded('arix:presented')
    expect(JSON.stringify(await authorized(`Basic ${value}`))).not.toMatch(new RegExp(`presented|${value}|wörd`))
  })

  test('does not start without a password, or with a user name that no client could send', () => {
    expect(() => basic({ username: 'a', password: '' })).toThrow(/basic\.password/)
    expect(() => basic({ username: 'a:b', password: 'x' })).toThrow(/username/)
    expect(() => basic({ username: undefined as never, password: 'x' })).toThrow(/username/)
  })
})
