// `postern sources`: the configured entrances.
import type { Source } from '../client/api-types.ts'
import { type Define, does, examples, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { list, whole } from './listing.ts'
import type { Column } from './table.ts'

const columns: readonly Column<Source>[] = [
  { title: 'name', of: ({ name }) => name },
  { title: 'vendor', of: ({ vendor }) => vendor },
  { title: 'check', of: ({ check }) => checkOf(check), colour: kind => (kind === 'unverified' ? 'red' : undefined) },
  { title: 'namespace', of: ({ namespace }) => namespace },
  { title: 'url', of: ({ url }) => url },
]

function checkOf({ kind, of }: Source['check']): string {
  return of === undefined ? kind : `${kind}(${of.map(checkOf).join(', ')})`
}

export const sources: Define = command => {
  reaching(command.description('Lists the configured entrances, and what each checks.')).option(
    '--json',
    'one line of JSON for each',
  )
  does(command, (options: { url?: string; json?: boolean }) =>
    list(gatewayOf(options.url), '/sources', {}, { ...options, limit: whole }, columns),
  )
  examples(command, ['postern sources', 'postern sources --json'], gatewayEnds)
}
