// What people and programs ask of the whole inbox at once, on either engine: timelines, originals by the page, figures.
import type { Expression, Kysely, SqlBool } from 'kysely'
import { originalsOf } from './originals.ts'
import type { Queries } from './queries.ts'
import { Stats } from './stats.ts'
import type { Store } from './store.ts'
import type { Tables } from './tables.ts'
import { type TimelineParts, Timelines } from './timeline.ts'

export interface WideParts extends TimelineParts {
  isListed(column: 'events.sequence' | 'requests.sequence', sequences: readonly number[]): Expression<SqlBool>
}

export function wideReads(db: Kysely<Tables>, parts: WideParts, queries: Queries) {
  const timelines = new Timelines(db, parts, queries)
  const stats = new Stats(db, queries)
  return {
    timeline: query => timelines.timeline(query),
    originals: (events, bytesMax) => originalsOf(db, parts.isListed, events, bytesMax),
    stats: now => stats.sources(now),
  } satisfies Partial<Store>
}
