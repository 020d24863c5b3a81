// `postern subscriptions`: where events go, how far each has come, and holding or trying one.
import type { Command } from 'commander'
import type { Subscription } from '../client/api-types.ts'
import { type Define, does, examples, exit, gatewayEnds } from './command.ts'
import { gatewayOf, reaching } from './gateway-api.ts'
import { tellHeld } from './held.ts'
import { list, print, printJson, shownSequence, shownTime, whole } from './listing.ts'
import { type Column, fieldsOf } from './table.ts'
import { plainText } from './text.ts'

const columns: readonly Column<Subscription>[] = [
  { title: 'name', of: ({ name }) => name },
  { title: 'origin', of: ({ origin }) => origin, drops: 1 },
  { title: 'state', of: stateOf, colour: state => (state === 'delivering' ? 'green' : 'yellow') },
  { title: 'position', of: ({ cursor }) => shownSequence(cursor), right: true, drops: 2 },
  { title: 'lag', of: ({ lag }) => lag, right: true },
  { title: 'under way', of: ({ deliveries }) => underWay(deliveries), right: true },
  {
    title: 'dead',
    of: ({ deliveries }) => deliveries.dead,
    right: true,
    colour: text => (text === '0' ? undefined : 'red'),
  },
  { title: 'oldest unsettled', of: ({ oldestUnsettledAt }) => shownTime(oldestUnsettledAt), time: true },
]

function stateOf({ removedAt, problem, paused, breaker }: Subscription): string {
  if (removedAt !== null) return 'removed'
  if (problem !== null) return 'broken'
  if (paused !== null) return paused.by === 'gone' ? 'gone' : 'paused'
  return breaker.state === 'closed' ? 'delivering' : `breaker ${breaker.state}`
}

function underWay({ waiting, pending, delivering, retrying }: Subscription['deliveries']): number {
  return waiting + pending + delivering + retrying
}

type Reached = { url?: string; json?: boolean }

export const subscriptions: Define = command => {
  command.description('Which events go where, and how far that has come.')

  const listed = command.command('list').summary('all of them').description('Lists the subscriptions.')
  reaching(listed).option('--json', 'one line of JSON for each')
  does(listed, (options: Reached) =>
    list(gatewayOf(options.url), '/subscriptions', {}, { ...options, limit: whole }, columns),
  )
  examples(listed, ['postern subscriptions list'], gatewayEnds)

  const shown = command.command('show').summary('one, with its options').description('Shows one subscription.')
  reaching(shown.argument('<name>')).option('--json', 'as JSON')
  does(shown, async (name: string, { url, json }: Reached) => {
    const answer = await gatewayOf(url).get(`/subscriptions/${encodeURIComponent(name)}`)
    if (json) await printJson(answer.text)
    else await print(fieldsOf(answer.json()))
    return exit.done
  })
  examples(shown, ['postern subscriptions show loan-book'], gatewayEnds)

  const held = 'what comes meanwhile waits in the log; it survives restarts'
  acting(command, 'pause', `Delivers nothing to it until it is resumed: ${held}.`, name => `${name} is paused.`)
  acting(command, 'resume', 'Delivers to it again, from where it was.', (name, answer) => {
    const { problem, breaker } = answer as unknown as Pick<Subscription, 'problem' | 'breaker'>
    if (problem !== null) return `${name} is resumed, and delivers nothing: ${problem}.`
    return breaker.state === 'closed' ? `${name} delivers again.` : `${name}: its breaker is open, it is tried now.`
  })
  acting(
    command,
    'retry',
    'Tries all its dead deliveries again, with a fresh budget.',
    (_, answer) => `retried ${answer.retried}`,
  )
  acting(
    command,
    'test',
    'Sends one made event now, which is stored nowhere, and says what came of it.',
    (_, { result, status, reason }) =>
      [result, status, reason].filter(each => each !== null && each !== undefined).join('  '),
    ({ result }) => (result === 'succeeded' ? exit.done : exit.unfinished),
  )
  examples(command, ['postern subscriptions list', 'postern subscriptions pause loan-book'], gatewayEnds)
}

type Fields = Readonly<Record<string, unknown>>

function acting(
  parent: Command,
  verb: string,
  description: string,
  told: (name: string, answer: Fields) => string,
  ended: (answer: Fields) => 0 | 2 = () => exit.done,
): void {
  const [summary] = description.toLowerCase().split(/[:,.]/)
  const command = parent.command(verb).summary(summary!).description(description)
  reaching(command.argument('<name>')).option('--json', 'the answer as JSON')
  does(command, async (name: string, { url, json }: Reached) => {
    const api = gatewayOf(url)
    const answer = await api.post(`/subscriptions/${encodeURIComponent(name)}/${verb}`)
    const fields = answer.json<Fields>()
    if (json) await printJson(answer.text)
    else await print(`${plainText(told(name, fields))}\n`)
    if (verb === 'retry') await tellHeld(api, [name])
    return ended(fields)
  })
  examples(command, [`postern subscriptions ${verb} loan-book`], gatewayEnds)
}
