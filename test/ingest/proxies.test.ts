// Whose word on the client's address counts: the rightmost that no trusted proxy wrote itself.
import { describe, expect, test } from 'vitest'
import type { TrustProxy } from '../../src/ingest/address.ts'
import { startTestGateway } from '../support/gateway.ts'
import { plain } from '../support/plain-adapter.ts'

type Case = [name: string, headers: string[], address: string]
const forwarded = (...values: string[]) => values.flatMap(value => ['X-Forwarded-For', value])

const suites: [name: string, trustProxy: TrustProxy | undefined, cases: Case[]][] = [
  [
    'nobody',
    undefined,
    [
      ['no header', [], '127.0.0.1'],
      ['a claim', forwarded('203.0.113.9'), '127.0.0.1'],
      ['Fly’s header', ['Fly-Client-IP', '203.0.113.9'], '127.0.0.1'],
    ],
  ],
  [
    'this machine and a network',
    ['127.0.0.1/32', '10.0.0.0/8', '2001:db8:ffff::/48'],
    [
      ['no header', [], '127.0.0.1'],
      ['one hop', forwarded('203.0.113.9'), '203.0.113.9'],
      ['a client’s own claim to the left', forwarded('198.51.100.1, 203.0.113.9'), '203.0.113.9'],
      ['two proxies', forwarded('198.51.100.1, 203.0.113.9, 10.1.2.3'), '203.0.113.9'],
      ['nothing but proxies', forwarded('10.0.0.2, 10.0.0.1'), '10.0.0.2'],
      ['several headers', forwarded('198.51.100.1', '203.0.113.9', '10.0.0.1'), '203.0.113.9'],
      ['a port', forwarded('203.0.113.9:4711'), '203.0.113.9'],
      ['IPv6', forwarded('2001:db8::9'), '2001:db8::9'],
      ['IPv6 with brackets', forwarded('[2001:db8::9]'), '2001:db8::9'],
      ['IPv6 with a port', forwarded('[2001:db8::9]:4711, [2001:db8:ffff::1]:1'), '2001:db8::9'],
      ['IPv4 in IPv6', forwarded('::ffff:203.0.113.9'), '203.0.113.9'],
      ['IPv4 in IPv6, in capitals', forwarded('::FFFF:203.0.113.9'), '203.0.113.9'],
      ['no address', forwarded('unknown'), '127.0.0.1'],
      ['no address beside one', forwarded('203.0.113.9, unknown'), '127.0.0.1'],
      ['a name', forwarded('client.example'), '127.0.0.1'],
      ['nothing', forwarded(''), '127.0.0.1'],
      ['commas', forwarded(',,'), '127.0.0.1'],
      ['a number, which is no address', forwarded('10'), '127.0.0.1'],
      ['an octal address', forwarded('010.0.0.1'), '127.0.0.1'],
      ['Fly’s header', ['Fly-Client-IP', '203.0.113.9'], '127.0.0.1'],
    ],
  ],
  [
    'Fly',
    'fly',
    [
      ['Fly’s header', ['Fly-Client-IP', '203.0.113.9'], '203.0.113.9'],
      ['IPv6', ['Fly-Client-IP', '2001:db8::9'], '2001:db8::9'],
      ['none', [], '127.0.0.1'],
      ['nonsense', ['Fly-Client-IP', 'x'], '127.0.0.1'],
      ['a forwarded one', forwarded('203.0.113.9'), '127.0.0.1'],
    ],
  ],
  ['another machine', ['10.0.0.1'], [['a claim by one that is not trusted', forwarded('203.0.113.9'), '127.0.0.1']]],
]

describe.each(suites)('trusting %s', (_name, trustProxy, cases) => {
  test('the address that counts', async () => {
    const gateway = await startTestGateway({
      config: { sources: { plain: plain() }, ...(trustProxy === undefined ? {} : { trustProxy }) },
    })
    try {
      for (const [name, headers, address] of cases) {
        const answer = await gateway.request('/hooks/plain', { method: 'POST', headers, body: `not a list: ${name}` })
        const { request } = answer.json as { request: string }
        const kept = (await gateway.api(`/quarantine/${request}`)).json as { address: string }
        expect([name, kept.address]).toEqual([name, address])
      }
    } finally {
      await gateway.close()
    }
  })
})
