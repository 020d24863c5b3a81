// `postern events tail`: the newest events, and with -f what comes: the stream, come to again after every cut from where
// it got to. An event counts as got when it has been given to standard output.
import { setTimeout as after } from 'node:timers/promises'
import { type ShownEvent, sourceName } from './columns.ts'
import { type ExitCode, exit, Failure } from './command.ts'
import type { GatewayApi, Query } from './gateway-api.ts'
import { itemsOf } from './items.ts'
import { print, shownTime } from './listing.ts'
import { ServerSentEvents } from './server-sent-events.ts'
import { plainJson, plainText } from './text.ts'

export interface TailOptions {
  filter: Query
  limit: number
  follow?: boolean
  after?: number
  json?: boolean
  original?: boolean
}

const pauseMs = { first: 500, longest: 10_000 }

export async function tail(api: GatewayApi, options: TailOptions): Promise<ExitCode> {
  const query = { ...options.filter, include: options.original ? 'original' : undefined }
  const show = (events: readonly string[]) => print(shown(events, options.json ?? false))
  let position = options.after
  if (position === undefined) position = await newest(api, query, options.limit, show)
  else if (!options.follow) {
    for await (const event of api.items('/events', { ...query, after: position }, Number.MAX_SAFE_INTEGER))
      await show([event])
  }
  return options.follow ? follow(api, query, position, show) : exit.done
}

/** Resolves with the position to go on from: no event behind it was shown, all before it that match were looked at. */
async function newest(
  api: GatewayApi,
  query: Query,
  limit: number,
  show: (events: readonly string[]) => Promise<void>,
) {
  const [last] = (await api.get('/events', { limit: 1 })).json<{ items: ShownEvent[] }>().items
  let position = Number(last?.sequence ?? 0)
  if (limit === 0) return position
  const { items } = itemsOf((await api.get('/events', { ...query, limit })).text)
  for (const item of items) position = Math.max(position, Number((JSON.parse(item) as ShownEvent).sequence))
  if (items.length > 0) await show(items.toReversed())
  return position
}

async function follow(
  api: GatewayApi,
  query: Query,
  from: number,
  show: (events: readonly string[]) => Promise<void>,
): Promise<ExitCode> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const { signal } = stopping
  let position = String(from)
  let hasBegun = false
  let pause = pauseMs.first
  while (!signal.aborted) {
    try {
      const response = await api.open('/events/stream', hasBegun ? query : { ...query, after: from }, {
        headers: hasBegun ? { 'last-event-id': position } : {},
        signal,
      })
      if (!response.ok || response.body === null) {
        const failure = await api.failure(response)
        if (failure.exit !== exit.unreachable) throw failure
        throw new Away(failure.message)
      }
      if (hasBegun) process.stderr.write('— the gateway is there again\n')
      hasBegun = true
      pause = pauseMs.first
      const stream = new ServerSentEvents(position)
      const decoder = new TextDecoder()
      for await (const bytes of response.body) {
        const events = stream.push(decoder.decode(bytes, { stream: true }))
        if (events.length > 0) await show(events)
        position = stream.lastEventId
      }
    } catch (error) {
      if (signal.aborted) break
      const isAway = error instanceof Away || !(error instanceof Failure) || error.exit === exit.unreachable
      // Who was never there may be another one than was meant.
      if (!isAway || (!hasBegun && error instanceof Failure)) throw error
    }
    if (pause === pauseMs.first) process.stderr.write('— the gateway is away: coming again\n')
    await after(pause, undefined, { signal }).catch(() => {})
    pause = Math.min(pause * 2, pauseMs.longest)
  }
  return exit.done
}

/** It answers that it cannot for now. */
class Away extends Error {}

function shown(events: readonly string[], json: boolean): string {
  if (json) return events.map(event => `${plainJson(event)}\n`).join('')
  return events.map(text => `${lineOf(JSON.parse(text) as ShownEvent)}\n`).join('')
}

/** As wide as those before it, which nobody knows any more. */
function lineOf(event: ShownEvent): string {
  const { receivedtime, id, type, subject = '–' } = event
  const parts = [shownTime(receivedtime)!, id, sourceName(event).padEnd(12), type.padEnd(24), subject]
  return plainText(parts.join('  '))
}
