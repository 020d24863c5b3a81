// What a token that is limited to sources sees of the rest: nothing. A list is narrowed before it is read, and a single
// thing of another source is not there.
import { matchesGlob } from '../globs.ts'
import type { EventFilter } from '../store/store.ts'
import type { Principal } from './access.ts'
import { found } from './resource.ts'

/** Whether it may see what came by `source`. */
export function maySee({ sources }: Principal, source: string): boolean {
  return sources === null || sources.includes(source)
}

/** Throws AppError `not_found` where it may not see it, or there is none. */
export function seenBy<Item extends { source: string }>(principal: Principal, item: Item | undefined): Item {
  const there = found(item)
  return found(maySee(principal, there.source) ? there : undefined)
}

/** Of what the filter takes, what the principal may see. */
export function limitedTo({ sources }: Principal, filter: EventFilter): EventFilter {
  if (sources === null) return filter
  const { source: globs } = filter
  // No name of a source has a star: each is a glob that matches itself alone.
  const source = globs === undefined ? sources : sources.filter(name => globs.some(glob => matchesGlob(glob, name)))
  return { ...filter, source }
}

/** The same where one source is asked for by its name; undefined: all of them. */
export function sourcesFor({ sources }: Principal, asked: string | undefined): readonly string[] | undefined {
  if (asked === undefined) return sources ?? undefined
  return sources === null || sources.includes(asked) ? [asked] : []
}
