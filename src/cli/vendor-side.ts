// What `postern register` and `postern registrations` have in common: the source with its secrets, its vendor's side as
// it is read, and how both are shown. Path tokens and secrets are in no output unless they are asked for.
import { randomUUID } from 'node:crypto'
import { payloadUrl, shownUrl } from '../payload-url.ts'
import { type Compared, stateText } from '../register/compare.ts'
import { type ConfiguredSource, configuredSource } from '../register/configured.ts'
import { type Overview, type Read, type VendorSide, vendorSide } from '../register/vendor-side.ts'
import type { Registrations } from '../registration.ts'
import { exit, Failure } from './command.ts'
import { configured, sourceNamed } from './configured.ts'
import type { Column } from './table.ts'

export interface Opened extends ConfiguredSource {
  /** Where the vendor has an API for it. */
  registrations: Registrations | undefined
  /** A URL as it may be printed. */
  shown(url: string): string
  /** The payload URL as it may be printed. */
  url: string
}

/** The source of this name, or the only one of this vendor. Throws ConfigError, or Failure where there is none. */
export async function openSource(given: string, showSecrets: boolean): Promise<Opened> {
  const { config, settings, sources } = await configured()
  const { name } = sourceNamed(sources, given)
  const opened = configuredSource(name, { config, settings, env: process.env })
  const { source, publicUrl } = opened
  const shown = (url: string) => (showSecrets ? url : shownUrl(source, publicUrl, url))
  return {
    ...opened,
    registrations: source.adapter.registrations,
    shown,
    url: shown(payloadUrl(source, publicUrl)),
  }
}

/** Throws Failure where the source has no `api` to call. */
export function openVendorSide(opened: Opened, registrations: Registrations, beside: boolean): VendorSide {
  const { source, publicUrl, call, conceal } = opened
  if (call === undefined) throw new Failure(exit.mistaken, noApi(source.name, registrations))
  return vendorSide({ source, registrations, publicUrl, call, conceal, uuid: randomUUID, beside })
}

export function noApi(name: string, { apiExample }: Registrations): string {
  return `sources.${name}.api is not set. The vendor's API is called by it: api: ${apiExample}`
}

const exitOf = {
  denied: exit.notAllowed,
  away: exit.unreachable,
  refused: exit.mistaken,
  problem: exit.mistaken,
} as const

/** Throws Failure where it could not be read. */
export function overviewOf(read: Read): Overview {
  if (!read.ok) throw new Failure(exitOf[read.failure.kind], read.failure.reason)
  return read.overview
}

export function nameOf({ wanted, known }: Compared): string {
  return (wanted ?? known).name
}

/** Of a registration for several events how many; one is what its name says. */
function registrationText(compared: Compared): string {
  const { events } = compared.wanted ?? compared.known
  return events.length > 1 ? `${nameOf(compared)} (${events.length} events)` : nameOf(compared)
}

export function comparedColumns(shown: Opened['shown']): [Column<Compared>, Column<Compared>, Column<Compared>] {
  return [
    { title: 'registration', of: registrationText },
    {
      title: 'state',
      of: stateText,
      colour: text => (text === 'ok' ? 'green' : text === 'elsewhere' ? 'dim' : 'yellow'),
    },
    { title: 'URL', of: compared => urlText(compared, shown), shrinks: true },
  ]
}

function urlText({ wanted, known }: Compared, shown: Opened['shown']): string {
  const [now, then] = [known && shown(known.url), wanted && shown(wanted.url)]
  if (now === undefined || then === undefined) return now ?? then!
  if (known!.url.replace(/\/+$/, '') === wanted!.url.replace(/\/+$/, '')) return then
  return now === then ? `${then} (another token)` : `${now === '' ? 'none' : now} → ${then}`
}

/** One line of `--json`. */
export function comparedJson(compared: Compared, shown: Opened['shown']): object {
  const { wanted, known, state } = compared
  return {
    name: nameOf(compared),
    state,
    differences: compared.state === 'differs' ? compared.differences : [],
    events: (wanted ?? known).events,
    wanted: wanted === undefined ? null : { url: shown(wanted.url), credentials: wanted.credentials },
    known:
      known === undefined
        ? null
        : { id: known.id, url: shown(known.url), suspended: known.suspended, credentials: known.credentials ?? null },
  }
}
