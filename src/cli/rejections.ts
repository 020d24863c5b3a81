// `postern rejections`: requests that failed their check, and a second look after a secret of ours was put right.
import type { Rechecked, Rejection } from '../client/api-types.ts'
import { type Define, does, examples, exit, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { ofNamed } from './known-names.ts'
import { type ListOptions, list, listing, print, printJson, shownTime } from './listing.ts'
import type { Column } from './table.ts'

const columns: readonly Column<Rejection>[] = [
  { title: 'received', of: ({ receivedAt }) => shownTime(receivedAt), time: true },
  { title: 'id', of: ({ id }) => id },
  { title: 'source', of: ({ source }) => source, shrinks: true },
  { title: 'answer', of: ({ status }) => status, right: true, drops: 1 },
  { title: 'address', of: ({ address }) => address, drops: 2 },
  { title: 'reason', of: ({ reason }) => reason, shrinks: true },
]

export const rejections: Define = command => {
  command.description('Requests that failed their check; the newest of each source.')

  const listed = command.command('list').summary('newest first').description('Lists rejections, newest first.')
  reaching(listing(listed)).option('--source <name>', 'of this source')
  does(listed, (options: ListOptions & { url?: string; source?: string }) =>
    list(gatewayOf(options.url), '/rejections', { source: options.source }, options, columns),
  )
  examples(listed, ['postern rejections list', 'postern rejections list --source acme --json'], gatewayEnds)

  const rechecked = command.command('recheck').summary('checks them again')
  rechecked.description(
    "Checks a source's rejections again, at the clock of their receipt, and admits what passes: for after a wrong " +
      'secret of ours was put right.',
  )
  reaching(rechecked.argument('<source>', 'the name of a source')).option('--json', 'the answer as JSON')
  does(rechecked, async (source: string, { url, json }: { url?: string; json?: boolean }) => {
    const api = gatewayOf(url)
    const answer = await ofNamed(api, 'source', source, api.post('/rejections/recheck', { source }))
    const counts = answer.json<Rechecked>()
    if (json) await printJson(answer.text)
    else
      await print(
        `admitted ${counts.admitted}, into quarantine ${counts.quarantined}, refused again ${counts.refused}\n`,
      )
    return exit.done
  })
  examples(rechecked, ['postern rejections recheck acme'], gatewayEnds)
  examples(command, ['postern rejections list', 'postern rejections recheck acme'], gatewayEnds)
}
