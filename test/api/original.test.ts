// `data.original` is the vendor's own text, spliced in and never serialised anew; `/raw` is its bytes, whatever they are.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ballerine, generic } from '../../adapters/index.ts'
import { unverified } from '../../src/checks/combine.ts'
import { keys } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'
import { ballerineHeaders } from '../support/signed.ts'

const check = unverified('a test')
/** Finds nothing: the content is the key. */
const id = 'headers."x-nothing"'
let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({
    config: {
      sources: {
        // Understands whatever it gets, so that every body becomes an event.
        any: generic({ id, vendor: 'any', check, type: `'thing.happened'` }),
        mapped: generic({
          id,
          vendor: 'mapped',
          check,
          type: `'thing.happened'`,
          data: '{original: body.mine, b: body.b}',
        }),
        known: generic({ id, vendor: 'known', check, type: `'loan.created'`, data: '{refs: {loan: body.loan}}' }),
        redacting: generic({ id, vendor: 'redacting', check, type: `'thing.happened'`, redact: ['secret.word'] }),
        plain: plain(),
        ballerine: ballerine({ check: ballerine.signature({ secret: keys.ballerine.hmacSecret }) }),
      },
    },
  })
})
afterAll(() => gateway.close())

async function sent(target: string, body: string | Uint8Array): Promise<string> {
  const answer = await gateway.post(target, body)
  expect(answer.json, answer.text).toMatchObject({ status: 'accepted' })
  return (answer.json as { id: string }).id
}

/** The text between `"original":` and the end of the event. */
async function originalOf(id: string, query = ''): Promise<string> {
  const answer = await gateway.api(`/events/${id}${query}`)
  expect(answer.status).toBe(200)
  expect(answer.json, answer.text).toEqual(expect.any(Object))
  const at = answer.text.indexOf(',"original":')
  return answer.text.slice(at + ',"original":'.length, -2)
}

const json = [
  '{"amount":9007199254740993.10,"rate":1.0E7,"tiny":1e-400,"zero":-0.0}',
  '{"a":1,"a":2,"a":{"b":1,"b":2}}',
  ' \r\n\t{ "spaced" : [ 1 , 2 ] } \n',
  '[]',
  '[1,2,3]',
  'null',
  '0',
  '-0.00e+00',
  '"text"',
  '"\\ud800 alone, \\u0000 and \\u2028"',
  '"\u2028\u2029 and 😀"',
  '{"__proto__":{"x":1},"constructor":null}',
  '{"original":"its own","data":{"original":1}}',
  '"}}"',
]
const text = [
  'entityName=CLIENT&request=%7Bfirstname%3DAlice%7D&a=1&a=2',
  '<xml attribute="&quot;"/>',
  '{"cut":',
  '{"a":1}{"b":2}',
  "{'a':1}",
  '[1,]',
  '01',
  'NaN',
  '\u0000\u0001',
  '   ',
  `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
]

describe('an original', () => {
  test.each(json)('that is JSON stands there to the letter: %j', async body => {
    const id = await sent('/hooks/any', body)
    expect(await originalOf(id)).toBe(body)
    expect(await originalOf(id, '?include=original')).toBe(body)
    expect((await gateway.api(`/events/${id}/raw`)).bytes).toEqual(Buffer.from(body))
  })

  test.each(text.map(body => [body.slice(0, 40), body]))('that is none is a string: %j', async (_, body) => {
    const id = await sent('/hooks/any', body)
    expect(await originalOf(id)).toBe(JSON.stringify(body))
    expect((await gateway.api(`/events/${id}/raw`)).bytes).toEqual(Buffer.from(body))
  })

  test('behind a byte order mark is JSON; its bytes are whole', async () => {
    const body = '\ufeff{"a":1.0}'
    const id = await sent('/hooks/any', body)
    expect(await originalOf(id)).toBe('{"a":1.0}')
    expect((await gateway.api(`/events/${id}/raw`)).bytes).toEqual(Buffer.from(body))
  })

  test('that is no UTF-8 is a string with U+FFFD; its bytes are whole', async () => {
    for (const body of [Buffer.from([0x22, 0xff, 0x22]), Buffer.from([0xc3]), Buffer.from([0xed, 0xa0, 0x80])]) {
      const id = await sent('/hooks/any', body)
      expect(JSON.parse(await originalOf(id))).toBe(body.toString('utf8'))
      expect((await gateway.api(`/events/${id}/raw`)).bytes).toEqual(body)
    }
  })

  test('of an empty body is the query, as it came', async () => {
    const id = await sent('/hooks/any?a=1&a=%C3%BC&b=1.0E7', '')
    expect(await originalOf(id)).toBe('"a=1&a=%C3%BC&b=1.0E7"')
    expect((await gateway.api(`/events/${id}/raw`)).bytes).toHaveLength(0)
    expect(await originalOf(await sent('/hooks/any', ''))).toBe('""')
    const answer = await gateway.request('/hooks/ballerine/custom/x?n=%22', { headers: ballerineHeaders('') })
    expect(await originalOf((answer.json as { id: string }).id)).toBe('"n=%22"')
  })

  test('is there once, though a mapping has a member of that name', async () => {
    const body = '{"mine":"mapped","b":1.50}'
    const { text } = await gateway.api(`/events/${await sent('/hooks/mapped', body)}`)
    expect(text.match(/"original":/g)).toHaveLength(1)
    expect(text.endsWith(`"data":{"refs":{},"b":"1.50","original":${body}}}`)).toBe(true)
  })

  test('of a catalogue type is there if it is asked for', async () => {
    const body = '{"loan":"L1","amount":1.10}'
    const id = await sent('/hooks/known', body)
    expect((await gateway.api(`/events/${id}`)).text).not.toContain('"original"')
    expect(await originalOf(id, '?include=original')).toBe(body)
  })

  test('is the whole request for each of its events', async () => {
    const body = plainBody({ key: 'one of two' }, { key: 'two of two', type: 'loan.created' })
    await sent('/hooks/plain', body)
    const { items } = (await gateway.api('/events?source=plain&include=original')).json as {
      items: { data: { original: unknown } }[]
    }
    expect(items.map(({ data }) => data.original)).toEqual([JSON.parse(body), JSON.parse(body)])
  })

  test('is read together with the others of its page', async () => {
    for (let index = 0; index < 20; index++) await sent('/hooks/known', `{"loan":"L${index}","page":true}`)
    const { store } = gateway.gateway
    const { originals, requestOf } = store
    let reads = 0
    store.originals = (...asked) => {
      reads++
      return originals(...asked)
    }
    store.requestOf = event => {
      reads++
      return requestOf(event)
    }
    try {
      for (const query of ['', '&order=oldest', '&after=0', '&after=0&wait=1']) {
        reads = 0
        const { items } = (await gateway.api(`/events?include=original&source=known&limit=20${query}`)).json as {
          items: { data: { refs: { loan: string }; original: { loan: string } } }[]
        }
        expect(items).toHaveLength(20)
        for (const { data } of items) expect(data.original.loan).toBe(data.refs.loan)
        expect([query, reads]).toEqual([query, 1])
      }
    } finally {
      Object.assign(store, { originals, requestOf })
    }
  })

  test('of what is redacted is redacted too', async () => {
    const id = await sent('/hooks/redacting', '{"secret":{"word":"planted-word"},"n":1.0}')
    expect(await originalOf(id)).toBe('{"secret":{"word":"************"},"n":1.0}')
    expect((await gateway.api(`/events/${id}/raw`)).text).toBe('{"secret":{"word":"************"},"n":1.0}')
  })
})

test('any bytes come back as they went in, and the event stays JSON', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }),
        fc.json().map(text => Buffer.from(text)),
      ),
      async body => {
        const answer = await gateway.post('/hooks/any', body)
        const { id } = answer.json as { id: string }
        expect((await gateway.api(`/events/${id}/raw`)).bytes.equals(Buffer.from(body))).toBe(true)
        const event = await gateway.api(`/events/${id}`)
        expect(event.json).toMatchObject({ id })
      },
    ),
    { numRuns: 60 },
  )
})
