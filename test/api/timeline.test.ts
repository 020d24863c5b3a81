// A loan's timeline over HTTP, as five vendors tell its story; and what a wrong question is answered with.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { arix, ballerine, banclo, embarc, receeve } from '../../adapters/index.ts'
import { unverified } from '../../src/checks/combine.ts'
import { fixture } from '../contract/fixture.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { expectProblem } from '../support/problem.ts'

interface Timeline {
  items: { id: string; type: string; subject?: string; sequence: string }[]
  next: string | null
  subjects: { namespace: string; subject: string | null; events: number; via: string[] | null }[]
  truncated: boolean
}

let gateway: TestGateway
beforeAll(async () => {
  const check = unverified('a test')
  gateway = await startTestGateway({
    config: {
      sources: {
        arix: arix({ partner: 'TST', check }),
        ballerine: ballerine({ check }),
        banclo: banclo({ check }),
        embarc: embarc({ check }),
        'embarc-sandbox': embarc({ check }),
        receeve: receeve({ check }),
      },
    },
  })
  // The fixtures are of different loans: here the lender has told all of them its own number of one.
  const story: [vendor: string, name: string, changes?: Record<string, string>, path?: string][] = [
    ['banclo', 'loan_request.created.signed-A'],
    ['ballerine', 'workflow.completed', { '0a5212e0-ba12422222011b7': 'APP-2024-001' }],
    ['banclo', 'task.completed.signed-A'],
    ['embarc', 'CLIENT.CREATE', { 'CUST-2025-001': 'APP-2024-001' }],
    ['embarc', 'LOAN.APPROVE', {}],
    ['arix', 'LoanNoteAdded', { 'SellingTest-11112652056066': 'APP-2024-001' }],
    ['receeve', 'event.claim.created.v1', { 'PDN-922-Oct14-0001': 'APP-2024-001' }],
    ['receeve', 'event.claimDebtPayment.settled.v1', { 'PDN-922-Oct14-0001': 'APP-2024-001' }],
    // Another world's, and another loan's.
    ['embarc', 'LOAN.APPROVE', { '"dd MMMM yyyy"': '"d MMMM yyyy"' }, '/hooks/embarc-sandbox'],
    ['arix', 'LoanStatusUpdated'],
  ]
  for (const [vendor, name, changes = {}, path] of story) {
    const recorded = fixture(vendor, name)
    const headers = Object.entries(recorded.headers).filter(([header]) => !/^(content-length|host)$/i.test(header))
    const body = Object.entries(changes).reduce((text, [from, to]) => text.replaceAll(from, to), recorded.body)
    const target = path ?? recorded.path.replace('/t0ken-in-path', '')
    const answer = await gateway.post(target, body, Object.fromEntries(headers))
    expect(answer.json, `${vendor} ${name}`).toMatchObject({ status: 'accepted' })
  }
})
afterAll(() => gateway.close())

const timeline = async (query: string) => {
  const answer = await gateway.api(`/timeline?${query}`)
  expect(answer.status, answer.text).toBe(200)
  return answer.json as Timeline
}

describe('a timeline', () => {
  test('shows a loan with its workflow, client, claim and payments, across vendors', async () => {
    const { items, next, subjects, truncated } = await timeline('subject=loan/K0Z1Q')
    expect(items.map(({ type }) => type)).toEqual([
      'loan.created',
      'workflow.completed',
      'task.completed',
      'client.created',
      'loan.note_added',
      'claim.created',
      'payment.status_changed',
    ])
    expect(next).toBeNull()
    // As the documents show it.
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'api.md'), 'utf8')
    const shown = /```json\n(\{\s*"subjects"[\s\S]*?)```/.exec(page)![1]!
    expect({ subjects, truncated }).toEqual(JSON.parse(shown))
    expect(subjects).toHaveLength(5)
    // The items are events as everywhere.
    const { items: all } = (await gateway.api('/events?order=oldest')).json as Timeline
    expect(items).toEqual(all.filter(({ id }) => items.some(item => item.id === id)))
  })

  test('of a client shows its loans, and stays within its namespace by what the vendor numbered', async () => {
    const { items, subjects } = await timeline('subject=client/9876&namespace=embarc')
    expect(items.map(({ subject }) => subject)).toContain('loan/555')
    expect(subjects.map(({ namespace }) => namespace)).not.toContain('embarc-sandbox')
    expect(subjects.find(({ subject }) => subject === 'loan/555')?.via).toEqual(['client:9876'])
  })

  test('without a namespace is of all in which the subject occurs', async () => {
    const { subjects } = await timeline('subject=loan/555')
    expect(subjects.filter(({ via }) => via === null).map(({ namespace }) => namespace)).toEqual([
      'embarc',
      'embarc-sandbox',
    ])
  })

  test('comes in pages that have the same subjects, each event once', async () => {
    const whole = await timeline('subject=loan/K0Z1Q')
    const items: Timeline['items'] = []
    let cursor = ''
    for (let next: string | null = ''; next !== null; cursor = `&cursor=${encodeURIComponent(next ?? '')}`) {
      const page = await timeline(`subject=loan/K0Z1Q&limit=2${cursor}`)
      expect(page.items.length).toBeLessThanOrEqual(2)
      expect(page.subjects).toEqual(whole.subjects)
      items.push(...page.items)
      next = page.next
    }
    expect(items).toEqual(whole.items)
  })

  test('of nobody is empty', async () => {
    expect(await timeline('subject=loan/nobody')).toEqual({ items: [], next: null, subjects: [], truncated: false })
    expect((await timeline('subject=loan/K0Z1Q&namespace=embarc')).items).toEqual([])
  })
})

describe('a wrong question names the parameter', () => {
  test.each([
    ['', 'subject'],
    ['subject=K0Z1Q', 'subject'],
    ['subject=loan/', 'subject'],
    ['subject=loan/1&subject=loan/2', 'subject'],
    ['subject=loan/1&namespace=', 'namespace'],
    [`subject=loan/1&namespace=${'x'.repeat(201)}`, 'namespace'],
    ['subject=loan/1&limit=-1', 'limit'],
    ['subject=loan/1&limit=1000000000', 'limit'],
    ['subject=loan/1&order=newest', 'order'],
    ['subject=loan/1&include=original', 'include'],
  ])('%s', async (query, parameter) => {
    const problem = expectProblem(await gateway.api(`/timeline?${query}`), 400, 'bad_request')
    expect(problem.errors[0]).toMatchObject({ parameter })
  })

  test('and a cursor of another timeline is none of this one', async () => {
    const { next } = await timeline('subject=loan/K0Z1Q&limit=1')
    const cursor = encodeURIComponent(next!)
    for (const query of ['subject=loan/555', 'subject=loan/K0Z1Q&namespace=banclo']) {
      expectProblem(await gateway.api(`/timeline?${query}&cursor=${cursor}`), 400, 'bad_cursor')
    }
    expectProblem(await gateway.api(`/timeline?subject=loan/K0Z1Q&cursor=x${cursor}`), 400, 'bad_cursor')
  })
})
