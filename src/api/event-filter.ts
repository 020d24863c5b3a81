// The filters of events: as the store is asked for them, and as an event in memory is compared with them. Both mean the
// same: see the store's queries.
import { matchesGlob, matchesType } from '../globs.ts'
import { refKey, refParts } from '../store/record.ts'
import type { EventFilter } from '../store/store.ts'
import type { SharedEvent } from './shared-event.ts'

/** Parameters as they are read; undefined where one was not given. */
type Filters = { [Name in keyof Omit<EventFilter, 'refs'>]?: EventFilter[Name] | undefined } & {
  ref?: readonly string[] | undefined
}

/** Whoever does not ask for our own events, by their type or as whose they are, does not get them: as with `type=*`. */
export function filterOf({ ref, ...filters }: Filters): EventFilter {
  const given = Object.entries({ ...filters, refs: ref }).filter(([, value]) => value !== undefined)
  const asksForOwn = [filters.source, filters.vendor].some(names => names?.includes('postern'))
  return { ...(asksForOwn ? {} : { type: ['*'] }), ...(Object.fromEntries(given) as EventFilter) }
}

export function eventMatcher(filter: EventFilter): (shared: SharedEvent) => boolean {
  const { source, vendor, type, vendorType, subject, receivedAfter = -Infinity, receivedBefore = Infinity } = filter
  const any = (globs: readonly string[] | undefined, text: string) =>
    globs === undefined || globs.some(glob => matchesGlob(glob, text))
  const refs = (filter.refs ?? []).map(ref => refKey(...refParts(ref)))
  return shared => {
    const { event } = shared
    return (
      any(source, event.source) &&
      any(vendor, event.vendor) &&
      (type === undefined || matchesType(type, event.type)) &&
      any(vendorType, event.vendortype) &&
      (subject === undefined || subject === event.subject) &&
      event.received >= receivedAfter &&
      event.received < receivedBefore &&
      refs.every(ref => shared.refs.has(ref))
    )
  }
}
