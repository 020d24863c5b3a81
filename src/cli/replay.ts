// `postern events replay`: one event, or all that match, once more to a subscription, followed until it is done.
import { setTimeout as after } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { Command } from 'commander'
import type { BegunReplay, DryRun, EventReplays, Replay } from '../client/api-types.ts'
import { does, type ExitCode, examples, exit, Failure, gatewayEnds } from './command.ts'
import { type FilterOptions, filtering, filterOf } from './event-filter.ts'
import { type GatewayApi, gatewayOf, reaching } from './gateway-api.ts'
import { tellHeld } from './held.ts'
import { ofNamed } from './known-names.ts'
import { print, printJson } from './listing.ts'
import { counted, plainText } from './text.ts'

interface ReplayOptions extends FilterOptions {
  url?: string
  subscription?: string
  dryRun?: boolean
  wait: boolean
  json?: boolean
}

const lookEveryMs = 300

export function defineReplay(command: Command): void {
  reaching(
    filtering(
      command
        .description('Delivers events once more: one by its id, or all that match, in their order.')
        .argument('[id]', 'evt_…; without one all that match'),
    ),
  )
    .option('-s, --subscription <name>', 'to this one; of a single event default all that ask for it')
    .option('--dry-run', 'says how many match, and sends nothing')
    .option('--no-wait', 'does not wait until all are delivered')
    .option('--json', 'the answer as JSON')
  does(command, (id: string | undefined, options: ReplayOptions) => {
    const hasFilter = Object.values(filterOf(options)).some(value => value !== undefined)
    // Who gives both means to narrow it down, and it would be sent all the same.
    if (id !== undefined && hasFilter) throw new Failure(exit.mistaken, 'Give an id or filters, not both.')
    const api = gatewayOf(options.url)
    const asked = id === undefined ? replayAll(api, options) : replayOne(api, id, options)
    return ofNamed(api, 'subscription', options.subscription, asked)
  })
  examples(
    command,
    [
      'postern events replay evt_4sbh6p7b7x6phhgxthyvbxgpje --subscription loan-book',
      "postern events replay --subscription loan-book --type 'loan.*' --since 2d --dry-run",
      "postern events replay --subscription loan-book --type 'loan.*' --since 2d",
    ],
    gatewayEnds,
  )
}

async function replayOne(
  api: GatewayApi,
  id: string,
  { subscription, json, dryRun }: ReplayOptions,
): Promise<ExitCode> {
  if (dryRun) throw new Failure(exit.mistaken, '--dry-run is for all that match: give no id')
  const answer = await api.post(`/events/${encodeURIComponent(id)}/replay`, { subscription })
  const { replays } = answer.json<EventReplays>()
  if (json) await printJson(answer.text)
  else for (const each of replays) await print(`${plainText(`${each.subscription}  ${each.delivery}`)}\n`)
  if (replays.length === 0) process.stderr.write('No subscription asks for this event.\n')
  const names = replays.map(each => each.subscription)
  await tellHeld(api, names)
  return exit.done
}

async function replayAll(api: GatewayApi, options: ReplayOptions): Promise<ExitCode> {
  const { subscription, dryRun, wait, json } = options
  if (subscription === undefined)
    throw new Failure(exit.mistaken, 'Say to which: --subscription <name>, or one event by its id.')
  const answer = await api.post('/replays', { filter: filterOf(options), subscription, ...(dryRun ? { dryRun } : {}) })
  if (dryRun) {
    const { matched, complete } = answer.json<DryRun>()
    if (json) await printJson(answer.text)
    else
      await print(
        `${counted(matched)} events would be delivered${complete ? '' : ', of those that were looked at in time'}.\n`,
      )
    return exit.done
  }
  const { id } = answer.json<BegunReplay>()
  if (!wait) {
    if (json) await printJson(answer.text)
    else await print(`${plainText(id)}  begun\n`)
    await tellHeld(api, [subscription])
    return exit.done
  }
  // Whatever befalls the waiting: it goes on at the gateway.
  process.stderr.write(`${plainText(id)} has begun.\n`)
  await tellHeld(api, [subscription])
  const { replay, text } = await followed(api, id)
  if (json) await printJson(text)
  else await print(`${plainText(`${id}  ${replay.state}`)}  ${counted(replay.matched)} events\n`)
  const { dead, expired } = replay.deliveries
  return replay.state === 'done' && dead + expired === 0 ? exit.done : exit.unfinished
}

/** Until nothing of it is under way. Ended by SIGINT it goes on at the gateway. */
async function followed(api: GatewayApi, id: string): Promise<{ replay: Replay; text: string }> {
  const stopping = new AbortController()
  process.once('SIGINT', () => stopping.abort())
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: 'replaying [{bar}] {percentage}%  {value}/{total} delivered', hideCursor: true })
    : undefined
  bar?.start(1, 0)
  try {
    for (;;) {
      const answer = await api.get(`/replays/${encodeURIComponent(id)}`)
      const replay = answer.json<Replay>()
      const { waiting, pending, delivering, retrying } = replay.deliveries
      const under = waiting + pending + delivering + retrying
      bar?.setTotal(Math.max(replay.matched, 1))
      bar?.update(Math.max(0, replay.matched - under))
      if ((replay.state !== 'running' && under === 0) || stopping.signal.aborted) return { replay, text: answer.text }
      await after(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => {})
    }
  } finally {
    bar?.stop()
  }
}
