// What a chat is told of an event, as Slack and Teams take it; whatever an event says stays text.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { summaryOf } from '../../src/delivery/destinations/event-summary.ts'
import { slack, slackText } from '../../src/delivery/destinations/slack.ts'
import { teams, teamsText } from '../../src/delivery/destinations/teams.ts'
import type { Envelope } from '../../src/event.ts'
import { type StoredEvent, toEvent } from '../../src/store/record.ts'
import { type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { attemptOf, destinationTo, storedEvent, storedEventId } from './http-attempt.ts'

interface SlackPost {
  text: string
  blocks: {
    type: string
    text?: { type: string; text: string }
    fields?: { type: string; text: string; verbatim: boolean }[]
  }[]
}
interface TeamsPost {
  type: string
  attachments: {
    contentType: string
    content: { type: string; body: { type: string; inlines: { text: string }[] }[] }
  }[]
}

const event = (change: Partial<StoredEvent> = {}): Envelope => toEvent(storedEvent(change))
const slackPost = (of: Envelope) => JSON.parse(slackText(of)) as SlackPost
const teamsPost = (of: Envelope) => JSON.parse(teamsText(of)) as TeamsPost
const teamsLines = (of: Envelope) =>
  teamsPost(of).attachments[0]!.content.body.map(({ inlines }) => inlines.map(({ text }) => text).join(''))

describe('over HTTP', () => {
  let subscriber: Subscriber
  beforeAll(async () => {
    subscriber = await startSubscriber()
  })
  afterAll(() => subscriber.close())

  test.each([
    ['slack', slackText],
    ['teams', teamsText],
  ] as const)('%s is a post of JSON', async (format, write) => {
    const destination = destinationTo(subscriber.url, { format })
    expect(await destination.attempt(attemptOf())).toMatchObject({ result: 'succeeded' })
    const { headers, text } = subscriber.received.at(-1)!
    expect([headers['content-type'], text]).toEqual(['application/json; charset=utf-8', write(event())])
    await destination.close()
  })
})

test('in a configuration they are HTTP destinations of their own format', () => {
  const url = 'https://hooks.slack.test/services/T/B/x'
  expect(slack({ url })).toEqual({ kind: 'http', format: 'slack', url })
  expect(teams({ url, proxy: 'http://proxy.test' })).toEqual({
    kind: 'http',
    format: 'teams',
    url,
    proxy: 'http://proxy.test',
  })
})

describe('any event', () => {
  const facts = [
    ['Type', 'loan.status_changed'],
    ['Subject', 'loan/K0Z1Q'],
    ['Source', 'banclo'],
    ['Environment', 'production'],
    ['Time', '2024-01-15T15:45:00Z'],
    ['Status', 'bid (was pre_bid)'],
    ['Amount', '250000.00 EUR'],
    ['Id', storedEventId],
  ]

  test('has a title of one line and its facts', () => {
    expect(summaryOf(event())).toEqual({ title: 'Loan status changed: loan/K0Z1Q', facts })
  })

  test('in Slack', () => {
    const { text, blocks } = slackPost(event())
    expect(text).toBe('Loan status changed: loan/K0Z1Q')
    expect(blocks[0]).toMatchObject({ type: 'header', text: { type: 'plain_text', text } })
    expect(blocks[1]!.fields!.map(field => field.text)).toEqual(facts.map(([label, value]) => `*${label}*\n${value}`))
  })

  test('in Teams', () => {
    expect(teamsPost(event())).toMatchObject({
      type: 'message',
      attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard' } }],
    })
    expect(teamsLines(event())).toEqual([
      'Loan status changed: loan/K0Z1Q',
      ...facts.map(([label, value]) => `${label}: ${value}`),
    ])
  })

  test('without any of it has what there is', () => {
    const bare = event({
      type: 'custom.acme.thing',
      subject: null,
      environment: null,
      data: '{"refs":{},"status":7,"amount":"x"}',
    })
    expect(summaryOf(bare)).toEqual({
      title: 'Custom acme thing',
      facts: [
        ['Type', 'custom.acme.thing'],
        ['Source', 'banclo'],
        ['Time', '2024-01-15T15:45:00Z'],
        ['Id', storedEventId],
      ],
    })
  })
})

describe('our own events say what happened', () => {
  const title = (type: string, data: object) => summaryOf(event({ type, data: JSON.stringify(data) })).title
  const refs = { subscription: 'loan-book', source: 'sandbox' }

  test.each([
    ['postern.delivery.died', { count: 1, attempts: 11 }, 'A delivery to loan-book is dead: its tries are spent'],
    ['postern.delivery.died', { count: 7 }, '7 deliveries to loan-book are dead: their tries are spent'],
    ['postern.breaker.opened', { count: 1, failures: 10 }, 'loan-book keeps failing: attempts to it wait'],
    ['postern.breaker.opened', { count: 3 }, 'loan-book keeps failing: attempts to it wait (3 times)'],
    [
      'postern.subscription.paused',
      { count: 1, by: 'gone' },
      'loan-book is paused: its destination wants nothing more (410)',
    ],
    ['postern.subscription.paused', { count: 1, by: 'person' }, 'loan-book is paused: by a person'],
    ['postern.rejections.spiked', { count: 120 }, 'sandbox refuses unusually many requests: 120'],
    ['postern.quarantine.grown', { count: 1 }, 'A request to sandbox was not understood and waits in quarantine'],
    ['postern.quarantine.grown', { count: 5 }, '5 requests to sandbox were not understood and wait in quarantine'],
    ['postern.something.new', { count: 5 }, 'Postern something new: loan/K0Z1Q'],
  ])('%s %j', (type, data, expected) => {
    expect(title(type, { refs, ...data })).toBe(expected)
  })

  test('and why', () => {
    const data = JSON.stringify({
      refs,
      count: 1,
      attempts: 11,
      eventType: 'loan.created',
      reason: 'answered 500',
      httpStatus: 500,
    })
    expect(summaryOf(event({ type: 'postern.delivery.died', data })).facts).toEqual(
      expect.arrayContaining([
        ['Event type', 'loan.created'],
        ['Attempts', '11'],
        ['Reason', 'answered 500'],
        ['HTTP status', '500'],
      ]),
    )
  })
})

describe('hostile text', () => {
  test("Slack's own characters are escaped, and nobody is mentioned", () => {
    const { text, blocks } = slackPost(event({ subject: 'loan/<!channel> & <https://evil.test|here>' }))
    expect(text).toBe('Loan status changed: loan/&lt;!channel&gt; &amp; &lt;https://evil.test|here&gt;')
    expect(JSON.stringify(blocks)).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/)
    expect(blocks[1]!.fields!.every(({ verbatim }) => verbatim)).toBe(true)
  })

  test('lines, controls and turned writing become blanks', () => {
    expect(summaryOf(event({ subject: 'loan/a\r\nb\u0000\u202ec\u2028d\t e' })).title).toBe(
      'Loan status changed: loan/a b c d e',
    )
  })

  test('a member named as a prototype is a member', () => {
    expect(
      summaryOf(event({ data: '{"refs":{"__proto__":"x"},"status":{"current":"constructor"}}' })).facts,
    ).toContainEqual(['Status', 'constructor'])
  })

  test('any text fits the limits of both', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3_000 }),
      fc.constantFrom(
        '&'.repeat(5_000),
        '<'.repeat(141),
        '😀'.repeat(2_000),
        'e\u0301'.repeat(1_000),
        '\ud800'.repeat(500),
      ),
    )
    fc.assert(
      fc.property(text, text, text, fc.constantFrom('loan.created', 'postern.delivery.died'), (a, b, c, type) => {
        const data = JSON.stringify({
          refs: { subscription: a },
          count: 2,
          status: { current: b },
          amount: { value: c },
          reason: a,
        })
        const of = event({ type, subject: `loan/${a}`, environment: b, time: c, data })
        const { blocks } = slackPost(of)
        expect(blocks.length).toBeLessThanOrEqual(50)
        expect(blocks[0]!.text!.text.length).toBeLessThanOrEqual(150)
        expect(blocks[0]!.text!.text.isWellFormed()).toBe(true)
        for (const { fields } of blocks.slice(1)) {
          expect(fields!.length).toBeLessThanOrEqual(10)
          for (const field of fields!) expect(field.text.length).toBeLessThanOrEqual(2_000)
        }
        expect(Buffer.byteLength(teamsText(of))).toBeLessThanOrEqual(28 * 1024)
        for (const line of teamsLines(of)) expect(line).not.toMatch(/[\r\n\u202e]/)
      }),
    )
  })
})
