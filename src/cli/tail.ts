// `postern events tail`: the newest events, and with -f what comes, without a miss or a double. An event counts as got when
// it has been given to standard output.
import type { Event } from '../client/api-types.ts'
import type { FollowOptions } from '../client/follow.ts'
import { sourceName } from './columns.ts'
import { type ExitCode, exit } from './command.ts'
import type { GatewayApi, Query } from './gateway-api.ts'
import { print, shownTime } from './listing.ts'
import { plainJson, plainText } from './text.ts'

export interface TailOptions {
  filter: Query
  limit: number
  follow?: boolean
  after?: number
  json?: boolean
  original?: boolean
}

/** Between two tries while the gateway is away. */
const longestPauseMs = 5_000

export async function tail(api: GatewayApi, options: TailOptions): Promise<ExitCode> {
  const query = { ...options.filter, include: options.original ? 'original' : undefined }
  const show = (events: readonly string[]) => print(shown(events, options.json ?? false))
  let position = options.after
  if (position === undefined) position = await newest(api, query, options.limit, show)
  else if (!options.follow) {
    for await (const event of api.items('/events', { ...query, after: position }, Number.MAX_SAFE_INTEGER))
      await show([event])
  }
  return options.follow ? follow(api, query, { position, isKnown: options.after === undefined }, show) : exit.done
}

/** Resolves with the position to go on from: no event behind it was shown, all before it that match were looked at. */
async function newest(
  api: GatewayApi,
  query: Query,
  limit: number,
  show: (events: readonly string[]) => Promise<void>,
) {
  const [last] = (await api.get('/events', { limit: 1 })).list().items
  let position = last === undefined ? 0 : Number((JSON.parse(last) as Event).sequence)
  if (limit === 0) return position
  const { items } = (await api.get('/events', { ...query, limit })).list()
  for (const item of items) position = Math.max(position, Number((JSON.parse(item) as Event).sequence))
  if (items.length > 0) await show(items.toReversed())
  return position
}

async function follow(
  api: GatewayApi,
  query: Query,
  from: { position: number; isKnown: boolean },
  show: (events: readonly string[]) => Promise<void>,
): Promise<ExitCode> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  let isAway = false
  const following: FollowOptions = {
    after: from.position,
    signal: stopping.signal,
    retry: { longestMs: longestPauseMs },
    onOpen() {
      if (isAway) process.stderr.write('— the gateway is there again\n')
      isAway = false
    },
    onCut() {
      if (!isAway) process.stderr.write('— the gateway is away: coming again\n')
      isAway = true
    },
  }
  for await (const event of api.events(query, following, from.isKnown)) await show([event])
  return exit.done
}

function shown(events: readonly string[], json: boolean): string {
  if (json) return events.map(event => `${plainJson(event)}\n`).join('')
  return events.map(text => `${lineOf(JSON.parse(text) as Event)}\n`).join('')
}

/** As wide as those before it, which nobody knows any more. */
function lineOf(event: Event): string {
  const { receivedtime, id, type, subject = '–' } = event
  const parts = [shownTime(receivedtime)!, id, sourceName(event).padEnd(12), type.padEnd(24), subject]
  return plainText(parts.join('  '))
}
