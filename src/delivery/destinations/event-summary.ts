// What a person in a chat is told of an event: one line, and a few facts. It is all untrusted text: kept to one line
// and a length here, and made harmless for the chat's own markup by whoever sends it.
import type { Envelope } from '../../event.ts'

export interface Summary {
  title: string
  /** Each on a line of its own. */
  facts: [label: string, value: string][]
}

const titleLengthMax = 140
const valueLengthMax = 300

export function summaryOf(event: Envelope): Summary {
  const { data, subject } = event
  const title = ownTitle(event) ?? `${sentence(event.type)}${subject === undefined ? '' : `: ${subject}`}`
  const status = record(data.status)
  const amount = record(data.amount)
  const facts: [string, unknown][] = [
    ['Type', event.type],
    ['Subject', subject],
    ['Source', event.source.replace('/sources/', '')],
    ['Environment', event.environment],
    ['Time', event.time],
    ['Status', joined([status.current, status.previous === undefined ? undefined : `(was ${status.previous})`])],
    ['Amount', joined([amount.value, amount.currency])],
    ['Outcome', data.outcome],
    ['Event type', data.eventType],
    ['Attempts', data.attempts],
    ['Reason', data.reason],
    ['HTTP status', data.httpStatus],
    ['Next try', data.until],
    ['Id', event.id],
  ]
  return {
    title: oneLine(title, titleLengthMax),
    facts: facts.flatMap(([label, value]) => {
      const text = typeof value === 'string' || typeof value === 'number' ? oneLine(String(value), valueLengthMax) : ''
      return text === '' ? [] : [[label, text] as [string, string]]
    }),
  }
}

/** What happened, of an event about ourselves. */
function ownTitle({ type, data }: Envelope): string | undefined {
  const { subscription = 'a subscription', source = 'a source' } = data.refs
  const { count } = data
  const many = typeof count === 'number' && count > 1
  switch (type) {
    case 'postern.delivery.died':
      return many
        ? `${count} deliveries to ${subscription} are dead: their tries are spent`
        : `A delivery to ${subscription} is dead: its tries are spent`
    case 'postern.breaker.opened':
      return `${subscription} keeps failing: attempts to it wait${many ? ` (${count} times)` : ''}`
    case 'postern.subscription.paused':
      return `${subscription} is paused: ${data.by === 'gone' ? 'its destination wants nothing more (410)' : 'by a person'}`
    case 'postern.rejections.spiked':
      return data.cause === 'body_too_large'
        ? `${source} was sent ${many ? `${count} bodies` : 'a body'} larger than it takes`
        : `${source} refuses unusually many requests${many ? `: ${count}` : ''}`
    case 'postern.quarantine.grown':
      return many
        ? `${count} requests to ${source} were not understood and wait in quarantine`
        : `A request to ${source} was not understood and waits in quarantine`
    default:
      return undefined
  }
}

/** `loan.status_changed` → `Loan status changed`. */
function sentence(type: string): string {
  const words = type.replaceAll(/[._]+/g, ' ')
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function joined(parts: readonly unknown[]): string {
  return parts.filter(part => typeof part === 'string' && part !== '').join(' ')
}

/** Without line breaks and controls, those that turn the direction of writing among them; cut between characters. */
function oneLine(text: string, lengthMax: number): string {
  const line = text
    .slice(0, lengthMax * 4)
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
  const characters = [...line]
  return characters.length > lengthMax ? `${characters.slice(0, lengthMax - 1).join('')}…` : line
}
