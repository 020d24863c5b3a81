// `postern quarantine`: genuine requests that no adapter understood, and what becomes of them.
import type { Command } from 'commander'
import type { QuarantinedRequest, Released } from '../client/api-types.ts'
import { type Define, does, examples, exit, Failure, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { assertKnown } from './known-names.ts'
import { type ListOptions, list, listing, print, printJson, printRaw, shownTime } from './listing.ts'
import { type Column, fieldsOf } from './table.ts'

const columns: readonly Column<QuarantinedRequest>[] = [
  { title: 'received', of: ({ receivedAt }) => shownTime(receivedAt), time: true },
  { title: 'id', of: ({ id }) => id },
  { title: 'source', of: ({ source }) => source, shrinks: true },
  { title: 'bytes', of: ({ bytes }) => bytes, right: true, drops: 1 },
  { title: 'reason', of: ({ reason }) => reason, shrinks: true },
]

type Reached = { url?: string; json?: boolean }

export const quarantine: Define = command => {
  command.description('Genuine requests that no adapter understood.')
  defineLists(command)
  defineRelease(command.command('release').summary('tries them again'))

  const discarded = command.command('discard').summary('removes one for good')
  reaching(discarded.description('Removes one for good.').argument('<id>', 'req_…'))
  does(discarded, async (id: string, { url }: Reached) => {
    await gatewayOf(url).post(`/quarantine/${encodeURIComponent(id)}/discard`)
    process.stderr.write(`${id} is discarded.\n`)
    return exit.done
  })
  examples(discarded, ['postern quarantine discard req_…'], gatewayEnds)
  examples(command, ['postern quarantine list', 'postern quarantine release --source acme'], gatewayEnds)
}

function defineLists(command: Command): void {
  const listed = command.command('list').summary('newest first').description('Lists what waits, newest first.')
  reaching(listing(listed)).option('--source <name>', 'of this source')
  does(listed, (options: ListOptions & Reached & { source?: string }) =>
    list(gatewayOf(options.url), '/quarantine', { source: options.source }, options, columns),
  )
  examples(listed, ['postern quarantine list', 'postern quarantine list --source acme --json'], gatewayEnds)

  const shown = command.command('show').summary('one request').description('Shows one request, and why it waits.')
  reaching(shown.argument('<id>', 'req_…'))
    .option('--raw', "the body's exact bytes, and nothing else")
    .option('--json', 'as JSON')
  does(shown, async (id: string, { url, raw, json }: Reached & { raw?: boolean }) => {
    const api = gatewayOf(url)
    const path = `/quarantine/${encodeURIComponent(id)}`
    if (raw) await printRaw(await api.bytes(`${path}/raw`))
    else if (json) await printJson((await api.get(path)).text)
    else await print(fieldsOf((await api.get(path)).json()))
    return exit.done
  })
  examples(shown, ['postern quarantine show req_…', 'postern quarantine show req_… --raw > body'], gatewayEnds)
}

function noneOf(id: string): Failure {
  return new Failure(exit.notFound, `${id} is not in quarantine.`)
}

function defineRelease(command: Command): void {
  command
    .description(
      'Tries requests again with the adapters of today, and puts those that are understood now into the log.',
    )
    .argument('[id...]', 'req_…; without one those of --source, or --all')
  reaching(command)
    .option('--source <name>', 'all of this source')
    .option('--all', 'all that wait')
    .option('--json', 'the answers as JSON')
  does(command, async (ids: string[], { url, source, all, json }: Reached & { source?: string; all?: boolean }) => {
    if ([ids.length > 0, source !== undefined, all === true].filter(Boolean).length !== 1) {
      throw new Failure(exit.mistaken, 'Say which: ids, or --source <name>, or --all.')
    }
    const api = gatewayOf(url)
    const filters = ids.length > 0 ? ids.map(id => ({ id })) : [source === undefined ? {} : { source }]
    let waiting = 0
    for (const filter of filters) {
      const answer = await api.post('/quarantine/release', { filter }).catch(error => {
        throw 'id' in filter && error instanceof Failure && error.exit === exit.notFound ? noneOf(filter.id) : error
      })
      const counts = answer.json<Released>()
      waiting += counts.waiting
      const hasNone = counts.released + counts.waiting === 0
      if (hasNone && 'id' in filter) throw noneOf(filter.id)
      if (hasNone && source !== undefined) await assertKnown(api, 'source', source)
      if (json) await printJson(answer.text)
      else await print(`released ${counts.released}, still waiting ${counts.waiting}\n`)
    }
    return waiting === 0 ? exit.done : exit.unfinished
  })
  examples(
    command,
    [
      'postern quarantine release req_…',
      'postern quarantine release --source acme',
      'postern quarantine release --all',
    ],
    gatewayEnds,
  )
}
