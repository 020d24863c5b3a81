// `postern events`: what came in, as lists, one by one, as a stream, and once more to who should have got it.

import type { Command } from 'commander'
import type { DeliveryList, Event } from '../client/api-types.ts'
import { deliveryColumns, eventColumns } from './columns.ts'
import { type Define, does, type ExitCode, examples, exit, gatewayEnds, wholeNumber } from './command.ts'
import { type FilterOptions, filtering, filterOf } from './event-filter.ts'
import { type ExportOptions, exported } from './export.ts'
import { type GatewayApi, gatewayOf, reaching } from './gateway-api.ts'
import { type ListOptions, list, listing, print, printJson, printRaw } from './listing.ts'
import { defineReplay } from './replay.ts'
import { fieldsOf, tableOf } from './table.ts'
import { tail } from './tail.ts'
import { plainText } from './text.ts'

type Reached = { url?: string }

export const events: Define = command => {
  command.description('The events in the inbox: what came in, and what it means.')
  defineList(command.command('list').summary('what came in, newest first'))
  defineShow(command.command('show').summary('one event, and who got it'))
  defineTail(command.command('tail').summary('the newest; with -f what comes from now on too'))
  defineExport(command.command('export').summary('every event that matches, as lines of JSON'))
  defineReplay(command.command('replay').summary('events once more to a subscription'))
  examples(
    command,
    ["postern events list --type 'loan.*' --since 2h", 'postern events tail -f', 'postern events show evt_…'],
    gatewayEnds,
  )
}

function defineList(command: Command): void {
  reaching(listing(filtering(command.description('Lists events, newest first.'))))
    .option('-q, --search <words>', 'that these words are in: identifiers, types, names')
    .option('--oldest', 'oldest first')
    .option('--original', "with the vendor's own content (with --json)")
  does(
    command,
    (options: Reached & ListOptions & FilterOptions & { search?: string; oldest?: boolean; original?: boolean }) =>
      list(
        gatewayOf(options.url),
        '/events',
        {
          ...filterOf(options),
          q: options.search,
          order: options.oldest ? 'oldest' : undefined,
          include: options.original ? 'original' : undefined,
        },
        options,
        eventColumns,
      ),
  )
  examples(
    command,
    [
      'postern events list',
      "postern events list --type 'loan.*' --since 2h",
      'postern events list --subject loan/K0Z1Q --oldest',
      'postern events list --search APP-2024-001',
      'postern events list --ref application:APP-2024-001 --all --json',
    ],
    gatewayEnds,
  )
}

function defineShow(command: Command): void {
  reaching(command.description('Shows one event, and its deliveries.').argument('<id>', 'evt_…'))
    .option('--original', "with the vendor's own content")
    .option('--raw', 'the exact bytes that the vendor sent, and nothing else')
    .option('--json', 'the event as JSON')
  does(command, (id: string, options: Reached & { original?: boolean; raw?: boolean; json?: boolean }) =>
    show(gatewayOf(options.url), id, options),
  )
  examples(
    command,
    ['postern events show evt_4sbh6p7b7x6phhgxthyvbxgpje', 'postern events show evt_… --raw > body.json'],
    gatewayEnds,
  )
}

async function show(
  api: GatewayApi,
  id: string,
  { original, raw, json }: { original?: boolean; raw?: boolean; json?: boolean },
): Promise<ExitCode> {
  const path = `/events/${encodeURIComponent(id)}`
  if (raw) {
    await printRaw(await api.bytes(`${path}/raw`))
    return exit.done
  }
  const event = await api.get(path, { include: original ? 'original' : undefined })
  if (json) {
    await printJson(event.text)
    return exit.done
  }
  const { data, ...envelope } = event.json<Event>()
  await print(fieldsOf(envelope))
  await print(`${plainText(JSON.stringify(data, null, 2), '\n')}\n`)
  const { items } = (await api.get(`${path}/deliveries`)).json<DeliveryList>()
  if (items.length > 0) await print(`\n${tableOf(items, deliveryColumns)}`)
  return exit.done
}

function defineTail(command: Command): void {
  reaching(filtering(command.description('Prints the newest events, oldest of them first.')))
    .option('-n, --limit <count>', 'how many of those that are there already', wholeNumber(0, 500), 10)
    .option('-f, --follow', 'goes on with what comes, across cuts and restarts, without a miss or a double')
    .option('--after <position>', 'all behind this position instead, and on with -f', wholeNumber(0))
    .option('--original', "with the vendor's own content (with --json)")
    .option('--json', 'one line of JSON for each')
  does(
    command,
    (
      options: Reached &
        FilterOptions & { limit: number; follow?: boolean; after?: number; json?: boolean; original?: boolean },
    ) => tail(gatewayOf(options.url), { ...options, filter: filterOf(options) }),
  )
  examples(
    command,
    [
      'postern events tail',
      "postern events tail -f --type 'loan.*'",
      'postern events tail -f --after 0 --json > all.ndjson',
    ],
    gatewayEnds,
  )
}

function defineExport(command: Command): void {
  reaching(filtering(command.description('Writes every event that matches, oldest first, as lines of JSON.')))
    .option('-o, --output <file>', 'into a file, which must not be there yet; default standard output')
    .option('-q, --search <words>', 'that these words are in: identifiers, types, names')
    .option('--after <position>', 'only what is behind this position: goes on with one that was cut', wholeNumber(0))
    .option('--original', "with the vendor's own content")
  does(command, (options: Reached & FilterOptions & { search?: string } & ExportOptions) =>
    exported(gatewayOf(options.url), { ...filterOf(options), q: options.search }, options),
  )
  examples(
    command,
    [
      'postern events export > events.ndjson',
      "postern events export --type 'payment.*' --since 30d --output payments.ndjson",
    ],
    gatewayEnds,
  )
}
