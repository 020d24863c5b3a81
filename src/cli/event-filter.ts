// The options that choose events, the same for every command that does.
import { type Command, InvalidArgumentError } from 'commander'
import { rfc3339 } from '../time.ts'
import { collected } from './command.ts'
import type { Query } from './gateway-api.ts'

export interface FilterOptions {
  source?: string[]
  vendor?: string[]
  type?: string[]
  vendorType?: string[]
  subject?: string
  ref?: string[]
  since?: string
  until?: string
}

export function filtering(command: Command): Command {
  return command
    .option('--source <glob>', 'of these sources; may come several times, as the next three', collected)
    .option('--vendor <glob>', 'of these vendors', collected)
    .option('--type <glob>', "of these types, such as 'loan.*'", collected)
    .option('--vendor-type <glob>', "of the vendor's types", collected)
    .option('--subject <kind/id>', 'about this subject, such as loan/K0Z1Q')
    .option('--ref <kind:id>', 'that mention this, such as application:APP-1; may come several times', collected)
    .option(
      '--since <time>',
      'received since then: 2026-01-31T12:00Z, in UTC where it has no offset, or so long ago: 90s, 15m, 2h, 7d',
      moment,
    )
    .option('--until <time>', 'received before then', moment)
}

/** As parameters of the API. */
export function filterOf({ source, vendor, type, vendorType, subject, ref, since, until }: FilterOptions): Query {
  return { source, vendor, type, vendorType, subject, ref, receivedAfter: since, receivedBefore: until }
}

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Now or before. */
function moment(text: string): string {
  return momentFrom(text, -1)
}

/** Still to come. */
export function momentAhead(text: string): string {
  return momentFrom(text, 1)
}

function momentFrom(text: string, direction: 1 | -1): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return new Date(Date.now() + direction * Number(count) * unitMs[unit!]!).toISOString()
  const time = rfc3339(text)
  if (time !== undefined) return time
  throw new InvalidArgumentError(
    `Expected a time such as 2026-01-31 or 2026-01-31T12:00:00Z, or a span such as 90s, 15m, 2h, 7d.`,
  )
}
