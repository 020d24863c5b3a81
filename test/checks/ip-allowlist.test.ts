import { describe, expect, test } from 'vitest'
import { ipAllowlist } from '../../src/checks/ip-allowlist.ts'
import { refusedWith, verdictOf } from './request.ts'

const allows = async (cidrs: string[], address: string) => (await verdictOf(ipAllowlist(cidrs), { address })).ok

describe('ipAllowlist', () => {
  test('addresses in a network pass, its first and last among them', async () => {
    for (const address of ['10.1.0.0', '10.1.255.255', '10.1.2.3', '::ffff:10.1.2.3', '::ffff:0a01:0203']) {
      expect(await allows(['192.0.2.7', '10.1.0.0/16'], address), address).toBe(true)
    }
    expect(await allows(['192.0.2.7'], '192.0.2.7')).toBe(true)
    expect(await allows(['2001:db8::/32'], '2001:db8:ffff::1')).toBe(true)
    expect(await allows(['2001:DB8::1'], '2001:db8:0:0::1')).toBe(true)
    expect(await allows(['10.1.2.3/16'], '10.1.9.9')).toBe(true)
  })

  test('all others are refused with 403', async () => {
    const check = ipAllowlist(['10.1.0.0/16', '2001:db8::/32'])
    for (const address of [
      '10.2.0.0',
      '10.0.255.255',
      '2001:db9::1',
      '::1',
      '::',
      '',
      'unknown',
      '10.1.2.3:80',
      '10.1.2',
    ]) {
      expect(await verdictOf(check, { address }), address).toEqual(refusedWith('forbidden', /not on the allowlist/))
    }
  })

  test('a network of IPv4 addresses written as IPv6 is one of IPv4', async () => {
    expect(await allows(['::ffff:10.1.0.0/112'], '10.1.2.3')).toBe(true)
    expect(await allows(['::ffff:10.1.0.0/112'], '10.2.2.3')).toBe(false)
    expect(await allows(['::ffff:10.1.2.3'], '10.1.2.3')).toBe(true)
  })

  test('what reads like an address but means another does not start', () => {
    for (const text of [
      '10/8',
      '10.1/16',
      '010.0.0.1',
      '0x0a.0.0.1',
      '10.0.0.0/33',
      '10.0.0.0/',
      '2001:db8::/129',
      'example.com',
      '',
      ' ',
      '10.0.0.0/-1',
    ]) {
      expect(() => ipAllowlist([text]), text).toThrow(TypeError)
    }
    expect(() => ipAllowlist([])).toThrow(/at least one/)
    expect(() => ipAllowlist('10.0.0.0/8' as never)).toThrow(TypeError)
    expect(() => ipAllowlist(['nonsense'])).toThrow(/"nonsense"/)
  })

  test('is weak alone, needs no body and signs by doing nothing', () => {
    const check = ipAllowlist(['10.0.0.0/8'])
    expect(check).toMatchObject({ weak: true, needsBody: false, secrets: [] })
    const sample = { method: 'POST', rest: '', query: '', headers: {}, body: '' }
    expect(check.sign?.(sample, { now: 0 })).toEqual(sample)
  })
})
