// Requests as proxies, old clients and attackers put them on the wire, byte by byte.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ballerine } from '../../adapters/index.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { RawConnection, statuses } from '../support/http.ts'
import { ballerineBody, ballerineHeaders } from '../support/signed.ts'

let gateway: TestGateway
beforeAll(async () => {
  const check = ballerine.signature({ secret: keys.ballerine.hmacSecret })
  gateway = await startTestGateway({ config: { sources: { ballerine: ballerine({ check }) } } })
})
afterAll(() => gateway.close())

let number = 0
/** A genuine request whose first lines are as they are given. */
function wire(lines: readonly string[], { body = ballerineBody(`wire-${++number}`), length = true } = {}): string {
  const signed = Object.entries(ballerineHeaders(body)).map(([name, value]) => `${name}: ${value}`)
  const counted = length ? [`Content-Length: ${Buffer.byteLength(body)}`] : []
  return [...lines, ...signed, ...counted, '', body].join('\r\n')
}

async function answerTo(text: string): Promise<string> {
  const connection = new RawConnection(gateway.url)
  connection.write(text)
  const received = await connection.until(all => all.endsWith('}') || all.startsWith('HTTP/1.1 400 '))
  connection.destroy()
  return received
}

describe('genuine requests', () => {
  test.each([
    ['as nginx forwards them', ['POST /hooks/ballerine HTTP/1.0', 'Host: gateway', 'Connection: close']],
    ['without a host, as HTTP/1.0 allows', ['POST /hooks/ballerine HTTP/1.0']],
    ['with a name that DNS forbids', ['POST /hooks/ballerine HTTP/1.1', 'Host: my_gateway.internal:8080']],
    ['with an address for a host', ['POST /hooks/ballerine HTTP/1.1', 'Host: [::1]:8080']],
    ['with an empty host', ['POST /hooks/ballerine HTTP/1.1', 'Host: ']],
    ['with a target in absolute form', ['POST http://gateway/hooks/ballerine HTTP/1.1', 'Host: gateway']],
    ['with an odd query', ['POST /hooks/ballerine?%ff&=&%00#x HTTP/1.1', 'Host: gateway']],
    ['with a keep-alive', ['POST /hooks/ballerine HTTP/1.1', 'Host: gateway', 'Connection: keep-alive']],
    [
      'with an upgrade that nobody takes',
      ['POST /hooks/ballerine HTTP/1.1', 'Host: gateway', 'Connection: upgrade', 'Upgrade: h2c'],
    ],
    ['with header bytes that are no ASCII', ['POST /hooks/ballerine HTTP/1.1', 'Host: gateway', 'X-Name: J\u00fcrgen']],
  ])('%s', async (_name, lines) => {
    const received = await answerTo(wire(lines))
    expect([statuses(received), received]).toEqual([[200], expect.stringContaining('"status":"accepted"')])
  })

  test('that wait for 100 Continue are told to go on', async () => {
    const body = ballerineBody('continue')
    const connection = new RawConnection(gateway.url)
    const text = wire(['POST /hooks/ballerine HTTP/1.1', 'Host: gateway', 'Expect: 100-continue'], { body })
    connection.write(text.slice(0, -body.length))
    await connection.until(received => received.includes('100 Continue'))
    connection.write(body)
    expect(statuses(await connection.until(received => received.includes('"accepted"')))).toEqual([100, 200])
    connection.destroy()
  })

  test('in chunks with extensions and trailers', async () => {
    const body = ballerineBody('trailers')
    const head = wire(['POST /hooks/ballerine HTTP/1.1', 'Host: gateway', 'Transfer-Encoding: chunked'], {
      body,
      length: false,
    })
    const chunks = [...body].map(character => `1;ext=1\r\n${character}\r\n`).join('')
    const received = await answerTo(
      `${head.slice(0, -body.length)}${chunks}0\r\nX-Hmac-Signature: ${'0'.repeat(64)}\r\n\r\n`,
    )
    expect(received).toContain('"status":"accepted"')
  })

  test('after one another over one connection, refused and accepted', async () => {
    const connection = new RawConnection(gateway.url)
    const line = ['POST /hooks/ballerine HTTP/1.1', 'Host: gateway']
    const unsigned = 'POST /hooks/ballerine HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2\r\n\r\n{}'
    const unknown = 'POST /hooks/nobody HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2\r\n\r\n{}'
    connection.write(wire(line) + unsigned + wire(line) + unknown + wire(line))
    const received = await connection.until(text => text.split('"accepted"').length === 4)
    expect(statuses(received)).toEqual([200, 401, 200, 404, 200])
    connection.destroy()
  })
})

test('a host that is none is refused, a health check of HTTP/1.0 is answered', async () => {
  for (const host of ['a b', 'a@b', 'a/b', 'http://a']) {
    const received = await answerTo(wire(['POST /hooks/ballerine HTTP/1.1', `Host: ${host}`]))
    expect([host, statuses(received)]).toEqual([host, [400]])
  }
  expect(statuses(await answerTo('GET /livez HTTP/1.0\r\n\r\n'))).toEqual([200])
})

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['a NUL in a header', 'POST /hooks/ballerine HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n'],
  ['a header folded', 'POST /hooks/ballerine HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
  ['a space before the colon', 'POST /hooks/ballerine HTTP/1.1\r\nHost: a\r\nContent-Length : 1\r\n\r\nx'],
  [
    'bare line feeds in chunks',
    'POST /hooks/ballerine HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n',
  ],
  ['another encoding of the transfer', 'POST /hooks/ballerine HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n'],
  ['a version that is none', 'POST /hooks/ballerine HTTP/9.9\r\nHost: a\r\n\r\n'],
])('%s: refused, the connection ends, and the next one is served', async (_name, text) => {
  const connection = new RawConnection(gateway.url)
  connection.write(Buffer.from(text, 'latin1'))
  expect(statuses(await connection.closed())).toEqual([400])
  expect((await gateway.request('/livez')).status).toBe(200)
})
