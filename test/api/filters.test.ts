// GET /events: each filter by itself, all of them together, both orders, and reading on by position.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type PlainEvent, plain, plainBody } from '../support/plain-adapter.ts'

const start = Date.parse('2026-03-01T12:00:00.000Z')
/** Longer than what a ref is found by. */
const longRef = 'x'.repeat(1_050)

/** Sent in this order, a quarter of a minute apart. */
const sent: [source: string, event: Partial<PlainEvent>][] = [
  [
    'core',
    { type: 'loan.created', vendortype: 'LoanCreated', subject: 'loan/1', refs: { loan: '1', application: 'A' } },
  ],
  [
    'core',
    { type: 'loan.updated', vendortype: 'Loan.Changed', subject: 'loan/1', refs: { loan: '1', application: 'A' } },
  ],
  [
    'core',
    { type: 'loan.updated', vendortype: 'Loan.Changed', subject: 'loan/2', refs: { loan: '2', application: 'A' } },
  ],
  ['core-test', { type: 'loan.created', vendortype: 'LoanCreated', subject: 'loan/1', refs: { loan: '1' } }],
  ['core-test', { type: 'core_bank.loan.note.added', vendortype: 'Note.Added.v2', refs: { loan: '1', note: 'a:b/c' } }],
  ['desk', { type: 'client.created', vendortype: 'Client*', subject: 'client/1', refs: { client: '1' } }],
  [
    'desk',
    { type: 'client.updated', vendortype: 'ClientUpdated', subject: 'client/1', refs: { client: '1', loan: '2' } },
  ],
  ['desk', { type: 'desk.loan', vendortype: 'größe 10%', subject: 'loan/a/b c', refs: { client: longRef } }],
  ['desk', { type: 'desk.loan_created', vendortype: '_oanCreated' }],
]

let gateway: TestGateway
let now = start
beforeAll(async () => {
  gateway = await startTestGateway({
    config: {
      sources: {
        core: plain({ vendor: 'core_bank' }),
        'core-test': plain({ vendor: 'core_bank' }),
        desk: plain({ vendor: 'desk' }),
      },
    },
    clock: { now: () => now },
  })
  for (const [index, [source, event]] of sent.entries()) {
    now = start + index * 15_000
    const answer = await gateway.post(`/hooks/${source}`, plainBody({ key: String(index + 1), ...event }))
    expect(answer.json).toMatchObject({ status: 'accepted' })
  }
})
afterAll(() => gateway.close())

interface Page {
  items: { sequence: string; id: string; receivedtime: string }[]
  next: string | null
  position?: string
}

async function page(query: string): Promise<Page> {
  const answer = await gateway.api(`/events${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Page
}
/** The places of the events in `sent`, counted from 1, which are their sequences. */
const numbers = ({ items }: Page) => items.map(({ sequence }) => Number(sequence))
const at = (number: number) => encodeURIComponent(new Date(start + (number - 1) * 15_000).toISOString())

describe('one filter', () => {
  test.each([
    ['', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?source=core', [3, 2, 1]],
    ['?source=core*', [5, 4, 3, 2, 1]],
    ['?source=core-*', [5, 4]],
    ['?source=core&source=desk', [9, 8, 7, 6, 3, 2, 1]],
    ['?source=CORE', []],
    ['?source=cor', []],
    ['?source=nobody', []],
    ['?source=%2Fsources%2Fcore', []],
    ['?vendor=core_bank', [5, 4, 3, 2, 1]],
    ['?vendor=desk', [9, 8, 7, 6]],
    ['?vendor=core_bank&vendor=desk', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?vendor=*', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?type=loan.created', [4, 1]],
    ['?type=loan.*', [4, 3, 2, 1]],
    ['?type=*.created', [6, 4, 1]],
    ['?type=core_bank.*', [5]],
    ['?type=core_bank.*.added', [5]],
    ['?type=*.loan.*', [5]],
    ['?type=*loan*', [9, 8, 5, 4, 3, 2, 1]],
    ['?type=c*e*d', [7, 6, 5]],
    ['?type=desk.loan', [8]],
    ['?type=desk.loan?created', []],
    ['?type=desk.loan%25', []],
    ['?type=loan.created&type=client.updated', [7, 4, 1]],
    ['?type=loan.created&type=loan.*&type=nothing', [4, 3, 2, 1]],
    ['?type=***', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?type=loan', []],
    ['?vendorType=LoanCreated', [4, 1]],
    ['?vendorType=Loan*', [4, 3, 2, 1]],
    ['?vendorType=loan*', []],
    ['?vendorType=*.*', [5, 3, 2]],
    ['?vendorType=Client*', [7, 6]],
    ['?vendorType=gr%C3%B6%C3%9Fe%2010%25', [8]],
    ['?vendorType=%5FoanCreated', [9]],
    ['?vendorType=LoanCreated&vendorType=Note.*', [5, 4, 1]],
    ['?subject=loan/1', [4, 2, 1]],
    ['?subject=loan%2F1', [4, 2, 1]],
    ['?subject=loan/a/b%20c', [8]],
    ['?subject=loan/a/b+c', [8]],
    ['?subject=client/1', [7, 6]],
    ['?subject=loan/*', []],
    ['?subject=Loan/1', []],
    ['?ref=loan:1', [5, 4, 2, 1]],
    ['?ref=loan:2', [7, 3]],
    ['?ref=application:A', [3, 2, 1]],
    ['?ref=note:a:b/c', [5]],
    ['?ref=loan:a/b+c', [8]],
    ['?ref=client:1', [7, 6]],
    ['?ref=loan:1&ref=application:A', [2, 1]],
    ['?ref=client:1&ref=loan:2', [7]],
    ['?ref=loan:1&ref=loan:2', []],
    ['?ref=application:1', []],
    ['?ref=loan:*', []],
    [`?ref=client:${longRef}`, [8]],
    [`?ref=client:${longRef}y`, [8]],
    [`?ref=client:${longRef.slice(0, 1_000)}`, []],
    [`?receivedAfter=${at(1)}`, [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    [`?receivedAfter=${at(5)}`, [9, 8, 7, 6, 5]],
    [`?receivedBefore=${at(5)}`, [4, 3, 2, 1]],
    [`?receivedAfter=${at(3)}&receivedBefore=${at(6)}`, [5, 4, 3]],
    [`?receivedAfter=${at(3)}&receivedBefore=${at(3)}`, []],
    [`?receivedAfter=${at(6)}&receivedBefore=${at(3)}`, []],
    [`?receivedAfter=${at(10)}`, []],
    [`?receivedBefore=${at(1)}`, []],
    ['?receivedAfter=2026-03-01T13:01:00%2B01:00', [9, 8, 7, 6, 5]],
    ['?receivedAfter=2026-03-01T12:01:00.000000Z', [9, 8, 7, 6, 5]],
    ['?receivedAfter=2026-03-01T12:00:59.999999999Z', [9, 8, 7, 6, 5]],
    ['?receivedAfter=2026-03-01T12:01:00.000000001Z', [9, 8, 7, 6]],
    ['?receivedBefore=2026-03-01T12:01:00.000000001Z', [5, 4, 3, 2, 1]],
    ['?receivedAfter=1970-01-01T00:00:00Z', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?receivedBefore=9999-12-31T23:59:59Z', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?after=0', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['?after=0000000000000004', [5, 6, 7, 8, 9]],
    ['?after=4', [5, 6, 7, 8, 9]],
    ['?after=9', []],
    ['?order=newest', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?order=oldest', [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['?limit=2', [9, 8]],
    ['?limit=500', [9, 8, 7, 6, 5, 4, 3, 2, 1]],
    ['?limit=1&order=oldest', [1]],
  ])('%.80s', async (query, expected) => {
    expect(numbers(await page(query))).toEqual(expected)
  })

  test('the default limit is 50', async () => {
    const one = await startTestGateway({ config: { sources: { core: plain() } } })
    try {
      const events = Array.from({ length: 60 }, (_, index) => ({ key: `many ${index}` }))
      await one.post('/hooks/core', plainBody(...events))
      const answer = (await one.api('/events')).json as Page
      expect(answer.items).toHaveLength(50)
      expect(answer.next).toEqual(expect.any(String))
    } finally {
      await one.close()
    }
  })
})

describe('filters together', () => {
  test.each([
    ['?source=core&type=loan.updated', [3, 2]],
    ['?source=core*&vendor=core_bank&type=*.created', [4, 1]],
    ['?source=desk&vendor=core_bank', []],
    ['?type=loan.*&subject=loan/1', [4, 2, 1]],
    ['?type=loan.*&ref=application:A&subject=loan/1', [2, 1]],
    ['?subject=loan/1&ref=loan:1', [4, 2, 1]],
    ['?subject=loan/1&ref=loan:2', []],
    ['?subject=client/1&ref=loan:2&vendorType=Client*', [7]],
    [`?subject=loan/1&receivedAfter=${at(2)}`, [4, 2]],
    [`?type=loan.*&receivedAfter=${at(2)}&receivedBefore=${at(4)}&order=oldest`, [2, 3]],
    ['?after=1&type=loan.*', [2, 3, 4]],
    ['?after=2&subject=loan/1', [4]],
    [`?after=2&receivedBefore=${at(5)}`, [3, 4]],
    ['?after=3&source=core', []],
    ['?order=oldest&limit=2&ref=loan:1', [1, 2]],
  ])('%s', async (query, expected) => {
    expect(numbers(await page(query))).toEqual(expected)
  })

  test('find the same, page by page, in either order, whatever the limit', async () => {
    const filters = ['', '&type=*.created', '&ref=loan:1', '&subject=loan/1', `&receivedAfter=${at(3)}`, '&vendor=desk']
    for (const filter of filters) {
      const whole = numbers(await page(`?order=oldest${filter}`))
      for (const order of ['oldest', 'newest']) {
        for (const limit of [1, 2, 3, 500]) {
          const found: number[] = []
          let cursor = ''
          for (;;) {
            const read = await page(`?order=${order}&limit=${limit}${filter}${cursor}`)
            expect(read.items.length).toBeLessThanOrEqual(limit)
            found.push(...numbers(read))
            if (read.next === null) break
            cursor = `&cursor=${encodeURIComponent(read.next)}`
          }
          expect([filter, order, limit, found]).toEqual([
            filter,
            order,
            limit,
            order === 'oldest' ? whole : whole.toReversed(),
          ])
        }
      }
    }
  })
})

describe('position', () => {
  const text = (number: number) => String(number).padStart(16, '0')

  test('is there with `after` alone', async () => {
    expect(await page('?order=oldest')).not.toHaveProperty('position')
    expect((await page('?after=0')).position).toBe(text(9))
  })

  test('is the last one shown where there are more, else the head, whatever the filter found', async () => {
    expect((await page('?after=0&limit=4')).position).toBe(text(4))
    expect((await page('?after=4&limit=5')).position).toBe(text(9))
    expect((await page('?after=0&type=client.*&limit=1')).position).toBe(text(6))
    for (const filter of ['&type=nothing', '&source=core', '&subject=loan/1', `&receivedBefore=${at(2)}`]) {
      expect([filter, (await page(`?after=0${filter}`)).position]).toEqual([filter, text(9)])
    }
    expect((await page('?after=9')).position).toBe(text(9))
  })

  test('leads through everything once when it is given back', async () => {
    for (const filter of ['', '&type=loan.*', '&ref=loan:1', '&vendor=desk&type=*.created']) {
      const whole = numbers(await page(`?order=oldest${filter}`))
      const found: number[] = []
      let after = '0'
      for (let turn = 0; turn < 12; turn++) {
        const read = await page(`?after=${after}&limit=2${filter}`)
        found.push(...numbers(read))
        after = read.position!
      }
      expect([filter, found]).toEqual([filter, whole])
      expect(after).toBe(text(9))
    }
  })
})

test('the answer is JSON of whole events, and nothing of the store’s', async () => {
  const answer = await gateway.api('/events?limit=1&source=core')
  expect(answer.headers['content-type']).toBe('application/json')
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.json).toEqual({
    items: [
      {
        specversion: '1.0',
        id: expect.stringMatching(/^evt_[0-9a-hjkmnp-tv-z]{26}$/),
        source: '/sources/core',
        type: 'loan.updated',
        subject: 'loan/2',
        time: '2026-03-01T12:00:30.000Z',
        datacontenttype: 'application/json',
        dataschema: 'urn:postern:schema:loan.updated:1',
        vendor: 'core_bank',
        vendortype: 'Loan.Changed',
        receivedtime: '2026-03-01T12:00:30.000Z',
        sequence: '0000000000000003',
        data: { refs: { loan: '2', application: 'A' } },
      },
    ],
    next: expect.any(String),
  })
  const { items } = answer.json as Page
  expect((await gateway.api(`/events/${items[0]?.id}`)).json).toEqual(items[0])
})
