// Who is there: each process says so every few seconds, by the database's clock, and all see the same list. Of what only
// one at a time should do each knows whose it is, without asking.
import { quickHash } from '../../quick-hash.ts'
import type { Database } from './database.ts'

const beatMs = 2_500
/** Who has not been seen for so long is dead to the others, and takes itself for dead a little earlier. */
const liveMs = 10_000
const marginMs = 2_000
/** It dies in silence where nobody hears it. */
const goodbyeMs = 1_000
const forgottenMs = 86_400_000
const exactMs = 500

export interface NodesParts {
  database: Database
  name: string
  /** Duties are shared among those of one kind: what receives, or what delivers. */
  kind: 'main' | 'delivery'
  /** Somebody has come or gone. */
  moved(): void
}

export class Nodes {
  readonly #parts: NodesParts
  #live: readonly string[] = []
  /** By a clock that nobody sets; null before the first beat. */
  #beatAt: number | null = null
  #skewMs = 0
  #beating: Promise<void> | undefined
  #again = false
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #closing: Promise<void> | undefined

  constructor(parts: NodesParts) {
    this.#parts = parts
  }

  /** By how much the database's clock is ahead of this machine's, in milliseconds. */
  get skewMs(): number {
    return this.#skewMs
  }

  /** The names of all of this kind. */
  get live(): readonly string[] {
    return this.#live
  }

  /** Resolves after the first beat, however it went. */
  async start(): Promise<void> {
    await this.beat().catch(() => {})
    this.#timer = setInterval(() => void this.beat().catch(() => {}), beatMs)
    this.#timer.unref()
  }

  /** Rendezvous: each duty has its own order of nodes, so that a node's death moves only what was its own. */
  owns(duty: string): boolean {
    if (this.#closed || this.#beatAt === null || performance.now() - this.#beatAt > liveMs - marginMs) return false
    const { name } = this.#parts
    const weight = (node: string) => quickHash(`${duty} ${node}`)
    const own = weight(name)
    return this.#live.every(other => other === name || weight(other) < own)
  }

  /** Says that this one is there, and looks who else is: a commit, which also tells whether one can be made. */
  async beat(): Promise<void> {
    // It would be there again, and nobody would take it back.
    if (this.#closed) return
    if (this.#beating !== undefined) {
      this.#again = true
      return this.#beating
    }
    this.#beating = this.#beat().finally(() => {
      this.#beating = undefined
    })
    await this.#beating
    if (this.#again) {
      this.#again = false
      void this.beat().catch(() => {})
    }
  }

  /** The others need not wait for its silence; nor does it wait long for a server that does not answer. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, goodbyeMs)
    await Promise.race([this.#sayGoodbye(), late])
    clearTimeout(timer)
  }

  async #sayGoodbye(): Promise<void> {
    await this.#beating?.catch(() => {})
    const { database, name, kind } = this.#parts
    await database.call('delete from nodes where name = $1 and kind = $2', [name, kind]).catch(() => {})
  }

  async #beat(): Promise<void> {
    const { database, name, kind, moved } = this.#parts
    const asked = performance.now()
    const local = Date.now()
    const rows = await database.call<{ name: string | null; now: number }>(
      `with own as (
         insert into nodes (name, kind, seen) values ($1, $2, postern_now())
         on conflict (name, kind) do update set seen = excluded.seen
       ), gone as (delete from nodes where seen < postern_now() - ${forgottenMs})
       select here.name, clock.now from (select postern_now() as now) clock
       left join nodes here on here.kind = $2 and here.seen > clock.now - ${liveMs}`,
      [name, kind],
    )
    if (this.#closed) return
    const answered = performance.now()
    // One that was answered slowly tells the time no better than by half of that.
    if (this.#beatAt === null || answered - asked < exactMs) {
      this.#skewMs = Math.round(rows[0]!.now - (local + (answered - asked) / 2))
    }
    // Counted from before it was asked: the others may have seen it only then.
    this.#beatAt = asked
    const live = [...new Set([name, ...rows.flatMap(row => (row.name === null ? [] : [row.name]))])].toSorted()
    const changed = live.join('\n') !== this.#live.join('\n')
    this.#live = live
    if (changed) moved()
  }
}
