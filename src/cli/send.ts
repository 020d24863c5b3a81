// `postern send`: signed, realistic requests of a vendor to any gateway, one to try it or many to see what it bears.
import { availableParallelism } from 'node:os'
import type { Source } from '../ingest/source.ts'
import { curlOf, signedSample, targetOf } from '../signed-sample.ts'
import { type Define, does, type ExitCode, examples, exit, Failure, wholeNumber } from './command.ts'
import { configured, resolveSecretsOf, sourceNamed } from './configured.ts'
import { corrupted } from './corrupted.ts'
import { print } from './listing.ts'
import { type Sent, sendAll } from './sending.ts'
import { tableOf } from './table.ts'
import { counted, plainJson, plainText } from './text.ts'

interface SendOptions {
  url?: string
  count: number
  rate?: number
  duplicates: number
  corrupt?: boolean
  list?: boolean
  dryRun?: boolean
  json?: boolean
}

export const send: Define = command => {
  command
    .description(
      'Sends signed, realistic requests of a vendor to a gateway. Secrets come from the environment, as for a start, or ' +
        'from what a start in development has made.',
    )
    .argument('[source]', 'a source of the configuration, or its vendor')
    .argument('[type]', "one of the vendor's types; default the first that --list names")
    .option('--url <url>', 'the gateway as vendors reach it; default POSTERN_URL, else the one of this machine')
    .option('-c, --count <count>', 'how many', wholeNumber(1, 10_000_000), 1)
    .option('--rate <per second>', 'how many a second; default as fast as they are answered', wholeNumber(1, 100_000))
    .option('--duplicates <percent>', 'so many of them are ones that were sent before', wholeNumber(0, 99), 0)
    .option('--corrupt', 'all of them fail their check')
    .option('--list', 'prints the types, and sends nothing')
    .option('--dry-run', 'prints one as a curl line, with its credentials, and sends nothing')
    .option('--json', 'the result as JSON; with --dry-run the request')
  does(command, sent)
  examples(
    command,
    [
      'postern send --list',
      'postern send acme loan.created',
      'postern send acme --count 10000 --rate 500 --duplicates 10',
      'postern send acme --corrupt --url https://hooks.example.com',
      'postern send acme --dry-run | sh',
    ],
    [0, 1, 2, 3, 4],
  )
}

async function sent(name: string | undefined, type: string | undefined, options: SendOptions): Promise<ExitCode> {
  const { settings, sources } = await configured()
  if (options.list) return listed(name === undefined ? sources : [sourceNamed(sources, name)], options.json ?? false)
  if (name === undefined) throw new Failure(exit.mistaken, 'Say which source: `postern send --list` prints them.')
  const source = sourceNamed(sources, name)
  const chosen = typeOf(source, type)
  resolveSecretsOf(source, settings, process.env)
  const url = gatewayUrl(options.url ?? process.env.POSTERN_URL ?? `http://127.0.0.1:${settings.port}`)
  const make = async () => {
    const signed = signedSample(source, chosen, Date.now())
    if (signed === undefined) {
      throw new Failure(
        exit.mistaken,
        `Postern cannot sign for ${source.name}: it has no key to sign with, as the vendor does.`,
      )
    }
    return options.corrupt ? corrupted(source, signed) : signed
  }
  if (options.dryRun) {
    const request = await make()
    const { method, headers, body } = request
    await print(
      options.json
        ? `${plainJson(JSON.stringify({ method, url: `${url}${targetOf(source, request)}`, headers, body }))}\n`
        : `${curlOf(source, request, url)}\n`,
    )
    return exit.done
  }
  return told(await sendAll(url, source, { ...options, connections: 8 * availableParallelism(), make }), options)
}

async function listed(sources: readonly Source[], json: boolean): Promise<ExitCode> {
  const rows = sources.flatMap(({ name, vendor, adapter }) =>
    adapter.sampleTypes.map(type => ({ source: name, vendor, type })),
  )
  if (json) for (const row of rows) await print(`${JSON.stringify(row)}\n`)
  else {
    await print(
      tableOf(rows, [
        { title: 'source', of: ({ source }) => source },
        { title: 'vendor', of: ({ vendor }) => vendor },
        { title: 'type', of: ({ type }) => type },
      ]),
    )
  }
  return exit.done
}

function typeOf({ adapter }: Source, type: string | undefined): string {
  const [first] = adapter.sampleTypes
  const chosen = type ?? first
  if (chosen !== undefined && adapter.sampleTypes.includes(chosen)) return chosen
  throw new Failure(exit.notFound, `There is no such type; there are: ${adapter.sampleTypes.join(', ')}`)
}

function gatewayUrl(given: string): string {
  try {
    const url = new URL(given)
    if (/^https?:$/.test(url.protocol) && url.username === '' && url.search === '') return url.href.replace(/\/$/, '')
  } catch {
    // Told below.
  }
  throw new Failure(exit.mistaken, '--url (or POSTERN_URL): expected http://… or https://…, without a user or a query')
}

async function told(
  { answers, failures, seconds, first }: Sent,
  { count, corrupt, json }: SendOptions,
): Promise<ExitCode> {
  const all = answers.reduce((sum, each) => sum + each.count, 0)
  if (json) await print(`${plainJson(JSON.stringify({ sent: all, seconds, answers, failures }))}\n`)
  else if (count === 1 && first !== undefined) await print(`${first.status}  ${plainText(first.text)}\n`)
  else if (all > 0) {
    await print(
      tableOf(answers, [
        { title: 'answer', of: ({ status }) => status, colour: status => (Number(status) < 300 ? 'green' : 'red') },
        { title: '', of: ({ verdict }) => verdict },
        { title: 'count', of: each => counted(each.count), right: true },
        { title: 'p50 ms', of: ({ p50Ms }) => p50Ms, right: true },
        { title: 'p99 ms', of: ({ p99Ms }) => p99Ms, right: true },
        { title: 'max ms', of: ({ maxMs }) => maxMs, right: true },
      ]),
    )
    if (seconds > 0)
      process.stderr.write(`${counted(all)} answered in ${seconds} s, ${counted(Math.round(all / seconds))}/s\n`)
  }
  for (const { reason, count: times } of failures)
    process.stderr.write(`not answered: ${plainText(reason)} (${counted(times)})\n`)
  if (all === 0) return exit.unreachable
  // What is corrupt has to be refused; a bare 500 is neither.
  const right = (status: number) => (corrupt ? status >= 400 && status < 500 : status < 300)
  return failures.length === 0 && answers.every(({ status }) => right(status)) ? exit.done : exit.unfinished
}
