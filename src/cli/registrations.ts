// `postern registrations`: what a vendor has registered, beside what the configuration wants.
import { type Define, does, type ExitCode, examples, exit, Failure } from './command.ts'
import { print } from './listing.ts'
import { tableOf } from './table.ts'
import { plainJson, plainText } from './text.ts'
import { comparedColumns, comparedJson, openSource, openVendorSide, overviewOf } from './vendor-side.ts'

interface RegistrationsOptions {
  showSecrets?: boolean
  beside?: boolean
  json?: boolean
}

export const registrations: Define = command => {
  command
    .description(
      "Lists what a source's vendor has registered beside what the configuration wants, and changes nothing.",
    )
    .argument('<source>', 'a source of the configuration whose `api` is set')
    .option('--beside', "what leads elsewhere is another system's, and none of ours")
    .option('--show-secrets', 'prints URLs with their tokens')
    .option('--json', 'one line of JSON for each')
  does(command, listed)
  examples(
    command,
    ['postern registrations acme', 'postern registrations acme --json | jq \'select(.state != "ok")\''],
    [1, 3, 4, 5],
    { 0: 'all that is wanted is there, as it should be', 2: 'something is missing, or not as it should be' },
  )
}

async function listed(name: string, options: RegistrationsOptions): Promise<ExitCode> {
  const opened = await openSource(name, options.showSecrets ?? false)
  if (opened.registrations === undefined) {
    throw new Failure(
      exit.mistaken,
      `The vendor of ${name} has no API for this; \`postern register ${name}\` says what to do.`,
    )
  }
  const side = openVendorSide(opened, opened.registrations, options.beside ?? false)
  const { compared, notes } = overviewOf(await side.read())
  for (const note of notes) process.stderr.write(`${plainText(note)}\n`)
  if (options.json) {
    for (const each of compared) await print(`${plainJson(JSON.stringify(comparedJson(each, opened.shown)))}\n`)
  } else await print(tableOf(compared, comparedColumns(opened.shown)))
  return compared.some(({ state }) => state === 'missing' || state === 'differs') ? exit.unfinished : exit.done
}
