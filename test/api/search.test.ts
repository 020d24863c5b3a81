// Searching the inbox by words, over the API.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { plain, plainBody } from '../support/plain-adapter.ts'

let gateway: TestGateway
let off: TestGateway
beforeAll(async () => {
  const sources = { plain: plain(), wordy: plain({ search: 'payload', redact: ['0.data.secret'] }) }
  gateway = await startTestGateway({ config: { sources }, env: { POSTERN_SEARCH: 'on' } })
  off = await startTestGateway({ config: { sources } })
  for (let index = 0; index < 5; index++) {
    await gateway.post('/hooks/plain', plainBody({ key: `e${index}`, type: 'loan.created' }))
  }
  await gateway.post('/hooks/plain', `${plainBody({ key: 'silent' })}                 `)
  await gateway.post('/hooks/wordy', plainBody({ key: 'w', data: { secret: 'hiddenword', flags: ['Zürich'] } }))
  const { head } = await gateway.gateway.store.extent()
  const deadline = performance.now() + 30_000
  for (let through = -1; through < head; ) {
    if (performance.now() > deadline) throw new Error('the search index has not caught up')
    through = (await gateway.gateway.store.search.progress())?.indexedThrough ?? -1
    await new Promise(resolve => setTimeout(resolve, 20))
  }
})
afterAll(async () => {
  await gateway.close()
  await off.close()
})

interface Page {
  items: { id: string; sequence: string; vendorid?: string; type: string }[]
  next: string | null
  position?: string
  search?: { indexedThrough: string }
}
const list = async (query: string, status = 200) => {
  const answer = await gateway.api(`/events?${query}`)
  expect([query, answer.status, answer.text]).toEqual([query, status, expect.anything()])
  return answer.json as Page
}
const words = (q: string, more = '') => list(`q=${encodeURIComponent(q)}${more}`)

test('a page says how far the index has come, and its cursor goes on', async () => {
  const { head } = await gateway.gateway.store.extent()
  const first = await words('loan.created', '&limit=3')
  expect(first.items.map(({ type }) => type)).toEqual(Array(3).fill('loan.created'))
  expect(Number(first.search!.indexedThrough)).toBe(head)
  expect(first.search!.indexedThrough).toMatch(/^\d{16}$/)
  const second = await words('loan.created', `&limit=3&cursor=${encodeURIComponent(first.next!)}`)
  expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(5)
  expect(second.next).toBe(null)
  expect((await list('limit=1')).search).toBeUndefined()
})

test('an id is found, and what a payload says where its source says so; what was redacted never', async () => {
  const [event] = (await list('type=loan.*&limit=1')).items
  expect((await words(event!.id)).items).toEqual([event])
  expect((await words('zurich')).items).toHaveLength(1)
  expect((await words('hiddenword')).items).toEqual([])
})

test('with `after` the position is never beyond what could be found', async () => {
  const page = await words('loan', '&after=0')
  expect(page.items.map(({ sequence }) => sequence)).toEqual(page.items.map(({ sequence }) => sequence).toSorted())
  expect(page.position).toBe(page.search!.indexedThrough)
})

test('our own events are found only by who asks for them', async () => {
  const own = (await list('type=postern.*&limit=500')).items.length
  expect((await words('postern')).items).toEqual([])
  expect((await words('postern', '&type=postern.*&limit=500')).items.length).toBe(own)
})

describe('is refused with 400 that names `q`:', () => {
  test.each([
    ['a search of 10 KB', 'x'.repeat(10_240)],
    ['201 characters', 'x'.repeat(201)],
    ['21 words', 'w '.repeat(21)],
    ['no word', ' *"- '],
    ['nothing', ''],
    ['one letter and *', 'x*'],
  ])('%s', async (_, q) => {
    expect(await list(`q=${encodeURIComponent(q)}`, 400)).toMatchObject({ errors: [{ parameter: 'q' }] })
  })

  test('one beside `wait`, one of a stream, two of them, one where nothing is searched', async () => {
    expect(await list('q=x&after=0&wait=1', 400)).toMatchObject({ errors: [{ parameter: 'q' }] })
    expect(await list('q=x&q=y', 400)).toMatchObject({ errors: [{ parameter: 'q' }] })
    expect((await gateway.api('/events/stream?q=x')).json).toMatchObject({ status: 400, errors: [{ parameter: 'q' }] })
    const answer = await off.api('/events?q=x')
    expect(answer.json).toMatchObject({
      status: 400,
      errors: [{ parameter: 'q', detail: expect.stringContaining('POSTERN_SEARCH') }],
    })
  })

  test('never by a syntax: every sign stands between words', async () => {
    for (const q of [
      '"',
      'x"',
      'NEAR(x y)',
      'x AND',
      'x:y',
      '-x',
      '!x',
      'x & y',
      "x'",
      '(',
      '{x}:y',
      '\\',
      '\u0000x',
      '%00',
      '^x',
    ]) {
      const answer = await gateway.api(`/events?q=${encodeURIComponent(q)}`)
      expect([q, answer.status]).toEqual([q, /[xy0]/.test(q) ? 200 : 400])
    }
  })
})

test('the metrics say how much cannot be found yet', async () => {
  const metrics = await gateway.request('/metrics', { headers: { authorization: `Bearer ${gateway.gateway.token}` } })
  expect(metrics.text).toMatch(/^postern_search_behind_events 0$/m)
  const without = await off.request('/metrics', { headers: { authorization: `Bearer ${off.gateway.token}` } })
  expect(without.text).not.toMatch(/^postern_search_behind_events \d/m)
})
