// `postern audit`: who changed what, and who read what vendors sent.
import type { AuditEntry } from '../client/api-types.ts'
import { type Define, does, examples, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { type ListOptions, list, listing, shownTime } from './listing.ts'
import type { Column } from './table.ts'

const columns: readonly Column<AuditEntry>[] = [
  { title: 'at', of: ({ at }) => shownTime(at), time: true },
  { title: 'actor', of: ({ actor }) => actor, shrinks: true },
  { title: 'action', of: ({ action }) => action },
  { title: 'target', of: ({ target }) => target },
  { title: 'answer', of: ({ status }) => status, right: true, drops: 2 },
  { title: 'address', of: ({ address }) => address, drops: 1 },
  {
    title: 'detail',
    of: ({ detail }) => (Object.keys(detail).length > 0 ? JSON.stringify(detail) : ''),
    shrinks: true,
  },
]

export const audit: Define = command => {
  reaching(listing(command.description('Lists the audit log, newest first. It takes a token with the scope admin.')))
    .option('--actor <name>', "of this token's name; admin is the token of the environment")
    .option('--action <action>', 'such as delivery.retry')
  does(command, (options: ListOptions & { url?: string; actor?: string; action?: string }) => {
    const { actor, action } = options
    return list(gatewayOf(options.url), '/audit', { actor, action }, options, columns)
  })
  examples(command, ['postern audit', 'postern audit --actor ops --all --json'], gatewayEnds)
}
