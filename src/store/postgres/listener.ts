// News between processes: LISTEN on a connection of its own, NOTIFY in statements of their own and never inside a
// change, since it takes a lock of the whole server at the commit. News may be lost: whoever waits for it also polls.
import pg from 'pg'
import { urlsOf } from '../../postgres-url.ts'
import type { Database } from './database.ts'

/** The log has grown; more is due than a node takes; subscriptions or the like changed; a node came or went. */
export type News = 'log' | 'due' | 'changed' | 'nodes'

const channel = 'postern'
/** One of a kind in so long, at the most. */
const everyMs = 10
const pausesMs = [100, 500, 1_000, 2_000, 5_000]
/** Numbers in one of the news that there is more due: a payload is no longer than 8,000 bytes. */
const numbersMax = 500
/** A connection that was cut on the way says nothing: it is asked. */
const askedEveryMs = 5_000
/** Who is asked to end a connection, and does not answer, is not waited for longer. */
const endMs = 500

export interface ListenerParts {
  database: Database
  /** Past a pooler; null: nobody is told and nobody listens. */
  url: string | null
  /** Who tells: nobody hears of its own news. */
  self: string
}

export class Listener {
  readonly #parts: ListenerParts
  readonly #urls: readonly string[]
  readonly #listeners = new Map<News, Set<() => void>>()
  readonly #told = new Map<News, { again: boolean }>()
  readonly #dueListeners = new Set<(due: readonly number[]) => void>()
  #due = new Set<number>()
  #dueTimer: NodeJS.Timeout | undefined
  #client: pg.Client | undefined
  #closed = false
  #failures = 0
  #turns = 0
  #retry: NodeJS.Timeout | undefined
  readonly #asking: NodeJS.Timeout

  constructor(parts: ListenerParts) {
    this.#parts = parts
    this.#urls = parts.url === null ? [] : urlsOf(parts.url)
    this.#asking = setInterval(() => this.#ask(), askedEveryMs)
    this.#asking.unref()
    if (parts.url !== null) void this.#connect()
  }

  /** Whether news arrives: without it one polls more often. */
  get listens(): boolean {
    return this.#parts.url !== null
  }

  on(news: News, listener: () => void): () => void {
    const set = this.#listeners.get(news) ?? new Set()
    this.#listeners.set(news, set)
    set.add(listener)
    return () => set.delete(listener)
  }

  onDue(listener: (due: readonly number[]) => void): () => void {
    this.#dueListeners.add(listener)
    return () => this.#dueListeners.delete(listener)
  }

  /** Elsewhere only, and soon: who tells knows. */
  tellDue(subscription: number): void {
    if (this.#parts.url === null || this.#closed) return
    this.#due.add(subscription)
    this.#dueTimer ??= setTimeout(() => this.#sendDue(), everyMs).unref()
  }

  /** Here at once, elsewhere soon. */
  tell(news: News): void {
    this.#hear(news)
    if (this.#parts.url === null || this.#closed) return
    const told = this.#told.get(news)
    if (told !== undefined) {
      told.again = true
      return
    }
    const { database, self } = this.#parts
    this.#told.set(news, { again: false })
    void database.call('select pg_notify($1, $2)', [channel, `${news} ${self}`]).catch(() => {})
    setTimeout(() => {
      const { again } = this.#told.get(news)!
      this.#told.delete(news)
      if (again) this.tell(news)
    }, everyMs).unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#asking)
    clearTimeout(this.#retry)
    clearTimeout(this.#dueTimer)
    const client = this.#client
    if (client === undefined) return
    const late = setTimeout(() => cut(client), endMs)
    await client.end().catch(() => {})
    clearTimeout(late)
  }

  #sendDue(): void {
    this.#dueTimer = undefined
    const numbers = [...this.#due].slice(0, numbersMax)
    for (const number of numbers) this.#due.delete(number)
    if (this.#due.size > 0) this.#dueTimer = setTimeout(() => this.#sendDue(), everyMs).unref()
    const { database, self } = this.#parts
    void database.call('select pg_notify($1, $2)', [channel, `due ${self} ${numbers.join(' ')}`]).catch(() => {})
  }

  #hear(news: News): void {
    for (const listener of this.#listeners.get(news) ?? []) listener()
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      // Of several hosts one after another: a standby refuses to listen.
      connectionString: this.#urls[this.#turns % this.#urls.length]!,
      keepAlive: true,
      connectionTimeoutMillis: askedEveryMs,
      application_name: 'postern-listen',
    })
    const ended = () => this.#lost(client)
    client.on('error', ended)
    client.on('end', ended)
    client.on('notification', ({ payload = '' }) => {
      const [news, from, ...numbers] = payload.split(' ')
      if (from === this.#parts.self) return
      if (numbers.length === 0) this.#hear(news as News)
      else for (const listener of this.#dueListeners) listener(numbers.map(Number))
    })
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
    } catch {
      this.#lost(client)
      return
    }
    if (this.#closed) return void client.end().catch(() => {})
    this.#client = client
    this.#failures = 0
    // What was told meanwhile is not told again.
    for (const news of this.#listeners.keys()) this.#hear(news)
  }

  #lost(client: pg.Client): void {
    client.removeAllListeners()
    client.on('error', () => {})
    void client.end().catch(() => {})
    if (this.#client === client) this.#client = undefined
    if (this.#closed) return
    this.#turns++
    clearTimeout(this.#retry)
    const pause = pausesMs[Math.min(this.#failures++, pausesMs.length - 1)]!
    this.#retry = setTimeout(() => void this.#connect(), pause).unref()
  }

  #ask(): void {
    const client = this.#client
    if (client === undefined) return
    const late = setTimeout(() => {
      cut(client)
      this.#lost(client)
    }, askedEveryMs - 1_000)
    client.query('select 1').then(
      () => clearTimeout(late),
      () => clearTimeout(late),
    )
  }
}

/** It is not asked politely to end: nobody would answer. */
function cut(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}
