// What people and programs ask of the whole inbox at once, on either engine: timelines, originals by the page, figures.
import type { Kysely } from 'kysely'
import { originalsOf } from './originals.ts'
import type { EngineParts, Queries } from './queries.ts'
import { Stats } from './stats.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'
import { Timelines } from './timeline.ts'

export function wideReads(db: Kysely<Tables>, parts: EngineParts, queries: Queries) {
  const timelines = new Timelines(db, parts, queries)
  const stats = new Stats(db, queries)
  return {
    timeline: query => timelines.timeline(query),
    originals: (events, bytesMax) => originalsOf(db, parts.isListed, events, bytesMax),
    stats: now => stats.sources(now),
  } satisfies Partial<Store>
}
