// `postern stats`: what somebody on duty asks first.
import type { Stats } from '../client/api-types.ts'
import { type Define, does, examples, exit, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { print, printJson, shownSequence, shownTime } from './listing.ts'
import { type Column, fieldsOf, tableOf } from './table.ts'

const red = (text: string) => (text === '0' ? undefined : ('red' as const))

const sourceColumns: readonly Column<Stats['sources'][number]>[] = [
  { title: 'source', of: ({ name }) => name, shrinks: true },
  { title: 'last received', of: ({ lastReceivedAt }) => shownTime(lastReceivedAt), time: true },
  { title: 'hour', of: ({ events }) => events.lastHour, right: true },
  { title: 'day', of: ({ events }) => events.lastDay, right: true },
  { title: 'quarantine', of: ({ quarantine }) => quarantine, right: true, colour: red },
  { title: 'rejections', of: ({ rejections }) => rejections, right: true },
  { title: 'conflicts', of: ({ conflicts }) => conflicts, right: true },
]

const subscriptionColumns: readonly Column<Stats['subscriptions'][number]>[] = [
  { title: 'subscription', of: ({ name }) => name, shrinks: true },
  { title: 'paused', of: ({ paused }) => paused },
  { title: 'breaker', of: ({ breaker }) => breaker, colour: state => (state === 'closed' ? 'green' : 'red') },
  { title: 'lag', of: ({ lag }) => lag, right: true },
  { title: 'retrying', of: ({ deliveries }) => deliveries.retrying, right: true },
  { title: 'dead', of: ({ deliveries }) => deliveries.dead, right: true, colour: red },
  { title: 'oldest unsettled', of: ({ oldestUnsettledAt }) => shownTime(oldestUnsettledAt), time: true },
]

export const stats: Define = command => {
  reaching(command.description('Shows what came lately, what did not get in, and what is not delivered yet.'))
  command.option('--json', 'as JSON')
  does(command, async ({ url, json }: { url?: string; json?: boolean }) => {
    const answer = await gatewayOf(url).get('/stats')
    if (json) await printJson(answer.text)
    else {
      const { log, store, search, sources, subscriptions } = answer.json<Stats>()
      await print(
        fieldsOf({
          log: `up to ${shownSequence(log.head)}, from ${shownSequence(log.oldest) ?? 'nothing'} on`,
          store: store.ok ? (store.degraded ?? 'ok') : store.problem,
          search: search && (search.behind === 0 ? 'up to date' : `${search.behind} behind`),
        }),
      )
      await print(`\n${tableOf(sources, sourceColumns)}`)
      if (subscriptions.length > 0) await print(`\n${tableOf(subscriptions, subscriptionColumns)}`)
    }
    return exit.done
  })
  examples(command, ['postern stats', 'postern stats --json'], gatewayEnds)
}
