// Every query that the gateway makes, beside a large log: none may be slow. Calls are made one after another; each of the
// statements that they send is measured by itself, since a call that walks the log sends many.
import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'
import { openPostgresStore } from '../../src/store/postgres/store.ts'
import type { Store } from '../../src/store/store.ts'
import { postgresOptions } from '../support/postgres-store.ts'
import { percentiles } from './load.ts'
import type { PostgresBench } from './postgres.ts'
import { type Call, deliveryReadingCalls, rareCalls, readingCalls, workingCalls } from './postgres-calls.ts'
import { type Filled, fill } from './postgres-fill.ts'
import { ms, note, report } from './report.ts'

const slowMs = 150
/** A call that takes longer is made less often. */
const secondsEach = 3
/** The first ones find nothing in memory, and a connection that has planned nothing. */
const warmUp = 5

interface Statement {
  call: string
  text: string
  times: number[]
}

export async function volume({ quick, createDatabase }: PostgresBench): Promise<void> {
  const count = quick ? 200_000 : 2_000_000
  const database = await createDatabase()
  const store = await openPostgresStore(postgresOptions(database.url))
  const started = performance.now()
  note(`filling in ${count} events, their deliveries and attempts`)
  const filled = await fill(database.url, count)
  note(`filled and analyzed in ${((performance.now() - started) / 1000).toFixed(0)} s`)
  const statements = new Statements()
  const failed: string[] = []
  try {
    for (const calls of groupsOf(store, filled)) {
      for (const call of calls) await statements.measure(call, quick ? 40 : 300).catch(error => failed.push(`${error}`))
    }
  } finally {
    statements.end()
  }
  for (const each of failed) note(`FAILED: ${each}`)
  report(`calls at ${count} events that failed`, String(failed.length), 'none', failed.length === 0)
  const slowest = statements.slowest()
  const slow = slowest.filter(({ p99 }) => p99 > slowMs)
  for (const { call, text, p50, p99 } of slowest.slice(0, Math.max(5, slow.length))) {
    note(`  ${call}: p50 ${ms(p50)}, p99 ${ms(p99)}: ${text}`)
  }
  report(
    `slowest of ${slowest.length} queries at ${count} events: p99`,
    `${ms(slowest[0]!.p99)}: ${slowest[0]!.call}`,
    `≤ ${slowMs} ms`,
    slow.length === 0,
  )
  await store.close()
  await database.drop()
}

function groupsOf(store: Store, filled: Filled): Call[][] {
  return [readingCalls, deliveryReadingCalls, workingCalls, rareCalls].map(calls => calls(store, filled))
}

/** Times each statement that is sent within a call, by the driver's own way out. */
class Statements {
  readonly #all = new Map<string, Statement>()
  readonly #call = new AsyncLocalStorage<string>()
  readonly #query = pg.Client.prototype.query

  constructor() {
    const { query, record } = { query: this.#query, record: this.#record.bind(this) }
    pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
      const began = performance.now()
      const answer = (query as (...given: unknown[]) => unknown).apply(this, given)
      const [text] = given
      if (answer instanceof Promise && typeof text === 'string') {
        const ended = () => record(text, performance.now() - began)
        answer.then(ended, ended)
      }
      return answer
    } as typeof pg.Client.prototype.query
  }

  end(): void {
    pg.Client.prototype.query = this.#query
  }

  async measure([name, call, calls]: Call, many: number): Promise<void> {
    const times: number[] = []
    const deadline = performance.now() + secondsEach * 1000
    const all = calls ?? many + warmUp
    for (let index = 0; index < all && (times.length < 2 || performance.now() < deadline); index++) {
      const began = performance.now()
      const isMeasured = calls !== undefined || index >= warmUp
      try {
        await (isMeasured ? this.#call.run(name, () => call(index)) : call(index))
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error })
      }
      if (isMeasured) times.push(performance.now() - began)
    }
    const { p50, p99 } = percentiles(times)
    const own = [...this.#all.values()].filter(statement => statement.call === name)
    const sent = own.reduce((sum, statement) => sum + statement.times.length, 0)
    const slowest = Math.max(...own.map(statement => percentiles(statement.times).p99))
    note(
      `${name}: p50 ${ms(p50)}, p99 ${ms(p99)} (${times.length} calls, ${sent} statements, the slowest p99 ${ms(slowest)})`,
    )
  }

  slowest(): { call: string; text: string; p50: number; p99: number }[] {
    return [...this.#all.values()]
      .map(({ call, text, times }) => ({ call, text, ...percentiles(times) }))
      .sort((a, b) => b.p99 - a.p99)
  }

  #record(text: string, elapsedMs: number): void {
    const call = this.#call.getStore()
    if (call === undefined || text.includes('pg_notify')) return
    const shown = text.replaceAll(/\s+/g, ' ').slice(0, 160)
    const statement = this.#all.get(`${call}\n${shown}`) ?? { call, text: shown, times: [] }
    statement.times.push(elapsedMs)
    this.#all.set(`${call}\n${shown}`, statement)
  }
}
