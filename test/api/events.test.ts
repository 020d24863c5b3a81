// Reading the log back: every filter, alone and together, equals a look at all events; pages cover all exactly once.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { type PlainEvent, plain, plainBody } from '../support/plain-adapter.ts'

const start = Date.parse('2026-03-01T10:00:00.000Z')
let now = start
const sources = {
  north: plain({ vendor: 'alpha' }),
  'north-test': plain({ vendor: 'alpha' }),
  south: plain({ vendor: 'beta' }),
  'a-b': plain({ vendor: 'alpha_beta' }),
}
const names = Object.keys(sources)
const types = ['loan.created', 'loan.status_changed', 'payment.received', 'alpha.thing.done', 'x.loan.created']
const vendortypes = ['LOAN CREATED', 'loan*star', 'LoanStatusUpdated.v2', 'ü.Ö']
const loans = ['L1', 'L2', 'L/3', 'l1', 'Ü 4', 'L:5', '%_']

interface Item {
  id: string
  source: string
  vendor: string
  type: string
  vendortype: string
  subject?: string
  receivedtime: string
  sequence: string
  data: { refs: Record<string, string> }
}
interface Page {
  items: Item[]
  next: string | null
  position?: string
}

let gateway: TestGateway
let all: Item[]
const readAll = async () => {
  all = (await gateway.events()) as unknown as Item[]
}
beforeAll(async () => {
  gateway = await startTestGateway({ config: { sources }, clock: { now: () => now } })
  // The same three hundred each time: a sequence of numbers that only looks like chance.
  let seed = 7
  const chance = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * below)
  }
  const pick = <Value>(values: readonly Value[]) => values[chance(values.length)]!
  for (let index = 0; index < 300; ) {
    const events = Array.from({ length: 1 + chance(3) }, (): PlainEvent => {
      const kinds = ['loan', 'client', 'bank'].filter(() => chance(2) === 1)
      const refs = Object.fromEntries(kinds.map(kind => [kind, pick(loans)]))
      const subject = chance(3) === 0 ? {} : { subject: `${pick(['loan', 'client'])}/${pick(loans)}` }
      return { key: `k${++index}`, type: pick(types), vendortype: pick(vendortypes), refs, ...subject }
    })
    const answer = await gateway.post(`/hooks/${pick(names)}`, plainBody(...events))
    expect(answer.json).toMatchObject({ status: 'accepted' })
    now += pick([0, 1, 999, 30_000, 61_000])
  }
  await readAll()
  expect(all.length).toBeGreaterThanOrEqual(300)
})
afterAll(() => gateway.close())

interface Filter {
  source?: string[]
  vendor?: string[]
  type?: string[]
  vendorType?: string[]
  subject?: string
  ref?: string[]
  receivedAfter?: string
  receivedBefore?: string
}

/** The same by looking at every event, as simply as it can be said. */
function naive(filter: Filter): Item[] {
  const glob = (patterns: string[] | undefined, text: string) =>
    patterns === undefined ||
    patterns.some(pattern => {
      const parts = pattern.split('*').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      return new RegExp(`^${parts.join('[^]*')}$`).test(text)
    })
  return all.filter(event => {
    const keys = Object.entries(event.data.refs).map(([kind, id]) => `${kind}:${id}`)
    if (event.subject !== undefined) keys.push(event.subject.replace('/', ':'))
    return (
      glob(filter.source, event.source.replace('/sources/', '')) &&
      glob(filter.vendor, event.vendor) &&
      glob(filter.type, event.type) &&
      glob(filter.vendorType, event.vendortype) &&
      (filter.subject === undefined || event.subject === filter.subject) &&
      (filter.ref ?? []).every(ref => keys.includes(ref)) &&
      (filter.receivedAfter === undefined || event.receivedtime >= new Date(filter.receivedAfter).toISOString()) &&
      (filter.receivedBefore === undefined || event.receivedtime < new Date(filter.receivedBefore).toISOString())
    )
  })
}

function queryOf(filter: Filter, more: Record<string, string> = {}): string {
  const query = new URLSearchParams(more)
  for (const [name, value] of Object.entries(filter)) {
    for (const each of [value].flat() as (string | undefined)[]) if (each !== undefined) query.append(name, each)
  }
  return query.toString()
}

async function page(query: string): Promise<Page> {
  const answer = await gateway.api(`/events?${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Page
}

const idsOf = (items: readonly Item[]) => items.map(({ id }) => id)

async function byCursor(filter: Filter, order: string, limit: number): Promise<string[]> {
  const ids: string[] = []
  let next: string | null = null
  do {
    const cursor: Record<string, string> = next === null ? {} : { cursor: next }
    const got: Page = await page(queryOf(filter, { order, limit: String(limit), ...cursor }))
    expect(got.items.length).toBeLessThanOrEqual(limit)
    ids.push(...idsOf(got.items))
    next = got.next
  } while (next !== null)
  return ids
}

/** As a reader does that keeps its position. */
async function byPosition(filter: Filter, limit: number): Promise<string[]> {
  const ids: string[] = []
  let after = '0000000000000000'
  for (;;) {
    const got = await page(queryOf(filter, { after, limit: String(limit) }))
    ids.push(...idsOf(got.items))
    if (got.position === after) return ids
    expect(Number(got.position)).toBeGreaterThan(Number(after))
    after = got.position!
  }
}

const globOf = (values: readonly string[]) =>
  fc.oneof(
    fc.constantFrom(...values, '*', 'nothing', ...values.map(value => `${value.slice(0, 3)}*`)),
    fc.constantFrom(...values).map(value => `*${value.slice(-3)}`),
    fc.constantFrom(...values).map(value => `${value[0]}*${value.slice(-2)}`),
  )
const list = (values: readonly string[]) => fc.array(globOf(values), { minLength: 1, maxLength: 3 })
const time = fc.integer({ min: -60_000, max: 9_000_000 }).map(offset => new Date(start + offset).toISOString())
const anyFilter: fc.Arbitrary<Filter> = fc.record(
  {
    source: list(names),
    vendor: list(['alpha', 'beta', 'alpha_beta']),
    type: list(types),
    vendorType: list(vendortypes),
    subject: fc.tuple(fc.constantFrom('loan', 'client'), fc.constantFrom(...loans)).map(parts => parts.join('/')),
    ref: fc.array(
      fc.tuple(fc.constantFrom('loan', 'client', 'bank'), fc.constantFrom(...loans)).map(parts => parts.join(':')),
      { minLength: 1, maxLength: 2 },
    ),
    receivedAfter: time,
    receivedBefore: time,
  },
  { requiredKeys: [] },
)

describe('GET /events', () => {
  test('any filter equals a look at all events; pages of any size cover all of it once, in both orders', async () => {
    await fc.assert(
      fc.asyncProperty(anyFilter, fc.constantFrom(1, 2, 7, 50, 500), async (filter, limit) => {
        const expected = idsOf(naive(filter))
        // Pages of one over hundreds would take all day.
        const size = expected.length > 40 ? Math.max(limit, 17) : limit
        expect(await byCursor(filter, 'oldest', size)).toEqual(expected)
        expect(await byCursor(filter, 'newest', size)).toEqual(expected.toReversed())
        expect(await byPosition(filter, size)).toEqual(expected)
      }),
      { numRuns: 60 },
    )
  }, 120_000)

  test.each([
    [{ source: ['north'] }],
    [{ source: ['north*'] }],
    [{ source: ['*'] }],
    [{ type: ['loan.*'] }],
    [{ type: ['*.created'] }],
    [{ type: ['l*.*d'] }],
    [{ vendorType: ['loan*star'] }],
    [{ vendorType: ['ü*'] }],
    [{ subject: 'loan/L/3' }],
    [{ subject: 'loan/%_' }],
    [{ ref: ['loan:L:5'] }],
    [{ ref: ['loan:Ü 4'] }],
    [{ ref: ['loan:L1', 'client:L2'] }],
    [{ receivedAfter: new Date(start).toISOString() }],
    [{ receivedAfter: '2026-03-01T11:30:00+01:00', receivedBefore: '2026-03-01T12:00:00Z' }],
    [{ receivedBefore: '1970-01-01T00:00:00Z' }],
    [{ source: ['south'], vendor: ['alpha'] }],
  ] as [Filter][])('%j', async filter => {
    const expected = idsOf(naive(filter))
    expect(idsOf((await page(queryOf(filter, { order: 'oldest', limit: '500' }))).items)).toEqual(expected)
  })

  test('by default the newest fifty, with a cursor to go on', async () => {
    const { items, next, ...rest } = await page('')
    expect(idsOf(items)).toEqual(idsOf(all).toReversed().slice(0, 50))
    expect(next).toEqual(expect.any(String))
    expect(rest).toEqual({})
  })

  test('a cursor goes on where it was, whatever has come meanwhile', async () => {
    const before = idsOf(naive({ source: ['north'] })).toReversed()
    const seen: string[] = []
    let next: string | null = null
    let inserted = 0
    do {
      const cursor: Record<string, string> = next === null ? {} : { cursor: next }
      const got: Page = await page(queryOf({ source: ['north'] }, { limit: '9', ...cursor }))
      seen.push(...idsOf(got.items))
      next = got.next
      await gateway.post('/hooks/north', plainBody({ key: `meanwhile-${++inserted}`, type: 'loan.created' }))
    } while (next !== null)
    expect(seen).toEqual(before)
    await readAll()
  })

  test('`after` is ascending and has a position, which finds what comes next and nothing twice', async () => {
    const { position } = await page('after=0&limit=1&source=nobody')
    expect(position).toBe(all.at(-1)?.sequence)
    expect(await page(`after=${position}`)).toEqual({ items: [], next: null, position })
    const { id } = (await gateway.post('/hooks/south', plainBody({ key: 'news' }))).json as { id: string }
    const news = await page(`after=${position}`)
    expect(idsOf(news.items)).toEqual([id])
    expect(news.position).toBe(news.items[0]?.sequence)
    await readAll()
  })
})
