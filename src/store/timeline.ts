// The timeline: the events of one subject, and of what is linked to it one step away by refs. Which refs link, and how
// far, is said in src/ref-kinds; everything goes by the engine's index of refs, whose candidates are compared with the
// events' own. All of it is bounded: see `limits`.
import type { Kysely } from 'kysely'
import { followedAt, isMatter, linksNothing, sameIdentifier } from '../ref-kinds.ts'
import { dataBytes, dataBytesMax, fitting } from './event-rows.ts'
import type { EngineParts, Queries } from './queries.ts'
import { refKeys, refParts, subjectRef } from './record.ts'
import type { TimelinePage, TimelineQuery, TimelineSubject } from './store.ts'
import type { Tables } from './tables.ts'

/** How much is looked at for one page, at the most. */
const limits = {
  /** Events that have or mention the subject, whose refs are followed. */
  own: 1_000,
  /** Different refs of theirs that are followed. */
  refs: 64,
  /** Events that have or mention any of these; and those that are counted. */
  events: 3_000,
  /** Subjects that are linked. */
  subjects: 50,
  /** Candidates at once, where most may be of sources that are not to be seen: none but what is to be seen is read. */
  behind: 10_000,
  /** Bytes of the data of the events whose refs are followed. */
  bytes: 4 * dataBytesMax,
}
/** How long it goes on behind what is not to be seen, and then how long a page may be looked for, at the most. */
const budgetMs = 2_000

export interface EachWalk {
  refs: readonly string[]
  /** Sequences, both included. */
  low: number
  high: number
  limit: number
}

/** By ref, sequences of events that may have it, ascending. */
export type EachFound = ReadonlyMap<string, readonly number[]>

/** What a timeline goes by of an event. */
interface Mention {
  sequence: number
  namespace: string
  subject: string | null
  refs: ReadonlySet<string>
  bytes: number
}

/** A subject in a namespace, as one text. */
type Place = string

interface Links {
  /** By namespace, the refs that link there; and those that link everywhere. */
  within: ReadonlyMap<string, ReadonlySet<string>>
  everywhere: ReadonlySet<string>
  asked: string
}

export class Timelines {
  readonly #db: Kysely<Tables>
  readonly #parts: EngineParts
  readonly #queries: Pick<Queries, 'extent' | 'bySequence'>

  constructor(db: Kysely<Tables>, parts: EngineParts, queries: Pick<Queries, 'extent' | 'bySequence'>) {
    this.#db = db
    this.#parts = parts
    this.#queries = queries
  }

  async timeline(query: TimelineQuery): Promise<TimelinePage> {
    const { head, oldest } = await this.#queries.extent()
    if (oldest === 0) return { events: [], next: null, subjects: [], truncated: false }
    return new TimelineAnswer(this.#db, this.#parts, this.#queries, query, { low: oldest, high: head }).page()
  }
}

/** One answer in the making: it looks at no event twice. */
class TimelineAnswer {
  readonly #db: Kysely<Tables>
  readonly #parts: EngineParts
  readonly #queries: Pick<Queries, 'bySequence'>
  readonly #query: TimelineQuery
  readonly #bounds: { low: number; high: number }
  readonly #asked: string
  /** Undefined where it is not to be seen, or is gone. */
  readonly #seen = new Map<number, Mention | undefined>()
  /** Of refs whose events were all looked at. */
  readonly #whole = new Map<string, readonly number[]>()
  readonly #deadline = performance.now() + budgetMs
  #truncated = false
  #bytes = 0

  constructor(
    db: Kysely<Tables>,
    parts: EngineParts,
    queries: Pick<Queries, 'bySequence'>,
    query: TimelineQuery,
    bounds: { low: number; high: number },
  ) {
    this.#db = db
    this.#parts = parts
    this.#queries = queries
    this.#query = query
    this.#bounds = bounds
    this.#asked = subjectRef(query.subject)
  }

  async page(): Promise<TimelinePage> {
    const namespaces = await this.#namespaces()
    if (namespaces.size === 0) return { events: [], next: null, subjects: [], truncated: this.#truncated }
    const links = this.#linksOf(namespaces)
    const linked = await this.#linked(links, namespaces)
    const subjects = new Map<Place, TimelineSubject>()
    for (const namespace of namespaces) {
      const { subject } = this.#query
      subjects.set(placeOf({ namespace, subject }), { namespace, subject, events: 0, via: null })
    }
    for (const [place, { via, ...subject }] of linked) {
      if (subjects.size - namespaces.size === limits.subjects) {
        this.#truncated = true
        break
      }
      subjects.set(place, { ...subject, events: 0, via: [...via].sort() })
    }
    const refs = [...new Set([...subjects.values()].flatMap(each => this.#refsOf(each)))]
    await this.#count(refs, subjects, links)
    const { events, next } = await this.#events(refs, subjects, links)
    return { events, next, subjects: [...subjects.values()], truncated: this.#truncated }
  }

  /** Those in which the subject occurs, as the subject of an event or mentioned by one. */
  async #namespaces(): Promise<Set<string>> {
    await this.#look([this.#asked], limits.own)
    const found = new Set(
      this.#mentions()
        .filter(({ refs }) => refs.has(this.#asked))
        .map(each => each.namespace),
    )
    const { namespace } = this.#query
    return namespace === undefined ? found : new Set([namespace].filter(each => found.has(each)))
  }

  /** What the events of the subject mention, and the subject itself. */
  #linksOf(namespaces: ReadonlySet<string>): Links {
    const itself = linksNothing(kindOf(this.#asked)) ? [] : [this.#asked]
    const within = new Map([...namespaces].map(namespace => [namespace, new Set(itself)]))
    const everywhere = new Set<string>()
    const own = this.#mentions().filter(each => each.subject === this.#query.subject && namespaces.has(each.namespace))
    const all = new Set([this.#asked, ...own.flatMap(({ refs }) => [...refs])])
    const followed = [...all]
      .filter(ref => !linksNothing(kindOf(ref)))
      .sort(
        (a, b) =>
          Number(b === this.#asked) - Number(a === this.#asked) || followedAt(kindOf(a)) - followedAt(kindOf(b)),
      )
    if (followed.length > limits.refs) this.#truncated = true
    const some = new Set(followed.slice(0, limits.refs))
    for (const { namespace, refs } of own) {
      for (const ref of refs) if (some.has(ref)) within.get(namespace)!.add(ref)
    }
    for (const same of [...some].flatMap(ref => sameIdentifier(...refParts(ref)))) {
      if (everywhere.size < limits.refs) everywhere.add(same)
      else this.#truncated = true
    }
    return { within, everywhere, asked: this.#asked }
  }

  /** By place, what is linked and by which refs, in the order in which it came into the log. */
  async #linked(links: Links, namespaces: ReadonlySet<string>) {
    const refs = new Set([...links.everywhere, ...[...links.within.values()].flatMap(each => [...each])])
    await this.#look([...refs], perRef(refs.size))
    const linked = new Map<Place, { namespace: string; subject: string | null; via: Set<string> }>()
    for (const mention of this.#mentions()) {
      const { namespace, subject } = mention
      if (subject === this.#query.subject && namespaces.has(namespace)) continue
      const via = viaOf(mention, links)
      if (via.length === 0) continue
      const place = placeOf(mention)
      const known = linked.get(place) ?? { namespace, subject, via: new Set<string>() }
      for (const ref of via) known.via.add(ref)
      linked.set(place, known)
    }
    return linked
  }

  /** Fills in how many events each of them has, as far as they are looked at. */
  async #count(refs: readonly string[], subjects: ReadonlyMap<Place, TimelineSubject>, links: Links): Promise<void> {
    await this.#look(refs, perRef(refs.length))
    for (const mention of this.#mentions()) {
      if (isOf(mention, subjects, links)) subjects.get(placeOf(mention))!.events++
    }
  }

  async #events(refs: readonly string[], subjects: ReadonlyMap<Place, TimelineSubject>, links: Links) {
    const { from = 0, limit } = this.#query
    const { high } = this.#bounds
    const picked: Mention[] = []
    const deadline = performance.now() + budgetMs
    let at = Math.max(this.#bounds.low, from + 1)
    let bytes = 0
    while (at <= high && picked.length <= limit && bytes < dataBytesMax && performance.now() < deadline) {
      const { sequences, end } = await this.#step(refs, at)
      const cut = await this.#read(sequences)
      for (const sequence of sequences) {
        if (sequence === cut) break
        const mention = this.#seen.get(sequence)
        if (mention === undefined || !isOf(mention, subjects, links)) continue
        picked.push(mention)
        bytes += mention.bytes
      }
      at = cut ?? end + 1
    }
    const some = fitting(picked.slice(0, limit)).sequences
    const events = await this.#queries.bySequence(some)
    const next = picked.length > some.length ? some.at(-1)! : at <= high ? at - 1 : null
    return { events: events.sort((a, b) => a.sequence - b.sequence), next }
  }

  /** From `at` on, and how far all of the refs were looked for. */
  async #step(refs: readonly string[], at: number): Promise<{ sequences: readonly number[]; end: number }> {
    const { high } = this.#bounds
    const known = refs.map(ref => this.#whole.get(ref))
    if (known.every(sequences => sequences !== undefined)) {
      return { sequences: ascending(known.flat().filter(sequence => sequence >= at)), end: high }
    }
    const most = this.#query.sources === undefined ? perRef(refs.length) : Math.floor(limits.behind / refs.length)
    const found = [...(await this.#parts.findEach(this.#db, { refs, low: at, high, limit: most })).values()]
    const end = Math.min(high, ...found.filter(({ length }) => length === most).map(sequences => sequences.at(-1)!))
    const visible = await this.#visible(ascending(found.flat().filter(sequence => sequence <= end)))
    const sequences = visible.slice(0, limits.events)
    return { sequences, end: sequences.length < visible.length ? sequences.at(-1)! : end }
  }

  /** Reads the events that have any of the refs, of each the first `limit` that are to be seen. */
  async #look(refs: readonly string[], limit: number): Promise<void> {
    const unknown = refs.filter(ref => !this.#whole.has(ref))
    if (unknown.length === 0) return
    const found = await this.#parts.findEach(this.#db, { refs: unknown, ...this.#bounds, limit })
    const visible = new Set(await this.#visible(ascending([...found.values()].flat())))
    const read: number[] = []
    for (const [ref, candidates] of found) {
      const { sequences, isWhole } = await this.#goOn(ref, limit, candidates, visible)
      if (isWhole) this.#whole.set(ref, sequences)
      else this.#truncated = true
      for (const sequence of sequences) read.push(sequence)
    }
    const sequences = ascending(read)
    let isMore = sequences.some(sequence => !this.#seen.has(sequence))
    while (isMore && this.#bytes < limits.bytes) isMore = (await this.#read(sequences)) !== undefined
    if (isMore) this.#truncated = true
  }

  /** Until `limit` of the ref's events are to be seen: what is not is not counted, so that nothing tells of it. */
  async #goOn(ref: string, limit: number, first: readonly number[], visible: ReadonlySet<number>) {
    const sequences = first.filter(sequence => visible.has(sequence))
    let last = first.length < limit ? undefined : first.at(-1)
    while (last !== undefined && sequences.length < limit && performance.now() < this.#deadline) {
      const walk = { refs: [ref], low: last + 1, high: this.#bounds.high, limit: limits.behind }
      const candidates = (await this.#parts.findEach(this.#db, walk)).get(ref)!
      for (const sequence of await this.#visible(candidates)) sequences.push(sequence)
      last = candidates.length < limits.behind ? undefined : candidates.at(-1)
    }
    return { sequences: sequences.slice(0, limit), isWhole: last === undefined && sequences.length < limit }
  }

  /** Those of the query's sources; without their data, which is long. */
  async #visible(sequences: readonly number[]): Promise<readonly number[]> {
    const { sources } = this.#query
    if (sources === undefined || sequences.length === 0) return sequences
    const rows = await this.#db
      .selectFrom('events')
      .innerJoin('kinds', 'kinds.id', 'events.kind')
      .select(['events.sequence', 'kinds.source'])
      .where(this.#parts.isListed('events.sequence', sequences))
      .execute()
    return ascending(rows.filter(({ source }) => sources.includes(source)).map(({ sequence }) => sequence))
  }

  /** As many of them as one statement reads; the first one that was not. */
  async #read(sequences: readonly number[]): Promise<number | undefined> {
    const unseen = sequences.filter(sequence => !this.#seen.has(sequence))
    if (unseen.length === 0) return undefined
    const sized = await this.#db
      .selectFrom('events')
      .select(['events.sequence', dataBytes])
      .where(this.#parts.isListed('events.sequence', unseen))
      .orderBy('events.sequence')
      .execute()
    const { sequences: some, cut } = fitting(sized)
    for (const sequence of unseen) if (cut === undefined || sequence < cut) this.#seen.set(sequence, undefined)
    const rows = await this.#db
      .selectFrom('events')
      .innerJoin('kinds', 'kinds.id', 'events.kind')
      .select(['events.sequence', 'events.subject', 'events.data', 'kinds.namespace'])
      .where(this.#parts.isListed('events.sequence', some))
      .execute()
    const bytesOf = new Map(sized.map(({ sequence, bytes }) => [sequence, bytes]))
    for (const { sequence, namespace, subject, data } of rows) {
      const bytes = bytesOf.get(sequence)!
      this.#bytes += bytes
      const { refs } = JSON.parse(data) as { refs: Record<string, string> }
      this.#seen.set(sequence, { sequence, namespace, subject, refs: new Set(refKeys(refs, subject)), bytes })
    }
    return cut
  }

  /** All that was looked at, as it came into the log. */
  #mentions(): Mention[] {
    return [...this.#seen.values()].filter(each => each !== undefined).sort((a, b) => a.sequence - b.sequence)
  }

  /** What its events are found by: of those without a subject, what links them. */
  #refsOf({ subject, via }: TimelineSubject): string[] {
    return subject === null ? [...(via ?? [])] : [subjectRef(subject)]
  }
}

/** The refs by which an event, or its subject, is linked. */
function viaOf({ namespace, subject, refs }: Mention, { within, everywhere, asked }: Links): string[] {
  const here = within.get(namespace)
  const own = subject === null ? undefined : subjectRef(subject)
  return [...refs].filter(
    ref => everywhere.has(ref) || (here?.has(ref) === true && (ref === asked || ref === own || isMatter(kindOf(ref)))),
  )
}

/** Whether the event is one of theirs. */
function isOf(mention: Mention, subjects: ReadonlyMap<Place, unknown>, links: Links): boolean {
  if (!subjects.has(placeOf(mention))) return false
  return mention.subject !== null || viaOf(mention, links).length > 0
}

function placeOf({ namespace, subject }: { namespace: string; subject: string | null }): Place {
  return `${namespace}\n${subject ?? ''}`
}

function perRef(refs: number): number {
  return Math.min(limits.own, Math.floor(limits.events / Math.max(1, refs)))
}

function ascending(sequences: readonly number[]): number[] {
  return [...new Set(sequences)].sort((a, b) => a - b)
}

function kindOf(ref: string): string {
  return refParts(ref)[0]
}
