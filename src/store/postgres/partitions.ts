// The log's tables are cut into ranges of sequence, about a month each, so that retention can drop them whole. They are
// made ahead; what comes where none was made stands in the default partition: nothing is ever refused or lost for that.
import type { Queries } from '../queries.ts'
import type { Database } from './database.ts'

/** Whoever reads an event finds what belongs to it: events come last. */
export const partitioned = ['requests', 'refs', 'attempts', 'events'] as const
export type Partitioned = (typeof partitioned)[number]

/** From `first` on, below `beyond`. */
export interface Range {
  first: number
  beyond: number
}

/** A change of the schema waits no longer for those who are at work, since all others wait behind it. */
export const lockWaitMs = 100
const widthMin = 1_000_000
const growthMs = 30 * 86_400_000
const everyMs = 15_000
/** Tries of one change of the schema, and what lies between two of them, in milliseconds. */
const tries = 6
const pauseMs = 250

/** The range that a migration makes, before anything is in the log. */
export const firstRange: Range = { first: 1, beyond: 1 + widthMin }

export function firstRanges(): string[] {
  const { first, beyond } = firstRange
  return partitioned.map(parent => `select postern_make_range('${parent}', ${first}, ${beyond}, 3000)`)
}

export type Ranges = Record<Partitioned, Range[]>

/** The ranges of each table, in their order. */
export async function rangesOf(database: Database): Promise<Ranges> {
  const rows = await database.call<{ parent: Partitioned; bound: string }>(
    `select parent.relname as parent, pg_get_expr(range.relpartbound, range.oid) as bound
     from pg_inherits join pg_class range on range.oid = inhrelid join pg_class parent on parent.oid = inhparent
     where inhparent in (select to_regclass(name) from unnest($1::text[]) as name) and range.relkind = 'r'`,
    [partitioned],
  )
  const ranges: Ranges = { events: [], requests: [], refs: [], attempts: [] }
  for (const { parent, bound } of rows) {
    const [first, beyond] = [...bound.matchAll(/\('?(\d+)'?\)/g)].map(([, number]) => Number(number))
    if (first !== undefined && beyond !== undefined) ranges[parent].push({ first, beyond })
  }
  for (const each of Object.values(ranges)) each.sort((a, b) => a.first - b.first)
  return ranges
}

/**
 * The next range that is to be made: there is always a whole one ahead of the head. Where the log has outrun them it
 * begins beyond what may come while it is made.
 */
export function nextRange(ranges: readonly Range[], head: number, growth: number): Range | undefined {
  if (ranges.some(({ first }) => first > head)) return undefined
  const width = Math.max(widthMin, Math.ceil(growth / widthMin) * widthMin)
  const end = ranges.at(-1)?.beyond ?? 1
  const first = end > head ? end : head + 1 + width / 10
  return { first, beyond: first + width }
}

type Outcome = 'made' | 'there' | 'busy' | 'occupied' | 'overlapping'

export interface PartitionsParts {
  database: Database
  queries: Queries
  /** Whether this node is the one that makes them; at its start every node does. */
  owns(): boolean
  warn(message: string): void
}

export class Partitions {
  readonly #parts: PartitionsParts
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #warned = false
  #closed = false

  constructor(parts: PartitionsParts) {
    this.#parts = parts
  }

  /** Looks at once, and then as often as a log that grows fast needs it. */
  start(): void {
    const look = () => {
      this.#running = this.maintain(Date.now()).catch(error =>
        this.#parts.warn(
          `the next range of the log could not be made, and is tried again: ${(error as Error).message}`,
        ),
      )
    }
    look()
    this.#timer = setInterval(() => {
      if (this.#parts.owns()) look()
    }, everyMs)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#running
  }

  /** Makes the ranges that are missing; where it is held up it is done the next time. */
  async maintain(now: number): Promise<void> {
    const { database, queries } = this.#parts
    const { head } = await queries.extent()
    const ranges = await rangesOf(database)
    this.#warnOf(ranges.events, head)
    const missing = await this.#missing(ranges, head, now)
    for (const parent of partitioned) {
      const there = new Set(ranges[parent].map(({ first }) => first))
      for (const range of missing) {
        if (!there.has(range.first) && !(await this.#make(parent, range))) return
      }
    }
  }

  /** What lies ahead in one table and not in all of them was held up. */
  async #missing(ranges: Ranges, head: number, now: number): Promise<Range[]> {
    const ahead = Object.values(ranges).flatMap(each => each.filter(({ first }) => first > head))
    if (ahead.length > 0) return [...new Map(ahead.map(range => [range.first, range])).values()]
    const since = await this.#parts.queries.firstSince(now - growthMs)
    const next = nextRange(ranges.events, head, Math.max(0, head - since))
    return next === undefined ? [] : [next]
  }

  /** False where that is held up: the others would be too. */
  async #make(parent: Partitioned, { first, beyond }: Range): Promise<boolean> {
    const { database, warn } = this.#parts
    const made = await untilFree(
      () => this.#closed,
      async () => {
        const text = 'select postern_make_range($1, $2, $3, $4) as outcome'
        return (await database.call<{ outcome: Outcome }>(text, [parent, first, beyond, lockWaitMs]))[0]!.outcome
      },
    )
    if (made === 'occupied') warn(`${parent} from ${first} on stand in the default partition already`)
    return made !== 'busy'
  }

  #warnOf(events: readonly Range[], head: number): void {
    const outrun = head > 0 && !events.some(({ first, beyond }) => first <= head && head < beyond)
    if (outrun && !this.#warned) {
      this.#parts.warn(
        'the log grew faster than its ranges were made: what came meanwhile stands in the default partition',
      )
    }
    this.#warned = outrun
  }
}

/** Again while it is `busy`, for some seconds. */
export async function untilFree<Answer>(isClosed: () => boolean, change: () => Promise<Answer | 'busy'>) {
  for (let attempt = 1; ; attempt++) {
    const answer = await change()
    if (answer !== 'busy' || attempt === tries || isClosed()) return answer
    await new Promise<void>(resolve => setTimeout(resolve, pauseMs * (0.5 + Math.random())).unref())
  }
}
