// What bad input gets: a clear status for each, no 500, nothing stored that was not genuine, nothing genuine lost.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine, banclo, embarc, receeve } from '../../adapters/index.ts'
import { basic } from '../../src/checks/basic.ts'
import { pathToken } from '../../src/checks/path-token.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { ballerineBody, ballerineHeaders, bancloBody, bancloEvent, basicHeader } from '../support/signed.ts'

const bodyBytesMax = 200_000
const config = {
  sources: {
    ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }), bodyBytesMax }),
    banclo: banclo({ check: banclo.signature({ secret: keys.banclo.hmacSecret, covers: 'body-without-security' }) }),
    arix: arix({ partner: 'TST', check: basic({ username: 'arix', password: 'arix-pass-word' }) }),
    embarc: embarc({ check: pathToken('t0ken-in-path'), currency: 'USD' }),
    receeve: receeve({ check: receeve.signature({ publicKey: keys.receeve.publicKeyPem }) }),
  },
}

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ config, secrets: ['arix-pass-word'] })
})
afterAll(() => gateway.close())

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

/** What of a genuine request with such a body becomes. */
const bodies: [name: string, body: string | Buffer, becomes: 'accepted' | 'quarantined'][] = [
  ['malformed JSON', '{"id":"m1","eventName":', 'quarantined'],
  ['text after the JSON', `${ballerineBody('m2')}}`, 'quarantined'],
  ['an empty body', '', 'quarantined'],
  ['white space', ' \n ', 'quarantined'],
  ['null', 'null', 'quarantined'],
  ['a number', '1e400000', 'quarantined'],
  ['an array', '[]', 'quarantined'],
  ['10,000 levels of arrays', nested(10_000), 'quarantined'],
  ['10,000 levels that never end', '['.repeat(10_000), 'quarantined'],
  ['10,000 levels of objects', '{"a":'.repeat(10_000), 'quarantined'],
  ['an envelope with 10,000 levels in it', ballerineBody('n1', `"context":${nested(10_000)}`), 'quarantined'],
  ['duplicate keys', ballerineBody('d1', '"id":"d2"'), 'accepted'],
  ['__proto__', ballerineBody('p1', '"__proto__":{"polluted":true},"constructor":1'), 'accepted'],
  ['nothing but __proto__', '{"__proto__":{"eventName":"workflow.completed","id":"p2"}}', 'quarantined'],
  ['escaped lone surrogates', ballerineBody('s1', '"state":"\\ud800x","correlationId":"\\udfff"'), 'accepted'],
  ['U+0000', ballerineBody('z1', '"correlationId":"a\\u0000b","state":"\\u0000"'), 'accepted'],
  ['a huge exponent', ballerineBody('e1', '"correlationId":1e400000'), 'accepted'],
  [
    'lone surrogates in bytes',
    Buffer.from(ballerineBody('s2', '"state":"X"').replace('X', '\xed\xa0\x80'), 'latin1'),
    'quarantined',
  ],
  ['invalid UTF-8', Buffer.from(ballerineBody('u1', '"state":"X"').replace('X', '\xff\xfe'), 'latin1'), 'quarantined'],
  ['a byte order mark', `\ufeff${ballerineBody('b1')}`, 'accepted'],
  ['UTF-16', Buffer.from(ballerineBody('b2'), 'utf16le'), 'quarantined'],
  ['a form', 'id=f1&eventName=workflow.completed', 'quarantined'],
  ['bytes', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), 'quarantined'],
]

describe('genuine requests with a bad body', () => {
  test.each(bodies)('$0: $2', async (_name, body, becomes) => {
    const answer = await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining(becomes)])
    const again = await gateway.post('/hooks/ballerine', body, ballerineHeaders(body))
    if (becomes === 'accepted') {
      const { id } = answer.json as { id: string }
      expect(again.json).toEqual({ id, status: 'duplicate' })
      expect((await gateway.api(`/events/${id}/raw`)).bytes).toEqual(Buffer.from(body))
      expect((await gateway.api(`/events/${id}?include=original`)).status).toBe(200)
    } else {
      const { request } = answer.json as { request: string }
      expect(again.json).toEqual({ request, status: 'quarantined' })
      expect((await gateway.api(`/quarantine/${request}/raw`)).bytes).toEqual(Buffer.from(body))
      const waiting = await gateway.quarantine()
      expect(waiting.filter(({ id }) => id === request)).toHaveLength(1)
    }
  })

  test('nothing has been put into every object', () => {
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test.each([
    'text/plain',
    'application/xml',
    'multipart/form-data; boundary=x',
    '',
    'application/json; charset=utf-16',
  ])('content type %o: it is read by its bytes', async type => {
    const body = ballerineBody(`type-${type}`)
    const headers = { ...ballerineHeaders(body), 'Content-Type': type }
    expect((await gateway.post('/hooks/ballerine', body, headers)).json).toMatchObject({ status: 'accepted' })
  })

  test.each(bodies)('$0, behind a check that needs no body', async (_name, body) => {
    const answers = await Promise.all([
      gateway.post('/hooks/arix', body, { authorization: basicHeader('arix', 'arix-pass-word') }),
      gateway.post('/hooks/arix/LoanStatusUpdated', body, { authorization: basicHeader('arix', 'arix-pass-word') }),
      gateway.post('/hooks/embarc/t0ken-in-path/', body),
      gateway.post('/hooks/embarc/t0ken-in-path/', body, { 'content-type': 'application/x-www-form-urlencoded' }),
    ])
    for (const answer of answers) expect([answer.status, answer.text]).toEqual([200, expect.stringMatching(/status/)])
  })
})

describe('the same bodies from a stranger', () => {
  test.each(bodies)('$0: refused, recorded, and nothing else', async (_name, body) => {
    const before = await stored()
    const rejected = (await gateway.rejections()).length
    const signedByNobody = { 'X-HMAC-Signature': '0'.repeat(64) }
    const answers = await Promise.all([
      gateway.post('/hooks/ballerine', body, signedByNobody),
      gateway.post('/hooks/banclo', body),
      gateway.post('/hooks/receeve', body),
      gateway.post('/hooks/arix', body, { authorization: basicHeader('arix', 'wrong') }),
      gateway.post('/hooks/embarc/wrong', body),
    ])
    const expected = [[401], [400, 401], [400, 401], [401], [404]]
    for (const [index, { status }] of answers.entries()) expect(expected[index]).toContain(status)
    for (const { headers, text, status } of answers) {
      expect(headers['content-type']).toBe('application/problem+json')
      expect(Object.keys(JSON.parse(text) as object)).toEqual(['type', 'title', 'status'])
      expect(JSON.parse(text)).toMatchObject({ status })
    }
    expect(await stored()).toEqual(before)
    await expect.poll(async () => (await gateway.rejections()).length).toBe(rejected + 5)
  })
})

test('a body that must be read to be checked and cannot be: 400, whoever sent it', async () => {
  for (const source of ['banclo', 'receeve']) {
    const answer = await gateway.post(`/hooks/${source}`, nested(10_000))
    expect(answer.status).toBe(400)
    expect((await gateway.rejections())[0]).toMatchObject({ source, status: 400, truncated: false })
  }
})

test('a genuine signature inside a body with odd members is found, and what is not JSON text is not changed', async () => {
  for (const [index, odd] of ['"\\ud800"', '{"__proto__":[]}', '1e400000', '"\\u0000"', '""'].entries()) {
    const body = bancloBody(
      bancloEvent(`evt_odd_${index}`)
        .replace(/"task"/, odd)
        .replace(/\}$/, `,"odd":${odd}}`),
    )
    const answer = await gateway.post('/hooks/banclo', body)
    expect(answer.json, odd).toMatchObject({ status: 'accepted' })
    const { id } = answer.json as { id: string }
    expect((await gateway.api(`/events/${id}/raw`)).text).toBe(body)
    expect((await gateway.api(`/events/${id}?include=original`)).text).toContain(`"original":${body}}}`)
  }
})

test('200 headers, and a header of 15 kB, are no reason to refuse', async () => {
  const body = ballerineBody('headers')
  const many = Array.from({ length: 200 }, (_, index) => [`X-Filler-${index}`, 'v']).flat()
  const genuine = [...Object.entries(ballerineHeaders(body)).flat(), ...many]
  expect((await gateway.request('/hooks/ballerine', { method: 'POST', headers: genuine, body })).status).toBe(200)
  expect((await gateway.request('/hooks/ballerine', { method: 'POST', headers: many, body })).status).toBe(401)
  const long = { ...ballerineHeaders(body), 'X-Long': 'x'.repeat(15_000) }
  expect((await gateway.post('/hooks/ballerine', body, long)).json).toMatchObject({ status: 'duplicate' })
  const tooLong = { ...ballerineHeaders(body), 'X-Long': 'x'.repeat(40_000) }
  expect((await gateway.post('/hooks/ballerine', body, tooLong)).status).toBe(431)
})

test('an unknown source: 404, and nothing is recorded', async () => {
  const before = await gateway.rejections()
  for (const name of ['nobody', '__proto__', 'constructor', 'toString', '', '%zz', '%E0%A4%A', 'Banclo']) {
    const answer = await gateway.post(`/hooks/${name}`, '{}')
    expect([name, answer.status]).toEqual([name, 404])
  }
  expect(await gateway.rejections()).toEqual(before)
})

test('it works as before after all of that', async () => {
  const body = bancloBody(bancloEvent('evt_after_all'))
  expect((await gateway.post('/hooks/banclo', body)).json).toMatchObject({ status: 'accepted' })
  expect(gateway.requests().filter(({ status }) => Number(status) >= 500)).toEqual([])
  expect(gateway.lines().filter(({ level }) => Number(level) >= 50)).toEqual([])
})

async function stored() {
  return { events: (await gateway.events()).length, quarantine: (await gateway.quarantine()).length }
}
