// `postern tokens`: who may ask the gateway, and what. A token is printed once, by itself, so that it can be piped.
import { type Command, Option } from 'commander'
import type { MadeToken, Token } from '../client/api-types.ts'
import { collected, type Define, does, examples, exit, Failure, gatewayEnds } from './command.ts'
import { momentAhead } from './event-filter.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { type ListOptions, list, listing, print, printJson, shownTime } from './listing.ts'
import type { Column } from './table.ts'
import { plainText } from './text.ts'

const columns: readonly Column<Token>[] = [
  { title: 'id', of: ({ id }) => id },
  { title: 'name', of: ({ name }) => name, shrinks: true },
  { title: 'scopes', of: ({ scopes }) => scopes.join(',') },
  { title: 'sources', of: ({ sources }) => sources?.join(',') ?? 'all', shrinks: true },
  { title: 'last used', of: ({ usedAt }) => shownTime(usedAt), time: true },
  {
    title: 'ends',
    of: ({ expiresAt, revokedAt }) => (revokedAt === null ? shownTime(expiresAt) : 'revoked'),
    time: true,
  },
]

type Reached = { url?: string; json?: boolean }

export const tokens: Define = command => {
  command.description('Who may ask the gateway, and what. All of it takes a token with the scope admin.')
  defineCreate(command.command('create').summary('makes one, and prints it once'))

  const listed = command.command('list').summary('newest first').description('Lists tokens, never what they are.')
  reaching(listing(listed)).option('--revoked', 'those that are revoked too')
  does(listed, (options: ListOptions & Reached & { revoked?: boolean }) =>
    list(gatewayOf(options.url), '/tokens', { revoked: options.revoked }, options, columns),
  )
  examples(listed, ['postern tokens list', 'postern tokens list --revoked --json'], gatewayEnds)

  const revoked = command.command('revoke').summary('refuses it from now on')
  revoked.description('Revokes tokens: they are refused from now on, and their streams end.')
  reaching(revoked.argument('<id...>', 'tok_…')).option('--json', 'one line of JSON for each')
  does(revoked, async (ids: string[], { url, json }: Reached) => {
    const api = gatewayOf(url)
    for (const id of ids) {
      const answer = await api.remove(`/tokens/${encodeURIComponent(id)}`)
      if (json) await printJson(answer.text)
      else await print(`${plainText(`${id}  ${answer.json<Token>().name} is revoked`)}\n`)
    }
    return exit.done
  })
  examples(revoked, ['postern tokens revoke tok_3n8v1q5z7c9t2w4y6b0d8f1h3k'], gatewayEnds)
  examples(command, ['postern tokens create loan-book --scope read', 'postern tokens list'], gatewayEnds)
}

interface CreateOptions extends Reached {
  scope: string[]
  source?: string[]
  expires?: string
}

function defineCreate(command: Command): void {
  command
    .description('Makes a token and prints it: this once, and nothing else on standard output.')
    .argument('<name>', 'whose it is: it stands in the audit log')
    .addOption(
      new Option('--scope <scope>', 'read, raw, operate or admin; may come several times')
        .argParser(collected)
        .makeOptionMandatory(),
    )
    .option('--source <name>', 'sees and touches only what came by this source; may come several times', collected)
    .option('--expires <time>', 'is refused from then on: an RFC 3339 time, or in so long: 12h, 90d', momentAhead)
  reaching(command).option('--json', 'the answer as JSON, the token in it')
  does(command, async (name: string, { url, scope, source, expires, json }: CreateOptions) => {
    const answer = await gatewayOf(url).post('/tokens', { name, scopes: scope, sources: source, expiresAt: expires })
    const made = answer.json<MadeToken>()
    if (typeof made.token !== 'string') throw new Failure(exit.mistaken, 'The gateway answered without a token.')
    if (json) await printJson(answer.text)
    else {
      await print(`${plainText(made.token)}\n`)
      process.stderr.write(`${plainText(`${made.id}: ${made.scopes.join(', ')}`)}. It is shown this once.\n`)
    }
    return exit.done
  })
  examples(
    command,
    [
      'postern tokens create loan-book --scope read --source acme',
      'postern tokens create ops --scope operate --scope raw --expires 90d',
      'POSTERN_TOKEN=$(postern tokens create night-shift --scope read --expires 12h) postern events tail -f',
    ],
    gatewayEnds,
  )
}
