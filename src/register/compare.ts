// What the vendor has beside what the configuration wants, and what would make them one. Pure: no call is made here.
import type { Registration, Registrations, WantedRegistration } from '../registration.ts'

export type Difference = 'wrong URL' | 'suspended' | 'other credentials' | 'other events' | 'other settings'

/** One line of the comparison. */
export type Compared =
  | { state: 'ok'; wanted: WantedRegistration; known: Registration }
  | { state: 'missing'; wanted: WantedRegistration; known?: undefined }
  | { state: 'differs'; wanted: WantedRegistration; known: Registration; differences: readonly Difference[] }
  /** Leads here, and nobody wants it. */
  | { state: 'extra'; wanted?: undefined; known: Registration }
  /** Somebody else's: never touched. */
  | { state: 'elsewhere'; wanted?: undefined; known: Registration }

export interface CompareParts {
  wanted: readonly WantedRegistration[]
  known: readonly Registration[]
  isFor: Registrations['isFor']
  /** Whether a URL is this source's, whatever follows. */
  leadsHere(url: string): boolean
  /** Leaves what leads elsewhere, and wants one of our own beside it. */
  beside?: boolean
}

/** In the order of the wanted; then what is extra, then what leads elsewhere. */
export function compare({ wanted, known, isFor, leadsHere, beside = false }: CompareParts): Compared[] {
  const left = new Set(known)
  const compared = wanted.map((each): Compared => {
    const candidates = [...left].filter(
      one => one.isWebhook && isFor(one, each, leadsHere(one.url)) && (!beside || leadsHere(one.url)),
    )
    // Of several the one that is right already, or was ours before.
    const found =
      candidates.find(one => differencesOf(each, one).length === 0) ??
      candidates.find(({ url }) => sameUrl(url, each.url)) ??
      candidates.find(({ url }) => leadsHere(url)) ??
      candidates[0]
    if (found === undefined) return { state: 'missing', wanted: each }
    left.delete(found)
    const differences = differencesOf(each, found)
    return differences.length === 0
      ? { state: 'ok', wanted: each, known: found }
      : { state: 'differs', wanted: each, known: found, differences }
  })
  const [extra, elsewhere] = [true, false].map(here => [...left].filter(({ url }) => leadsHere(url) === here))
  return [
    ...compared,
    ...extra!.map((each): Compared => ({ state: 'extra', known: each })),
    ...elsewhere!.map((each): Compared => ({ state: 'elsewhere', known: each })),
  ]
}

/** What a person is told: `ok`, `missing`, or how it differs. */
export function stateText(compared: Compared): string {
  return compared.state === 'differs' ? compared.differences.join(', ') : compared.state
}

function differencesOf(wanted: WantedRegistration, known: Registration): Difference[] {
  const differs = (given: string | undefined, expected: string | undefined) =>
    given !== undefined && expected !== undefined && given !== expected
  return (
    [
      ['wrong URL', !sameUrl(known.url, wanted.url)],
      ['suspended', known.suspended],
      ['other credentials', differs(known.credentials, wanted.credentials)],
      ['other events', setText(known.events) !== setText(wanted.events)],
      ['other settings', differs(known.settings, wanted.settings)],
    ] as const
  )
    .filter(([, is]) => is)
    .map(([difference]) => difference)
}

/** A slash at the end makes no other URL: the entrance takes both. */
function sameUrl(a: string, b: string): boolean {
  return a.replace(/\/+$/, '') === b.replace(/\/+$/, '')
}

function setText(events: readonly string[]): string {
  return [...new Set(events.map(event => event.toUpperCase()))].toSorted().join(' ')
}
