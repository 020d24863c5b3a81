// Deleting what is too old, in steps small enough that no append waits for one longer than for another append.
import type { Queries } from '../queries.ts'
import type { Command } from './commands.ts'

/** Sequences that one step looks at. */
const stepSize = 100
/** The vendors' longest resend is 60 days: identities are kept at least this long, whatever happens to the events. */
const identityDays = 61
/** About a day's, where all of 61 days are kept. */
const walkForOneIn = 60
const dayMs = 86_400_000

type Run = <Value>(command: Command, pieces?: readonly Uint8Array[]) => Promise<Value>

/** Retention's memory between its runs: identities below this sequence are already forgotten. */
export interface Forgotten {
  below: number
}

/** Deletes events received before their source's cut-off (milliseconds since the epoch); resolves with how many. */
export async function expireEvents(
  run: Run,
  queries: Queries,
  cutoffs: ReadonlyMap<string, number>,
  fallback: number,
  forgotten: Forgotten,
  now: number,
  signal: AbortSignal,
): Promise<number> {
  const latest = Math.max(fallback, ...cutoffs.values())
  const earliest = Math.min(fallback, ...cutoffs.values())
  const { head, oldest } = await queries.extent()
  const end = Math.min(head, (await queries.firstSince(latest)) - 1)
  let deleted = 0
  for (let from = oldest; from !== 0 && from <= end && !signal.aborted; from += stepSize) {
    const upTo = Math.min(from + stepSize - 1, end)
    deleted += await run<number>({ op: 'expire', from, upTo, cutoffs: [...cutoffs], fallback, now })
  }
  const below = Math.min(head + 1, await queries.firstSince(Math.min(earliest, latest - identityDays * dayMs)))
  // A walk looks at every identity: it waits until it can forget some part of them.
  if ((below - forgotten.below) * walkForOneIn >= head + 1 - forgotten.below && below > forgotten.below) {
    await forgetIdentities(run, below, signal)
    if (!signal.aborted) forgotten.below = below
  }
  return deleted
}

/** Walks the identities in their own order, since none is kept by age: one small step at a time. */
async function forgetIdentities(run: Run, below: number, signal: AbortSignal): Promise<void> {
  let after: string | null = ''
  while (after !== null && !signal.aborted) {
    after = await run<string | null>({ op: 'forget', after, below })
  }
}
