// `postern timeline`: what happened to a business object, and to what is linked to it, whoever told of it.
import type { Event, Timeline } from '../client/api-types.ts'
import { sourceName } from './columns.ts'
import { type Define, does, type ExitCode, examples, exit, gatewayEnds } from './command.ts'
import { type GatewayApi, gatewayOf, type Query, reaching } from './gateway-api.ts'
import { print, shownTime } from './listing.ts'
import { type Column, tableOf } from './table.ts'
import { plainJson } from './text.ts'

const eventColumns: readonly Column<Event>[] = [
  { title: 'time', of: ({ time }) => shownTime(time), time: true },
  { title: 'source', of: sourceName, shrinks: true, drops: 1 },
  { title: 'type', of: ({ type }) => type, shrinks: true },
  { title: 'subject', of: ({ subject }) => subject },
  { title: 'status', of: ({ data }) => (data as { status?: { current?: string } })?.status?.current, drops: 2 },
  { title: 'id', of: ({ id }) => id },
]

const linkedColumns: readonly Column<Timeline['subjects'][number]>[] = [
  { title: 'subject', of: ({ subject }) => subject },
  { title: 'namespace', of: ({ namespace }) => namespace, shrinks: true },
  { title: 'events', of: ({ events }) => events, right: true },
  { title: 'linked by', of: ({ via }) => via?.join(', ') ?? 'asked for', shrinks: true },
]

export const timeline: Define = command => {
  command
    .description('Shows what happened to a business object, and to what is linked to it one step away, oldest first.')
    .argument('<subject>', 'kind/id, such as loan/K0Z1Q')
    .option('--namespace <name>', 'of this namespace; default all in which it occurs')
  reaching(command).option('--json', 'one line of JSON for each event')
  does(command, (subject: string, options: { url?: string; namespace?: string; json?: boolean }) =>
    shown(gatewayOf(options.url), { subject, namespace: options.namespace }, options.json ?? false),
  )
  examples(
    command,
    ['postern timeline loan/K0Z1Q', 'postern timeline client/9876 --namespace core --json'],
    gatewayEnds,
  )
}

async function shown(api: GatewayApi, query: Query, json: boolean): Promise<ExitCode> {
  const events: Event[] = []
  let linked: Pick<Timeline, 'subjects' | 'truncated'> = { subjects: [], truncated: false }
  let cursor: string | undefined
  do {
    const answer = await api.get('/timeline', { ...query, limit: 500, cursor })
    const { items, next } = answer.list()
    if (json) for (const item of items) await print(`${plainJson(item)}\n`)
    else events.push(...items.map(item => JSON.parse(item) as Event))
    if (cursor === undefined) linked = answer.json<typeof linked>()
    cursor = next ?? undefined
  } while (cursor !== undefined)
  if (json) return exit.done
  if (events.length === 0) process.stderr.write('There is nothing.\n')
  await print(tableOf(events, eventColumns))
  if (linked.subjects.length > 1) await print(`\n${tableOf(linked.subjects, linkedColumns)}`)
  if (linked.truncated) process.stderr.write('Not everything was looked at: there may be more.\n')
  return exit.done
}
