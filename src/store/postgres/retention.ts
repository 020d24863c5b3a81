// Deleting what is too old. Ranges of the log in which nothing is to be kept are dropped whole, the rest goes in small
// steps; each is a statement of its own, that no append waits for.
import type { Queries } from '../queries.ts'
import type { Database } from './database.ts'
import { Dropping } from './dropping.ts'
import { type Range, rangesOf } from './partitions.ts'

/** Sequences that one step looks at. */
const stepSize = 100
/** Rows that one step deletes of a table in its order. */
const rowsAtOnce = 1_000
/** Pages that one step looks at of a table without one: some thousand rows. */
const pagesAtOnce = 32
/** The vendors' longest resend is 60 days: identities are kept at least this long, whatever happens to the events. */
const identityDays = 61
/** About a day's, where all of 61 days are kept. */
const walkForOneIn = 60
const dayMs = 86_400_000
/** The longest of a rate's intervals, and as much again. */
const rateStartsKeptMs = 7_200_000
/** A request's events lie beside each other, so many at the most. */
const eventsOfRequestMax = 1_000

/** Retention's memory between its runs: identities below this sequence are already forgotten. */
export interface Forgotten {
  below: number
}

/** Of these kinds all below this sequence is too old. */
interface Aged {
  kinds: number[]
  below: number
}

/** Deletes events received before their source's cut-off (milliseconds since the epoch); resolves with how many, about. */
export async function expireEvents(
  database: Database,
  queries: Queries,
  cutoffs: ReadonlyMap<string, number>,
  fallback: number,
  forgotten: Forgotten,
  now: number,
  signal: AbortSignal,
): Promise<number> {
  const { head, oldest } = await queries.extent()
  const aged = await agedKinds(database, queries, cutoffs, fallback, head)
  const dropping = new Dropping(database, now, signal)
  const spared: Range[] = []
  for (const range of await pastRanges(database, aged, head)) {
    // What could not be taken now goes whole the next time, sooner than in steps.
    if (!(await dropping.take(range))) spared.push(range)
  }
  let deleted = await dropping.finish(head)
  if (oldest > 0) for (const each of aged) deleted += await expireKinds(database, each, oldest, spared, now, signal)
  if (signal.aborted) return deleted

  const earliest = Math.min(fallback, ...cutoffs.values())
  await forgetConflicts(database, earliest, signal)
  await sweepDefaults(database, (await queries.extent()).oldest || head + 1, signal)
  const below = Math.min(head + 1, await queries.firstSince(Math.min(earliest, now - identityDays * dayMs)))
  // A walk looks at every identity: it waits until it can forget some part of them.
  if ((below - forgotten.below) * walkForOneIn >= head + 1 - forgotten.below && below > forgotten.below) {
    await sweepPages(database, 'identities', below, signal)
    if (!signal.aborted) await forgetMinutes(database, below, signal)
    if (!signal.aborted) forgotten.below = below
  }
  await database.call(
    `delete from rate_starts where ctid = any(array(
       select old.ctid from subscriptions cross join lateral (
         select ctid from rate_starts where subscription = number and at < $1 order by at limit $2) as old))`,
    [now - rateStartsKeptMs, rowsAtOnce],
  )
  return deleted
}

/** Whatever stands below the first that was received at or after its cut-off is older than that. */
async function agedKinds(
  database: Database,
  queries: Queries,
  cutoffs: ReadonlyMap<string, number>,
  fallback: number,
  head: number,
): Promise<Aged[]> {
  const byCutoff = new Map<number, number[]>()
  for (const { id, source } of await database.kysely.selectFrom('kinds').select(['id', 'source']).execute()) {
    const cutoff = cutoffs.get(source) ?? fallback
    byCutoff.set(cutoff, [...(byCutoff.get(cutoff) ?? []), id])
  }
  const aged: Aged[] = []
  for (const [cutoff, kinds] of byCutoff) {
    aged.push({ kinds, below: Math.min(head + 1, await queries.firstSince(cutoff)) })
  }
  return aged
}

/** The ranges behind the head in which there is nothing that is to be kept. */
async function pastRanges(database: Database, aged: readonly Aged[], head: number): Promise<Range[]> {
  const past: Range[] = []
  for (const range of (await rangesOf(database)).events) {
    if (range.beyond <= head + 1 && !(await isKept(database, range, aged))) past.push(range)
  }
  return past
}

async function isKept(database: Database, { first, beyond }: Range, aged: readonly Aged[]): Promise<boolean> {
  for (const { kinds, below } of aged) {
    if (below >= beyond) continue
    for (const kind of kinds) {
      const kept = await database.kysely
        .selectFrom('events')
        .select('sequence')
        .where('kind', '=', kind)
        .where('sequence', '>=', Math.max(first, below))
        .where('sequence', '<', beyond)
        .orderBy('kind')
        .orderBy('sequence')
        .limit(1)
        .execute()
      if (kept.length > 0) return true
    }
  }
  return false
}

/** In steps, past the ranges that are spared. */
async function expireKinds(
  database: Database,
  { kinds, below }: Aged,
  oldest: number,
  spared: readonly Range[],
  now: number,
  signal: AbortSignal,
): Promise<number> {
  let deleted = 0
  let first = oldest
  for (const { first: end, beyond } of [...spared, { first: below, beyond: below }]) {
    const until = Math.min(end, below)
    for (let after: number | null = first - 1; after !== null && after < until - 1 && !signal.aborted; ) {
      const [row]: { deleted: number; looked: number | null }[] = await database.call(
        'select deleted, looked from postern_expire($1, $2, $3, $4, $5)',
        [kinds, after, until, stepSize, now],
      )
      deleted += row!.deleted
      after = row!.looked
    }
    first = Math.max(first, beyond)
  }
  return deleted
}

/** By the longest retention of any source: conflicts are few, and for people. */
function forgetConflicts(database: Database, before: number, signal: AbortSignal): Promise<void> {
  return deleteFirst(database, ['conflicts', 'number', 'received'], before, signal)
}

/** They tell how old an identity is, until it is forgotten. One that an append touches at this moment stays. */
async function forgetMinutes(database: Database, below: number, signal: AbortSignal): Promise<void> {
  await deleteFirst(database, ['minutes', 'minute', 'last'], below, signal)
  await deleteFirst(database, ['days', 'day', 'last'], below, signal)
}

/** Page by page in the order of the key, until nothing of a page was below. */
async function deleteFirst(
  database: Database,
  [table, key, column]: readonly [table: string, key: string, column: string],
  below: number,
  signal: AbortSignal,
): Promise<void> {
  const text = `
    with page as materialized (select ${key} as key from ${table} where ${key} > $1 order by ${key} limit $2),
      gone as (delete from ${table} where ${key} = any(array(select key from page)) and ${column} < $3 returning 1)
    select (select max(key) from page) as last, (select count(*) from gone) as gone`
  for (let after = -1, more = true; more && !signal.aborted; ) {
    const [row] = await database.call<{ last: number | null; gone: number }>(text, [after, rowsAtOnce, below])
    after = row!.last ?? after
    more = row!.gone > 0
  }
}

/** What is left in the default partitions of events that are gone. */
async function sweepDefaults(database: Database, oldest: number, signal: AbortSignal): Promise<void> {
  await sweepPages(database, 'requests_default', oldest - eventsOfRequestMax, signal)
  await sweepPages(database, 'refs_default', oldest, signal)
  const [row] = await database.call<{ first: number | null }>(
    'select (select sequence from deliveries order by sequence limit 1) as first',
  )
  await sweepPages(database, 'attempts_default', Math.min(oldest, row?.first ?? oldest), signal)
}

async function sweepPages(database: Database, table: string, below: number, signal: AbortSignal): Promise<void> {
  for (let page: number | null = 0; page !== null && !signal.aborted; ) {
    const [row]: { next: number | null }[] = await database.call('select postern_sweep_pages($1, $2, $3, $4) as next', [
      table,
      page,
      pagesAtOnce,
      below,
    ])
    page = row!.next
  }
}
