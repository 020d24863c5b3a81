// `postern deliveries`: events on their way to subscriptions, and another try for those that have failed.
import type { Attempt, Delivery, DeliveryWithAttempts } from '../client/api-types.ts'
import { deliveryColumns } from './columns.ts'
import { type Define, does, examples, exit, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { tellHeld } from './held.ts'
import { ofNamed } from './known-names.ts'
import { type ListOptions, list, listing, print, printJson, shownTime } from './listing.ts'
import { type Column, fieldsOf, tableOf } from './table.ts'
import { plainText } from './text.ts'

const attemptColumns: readonly Column<Attempt>[] = [
  { title: 'try', of: ({ number }) => number, right: true },
  { title: 'begun', of: ({ startedAt }) => shownTime(startedAt), time: true },
  { title: 'ms', of: ({ elapsedMs }) => elapsedMs, right: true },
  { title: 'result', of: ({ result }) => result },
  { title: 'status', of: ({ status }) => status, right: true },
  { title: 'reason', of: ({ reason }) => reason, shrinks: true },
]

export const deliveries: Define = command => {
  command.description('Events on their way to subscriptions, all tries included.')

  const listed = command.command('list').summary('newest first').description('Lists deliveries, newest first.')
  reaching(listing(listed))
    .option('-s, --subscription <name>', 'of this subscription')
    .option(
      '--state <state>',
      'in this state: waiting, pending, delivering, retrying, succeeded, dead, skipped, cancelled, expired',
    )
  does(listed, (options: ListOptions & { url?: string; subscription?: string; state?: string }) => {
    const { subscription, state } = options
    const api = gatewayOf(options.url)
    const asked = list(api, '/deliveries', { subscription, state }, options, deliveryColumns)
    return ofNamed(api, 'subscription', subscription, asked)
  })
  examples(listed, ['postern deliveries list --state dead', 'postern deliveries list -s loan-book --json'], gatewayEnds)

  const shown = command.command('show').summary('one, with its tries').description('Shows one delivery and its tries.')
  reaching(shown.argument('<id>', 'dlv_…')).option('--json', 'as JSON')
  does(shown, async (id: string, { url, json }: { url?: string; json?: boolean }) => {
    const answer = await gatewayOf(url).get(`/deliveries/${encodeURIComponent(id)}`)
    if (json) await printJson(answer.text)
    else {
      const { attempts, ...delivery } = answer.json<DeliveryWithAttempts>()
      await print(fieldsOf(delivery))
      if (attempts.length > 0) await print(`\n${tableOf(attempts, attemptColumns)}`)
    }
    return exit.done
  })
  examples(shown, ['postern deliveries show dlv_…'], gatewayEnds)

  const retried = command.command('retry').summary('another try, with a fresh budget')
  retried.description('Tries deliveries that are dead, skipped or cancelled again, with a fresh budget.')
  reaching(retried.argument('<id...>', 'dlv_…')).option('--json', 'one line of JSON for each')
  does(retried, async (ids: string[], { url, json }: { url?: string; json?: boolean }) => {
    const api = gatewayOf(url)
    const names: (string | null)[] = []
    for (const id of ids) {
      const answer = await api.post(`/deliveries/${encodeURIComponent(id)}/retry`)
      const { state, subscription } = answer.json<Delivery>()
      names.push(subscription)
      if (json) await printJson(answer.text)
      else await print(`${plainText(`${id}  ${state}`)}\n`)
    }
    await tellHeld(api, names)
    return exit.done
  })
  examples(
    retried,
    ['postern deliveries retry dlv_…', 'postern subscriptions retry loan-book   # all that are dead'],
    gatewayEnds,
  )
  examples(command, ['postern deliveries list --state dead', 'postern deliveries retry dlv_…'], gatewayEnds)
}
