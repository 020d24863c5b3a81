// `postern register`: sets a vendor's side up by its API, after it has shown what that would change; where the vendor
// has none, it says step by step what to enter where.
import { createInterface } from 'node:readline/promises'
import { planOf } from '../register/plan.ts'
import { publicUrlProblem } from '../register/public-url.ts'
import type { Action, Outcome, Step } from '../register/vendor-side.ts'
import type { Registrations } from '../registration.ts'
import { type Define, does, type ExitCode, examples, exit, Failure } from './command.ts'
import { print } from './listing.ts'
import { type Column, tableOf } from './table.ts'
import { plainJson, plainText } from './text.ts'
import {
  comparedColumns,
  comparedJson,
  nameOf,
  noApi,
  type Opened,
  openSource,
  openVendorSide,
  overviewOf,
} from './vendor-side.ts'

interface RegisterOptions {
  dryRun?: boolean
  yes?: boolean
  removeExtra?: boolean
  renew?: boolean
  beside?: boolean
  force?: boolean
  showSecrets?: boolean
  json?: boolean
}

export const register: Define = command => {
  command
    .description(
      "Sets up a source's vendor by its API, so that it sends here what the configuration wants. Shows first what it " +
        'would change. For a vendor without such an API it prints what to enter where.',
    )
    .argument('<source>', 'a source of the configuration, or its vendor')
    .option('--dry-run', 'shows what would be changed, and changes nothing')
    .option('-y, --yes', 'does not ask')
    .option('--remove-extra', 'removes registrations that lead here and that the configuration does not want')
    .option('--renew', 'sends again what is right as far as one can see: after a change of credentials')
    .option('--beside', "leaves another system's registration of the same event, and makes one beside it")
    .option('--force', 'also with a publicUrl that the vendor cannot reach')
    .option('--show-secrets', 'prints URLs with their tokens, and the secrets to paste')
    .option('--json', 'as JSON, one line for each registration; with --yes or --dry-run')
  does(command, registered)
  examples(
    command,
    [
      'postern register acme --dry-run',
      'postern register acme --yes',
      'postern register acme --yes --renew      # after the password was changed',
      'postern register acme --show-secrets     # a vendor without an API: what to paste',
    ],
    [0, 1, 2, 3, 4, 5],
  )
}

async function registered(name: string, options: RegisterOptions): Promise<ExitCode> {
  const opened = await openSource(name, options.showSecrets ?? false)
  const unreachable = publicUrlProblem(opened.publicUrl)
  if (opened.registrations === undefined) {
    if (unreachable !== undefined) process.stderr.write(`Mind that ${unreachable}.\n`)
    await printGuide(opened, options)
    return exit.done
  }
  if (opened.call === undefined) {
    const lacking = noApi(opened.source.name, opened.registrations)
    const reasons = [lacking, ...(unreachable === undefined ? [] : [unreachable])]
    process.stderr.write(
      `Nothing is registered:\n${reasons.map(reason => `  - ${reason}\n`).join('')}By hand, at the vendor's:\n`,
    )
    await printGuide(opened, options)
    return exit.mistaken
  }
  if (unreachable !== undefined && options.dryRun) process.stderr.write(`Mind that ${unreachable}.\n`)
  else if (unreachable !== undefined && !options.force) {
    throw new Failure(exit.mistaken, `Nothing is registered: ${unreachable}. --force does it all the same.`)
  }
  return byApi(opened, opened.registrations, options)
}

async function byApi(opened: Opened, registrations: Registrations, options: RegisterOptions): Promise<ExitCode> {
  const side = openVendorSide(opened, registrations, options.beside ?? false)
  const { compared, notes } = overviewOf(await side.read())
  const steps = planOf(compared, { removeExtra: options.removeExtra ?? false, renew: options.renew ?? false })
  const changes = steps.filter(({ action }) => action !== 'leave').length
  for (const note of notes) process.stderr.write(`${plainText(note)}\n`)
  if (!options.json) await print(planTable(steps, opened.shown))
  if (changes === 0 || options.dryRun) {
    if (options.json)
      await printLines(
        steps.map(step => ({ step })),
        opened.shown,
      )
    process.stderr.write(changes === 0 ? 'There is nothing to change.\n' : 'Nothing was changed.\n')
    return exit.done
  }
  if (!options.yes && !(await agreed(`${changes} ${changes === 1 ? 'change' : 'changes'} at the vendor. Go ahead?`))) {
    process.stderr.write('Nothing was changed.\n')
    return exit.mistaken
  }
  const outcomes = await side.apply(steps)
  if (options.json) await printLines(outcomes, opened.shown)
  else await print(`\n${outcomeTable(outcomes)}`)
  const failed = outcomes.filter(({ done }) => !done).length
  if (failed > 0)
    process.stderr.write(`${failed} of ${changes} changes failed. Run the same again: it does what is left.\n`)
  return failed === 0 ? exit.done : exit.unfinished
}

function planTable(steps: readonly Step[], shown: Opened['shown']): string {
  const [name, state, url] = comparedColumns(shown).map(column => ({
    ...column,
    of: ({ compared }: Step) => column.of(compared),
  })) as [Column<Step>, Column<Step>, Column<Step>]
  const colourOf = (text: string) => (text === 'leave' ? 'dim' : text === 'remove' ? 'red' : 'green')
  return tableOf(steps, [name, state, { title: 'to do', of: ({ action }) => action, colour: colourOf }, url])
}

const pastOf: Readonly<Record<Action, string>> = {
  create: 'created',
  update: 'updated',
  restart: 'restarted',
  remove: 'removed',
  leave: 'left as it is',
}

function resultText(outcome: Outcome): string {
  return outcome.done ? pastOf[outcome.step.action] : `failed: ${outcome.reason}`
}

function outcomeTable(outcomes: readonly Outcome[]): string {
  return tableOf(outcomes, [
    { title: 'registration', of: ({ step }) => nameOf(step.compared) },
    { title: 'result', of: resultText, colour: text => (text.startsWith('failed') ? 'red' : undefined) },
  ])
}

async function printLines(outcomes: readonly (Outcome | { step: Step })[], shown: Opened['shown']): Promise<void> {
  for (const outcome of outcomes) {
    const { action, compared } = outcome.step
    const result = 'done' in outcome ? { done: outcome.done, ...(outcome.done ? {} : { reason: outcome.reason }) } : {}
    await print(`${plainJson(JSON.stringify({ ...comparedJson(compared, shown), action, ...result }))}\n`)
  }
}

/** Asks on a terminal; without one nobody could answer. */
async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new Failure(exit.mistaken, 'Nothing was changed: there is no terminal to ask on. Say --yes.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } catch {
    // Ctrl-C, or the end of the input.
    return false
  } finally {
    terminal.close()
  }
}

/** What to enter where, for vendors without an API that one may call. */
async function printGuide({ source, url }: Opened, { showSecrets = false, json }: RegisterOptions): Promise<void> {
  const { adapter, options, check } = source
  const guide = adapter.guide?.(url, options)
  const setup = adapter.setup(url, options)
  const steps = guide ?? setup.map((step, index) => `${index + 1}. ${step}`)
  const uses = (check?.secrets ?? []).filter(({ kind }) => kind !== 'rsa-public-key' && kind !== 'foreign')
  const secrets = uses.map(({ secret }): [name: string, value: string] => [
    secret.name,
    !secret.resolved ? 'not set yet' : showSecrets ? String(secret.values()[0]) : '***',
  ])
  const keys = (check?.secrets ?? []).filter(({ kind }) => kind === 'rsa-public-key').map(({ secret }) => secret.name)
  if (json) {
    const told = { source: source.name, url, steps: guide ?? setup, secrets: Object.fromEntries(secrets), keys }
    await print(`${plainJson(JSON.stringify(told))}\n`)
    return
  }
  const masked = !showSecrets && (uses.length > 0 || source.hasPathToken)
  const lines = [
    `${source.name}  ${url}`,
    ...steps,
    ...(secrets.length === 0
      ? []
      : ['The secrets that the vendor must have:', ...secrets.map(([name, value]) => `  ${name}: ${value}`)]),
    ...keys.map(name => `The vendor's public key is set here as ${name}.`),
    ...(masked ? ['--show-secrets prints what is *** here.'] : []),
  ]
  await print(`${lines.join('\n')}\n`)
}
