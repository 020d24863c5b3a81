// The subscribers of a fault test, which outlive every gateway process, and what holds of all that they got: nothing
// acknowledged is missing, nothing comes that was not asked for, doubles are known by their ids, and lanes are in order.
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { expect } from 'vitest'
import { deliveryStates } from '../../src/store/deliveries.ts'
import type { GatewayProcess } from '../support/process.ts'
import { answers, type Behaviour, type Exchange, type Subscriber, startSubscriber } from '../support/subscriber.ts'
import { until } from '../support/until.ts'
import { databaseIn } from './gateway.ts'

export const names = ['all', 'ordered', 'failing', 'dying', 'chosen'] as const
export type Name = (typeof names)[number]

export interface Receipt {
  event: string
  sequence: number
  loan: string
  delivery: string
  attempt: string
  text: string
  /** What it was answered; null for something else than an answer, and until then. */
  status: number | null
  /** When it came and when it was answered, in the order of everything that happened. */
  at: number
  answeredAt: number
}

export type React = (name: Name, loan: string) => number | Behaviour

/** The loan whose lane dies, and the one that is chosen. */
export const dyingLoan = 'K0'
export const chosenLoan = 'K1'

export class Subscribers {
  readonly env: Record<string, string>
  readonly receipts: Record<Name, Receipt[]> = { all: [], ordered: [], failing: [], dying: [], chosen: [] }
  /** May be changed at any time. */
  react: React = () => 204
  /** How long every answer takes, so that something is under way at any moment. */
  answerMs = 0
  readonly #names: readonly Name[]
  #moments = 0
  readonly #subscribers: Subscriber[] = []

  /** Of a configuration beside this file: all of its subscriptions. */
  constructor(config = './fan-out.config.ts', own: readonly Name[] = names) {
    this.env = { POSTERN_CONFIG: fileURLToPath(new URL(config, import.meta.url)) }
    this.#names = own
  }

  /** `react`: the status that each is answered, or what is done in place of an answer; at first 204 for all. */
  async start(react: React = () => 204): Promise<void> {
    this.react = react
    for (const name of this.#names) {
      const subscriber = await startSubscriber({ behaviour: exchange => this.#take(name, exchange) })
      this.#subscribers.push(subscriber)
      this.env[`FAN_OUT_${name.toUpperCase()}`] = subscriber.url
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#subscribers.splice(0).map(subscriber => subscriber.close()))
  }

  #take(name: Name, exchange: Exchange): unknown {
    const { headers, json, text } = exchange.received
    const event = json as { sequence: string; data: { refs: { loan: string } } }
    const { loan } = event.data.refs
    const reaction = this.react(name, loan)
    const receipt: Receipt = {
      event: String(headers['webhook-id']),
      sequence: Number(event.sequence),
      loan,
      delivery: String(headers['postern-delivery']),
      attempt: String(headers['postern-attempt']),
      text,
      status: null,
      at: ++this.#moments,
      answeredAt: Number.POSITIVE_INFINITY,
    }
    this.receipts[name].push(receipt)
    if (typeof reaction !== 'number') return reaction(exchange)
    const answer = () => {
      receipt.status = reaction
      receipt.answeredAt = ++this.#moments
      answers(reaction)(exchange)
    }
    if (this.answerMs > 0) setTimeout(answer, this.answerMs)
    else answer()
  }
}

/** What of each subscription is in which state, as the table has it and as it is counted. */
export function deliveriesIn(folder: string) {
  const db = new Sqlite(databaseIn(folder), { readonly: true, fileMustExist: true })
  try {
    const read = db.transaction(() => {
      const all = <Row>(sql: string) => db.prepare(sql).all() as Row[]
      const subscriptions = all<{ number: number; name: Name; cursor: number }>('select * from subscriptions')
      const head = db.prepare('select head from log').pluck().get() as number
      const rows = all<{ subscription: number; state: number; count: number }>(
        `select subscription, state, count(*) as count from deliveries group by subscription, state
         union all select subscription, ${deliveryStates.length}, count(*) from deliveries
         where state = ${deliveryStates.indexOf('dead')} and lane is not null group by subscription`,
      )
      const counted = all<{ subscription: number; state: number; count: number }>(
        'select subscription, state, count from delivery_counts where replay = 0 and count <> 0',
      )
      return { subscriptions, head, rows, counted }
    })
    const { subscriptions, head, rows, counted } = read()
    const of = (entries: typeof rows, number: number) =>
      Object.fromEntries(
        entries
          .filter(({ subscription }) => subscription === number)
          .map(({ state, count }) => [deliveryStates[state] ?? 'held', count]),
      ) as Partial<Record<string, number>>
    return {
      caughtUp: subscriptions.every(({ cursor }) => cursor === head),
      table: new Map(subscriptions.map(({ name, number }) => [name, of(rows, number)])),
      counted: new Map(subscriptions.map(({ name, number }) => [name, of(counted, number)])),
    }
  } finally {
    db.close()
  }
}

/** Resolves once every event was fed, and nothing is under way or waiting for its turn but behind a dead one. */
export async function settledIn(folder: string, limitMs: number, gateway: GatewayProcess): Promise<void> {
  let last: ReturnType<typeof deliveriesIn> | undefined
  const settled = () => {
    last = deliveriesIn(folder)
    const states = [...last.table].every(
      ([, { pending, delivering, retrying, waiting, held }]) =>
        !pending && !delivering && !retrying && (!waiting || held !== undefined),
    )
    return last.caughtUp && states
  }
  await until('everything is settled', settled, limitMs).catch(error => {
    throw new Error(
      `${(error as Error).message}, but ${JSON.stringify([...(last?.table ?? [])])}\n${gateway.output().slice(-4_000)}`,
    )
  })
}

/**
 * Whatever the order and the doubles are: what came is what was stored, and every double is known as one. `numbered`:
 * whether no two attempts of a delivery have one number; a database that died may not know of the last ones.
 */
export function expectKnown(receipts: readonly Receipt[], stored: ReadonlyMap<string, number>, numbered = true): void {
  const strange = receipts.filter(({ event, sequence }) => stored.get(event) !== sequence)
  expect(strange, 'received and not in the log').toEqual([])
  const events = new Map<string, Receipt>()
  const attempts = new Set<string>()
  for (const receipt of receipts) {
    const first = events.get(receipt.delivery)
    events.set(receipt.delivery, first ?? receipt)
    expect(receipt.event, 'a double is known by its webhook-id').toBe(first?.event ?? receipt.event)
    expect(receipt.text, 'a double is the same event').toBe(first?.text ?? receipt.text)
    attempts.add(`${receipt.delivery} ${receipt.attempt}`)
  }
  if (numbered) expect(attempts.size, 'no attempt of a delivery has the number of another').toBe(receipts.length)
}

/** By sequence, and none before the one in front of it was answered well. */
export function expectInOrder(receipts: readonly Receipt[]): void {
  const takenAt = new Map<number, number>()
  for (const receipt of receipts.filter(wasTaken)) {
    const { sequence, answeredAt } = receipt
    takenAt.set(sequence, Math.min(answeredAt, takenAt.get(sequence) ?? answeredAt))
  }
  const wasTakenBy = (sequence: number, at: number) => (takenAt.get(sequence) ?? at) < at
  const last = new Map<string, number>()
  const tooEarly: Receipt[] = []
  for (const receipt of receipts) {
    const { loan, sequence, at } = receipt
    const before = last.get(loan) ?? 0
    if (sequence > before) {
      if (before > 0 && !wasTakenBy(before, at)) tooEarly.push(receipt)
      last.set(loan, sequence)
    } else if (sequence < before && !wasTakenBy(sequence, at)) tooEarly.push(receipt)
  }
  expect(tooEarly, 'received before the one in front of it was taken').toEqual([])
}

export function wasTaken({ status }: Receipt): boolean {
  return status !== null && status < 300
}

/** The events that were taken, by their ids. */
export function taken(receipts: readonly Receipt[]): Set<string> {
  return new Set(receipts.filter(wasTaken).map(({ event }) => event))
}
