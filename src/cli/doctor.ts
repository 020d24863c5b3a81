// `postern doctor`: looks at everything that a gateway needs, says what is wrong and what to do, and changes nothing.
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import { type Define, does, type ExitCode, examples, exit } from './command.ts'
import { configured } from './configured.ts'
import { clockFindings } from './doctor-clock.ts'
import { configFindings } from './doctor-config.ts'
import { databaseFindings } from './doctor-database.ts'
import { reachFindings } from './doctor-reach.ts'
import { rightsFindings } from './doctor-rights.ts'
import { type Finding, ok, wrong } from './findings.ts'
import { print } from './listing.ts'
import { tableOf } from './table.ts'
import { plainJson, plainText } from './text.ts'

interface DoctorOptions {
  timeUrl?: string
  json?: boolean
}

export const doctor: Define = command => {
  command
    .description(
      'Looks at the configuration, secrets, the database, who can read it, disks, the spool, whether the gateway is reached, clocks and ' +
        'proxies, with the settings of the environment, and changes nothing. Each line says ok, warn or wrong, and what to do.',
    )
    .option('--time-url <url>', 'a server whose clock is right, by its Date header; default the public URL')
    .option('--json', 'one line of JSON for each')
  does(command, examined)
  examples(
    command,
    ['postern doctor', 'postern doctor --time-url https://www.example.com', 'postern doctor --json'],
    [0],
    {
      1: 'something is wrong',
    },
  )
}

async function examined({ timeUrl, json }: DoctorOptions): Promise<ExitCode> {
  const findings: Finding[] = []
  const settings = caught('settings', findings, () => readSettings(process.env))
  const found = await configuration(findings)
  if (settings !== undefined) {
    if (found !== undefined) findings.push(...configFindings(settings, found.config, process.env))
    const publicUrl = found?.config.publicUrl
    const [ofDatabase, ofReach, ofClock] = await Promise.all([
      databaseFindings(settings),
      reachFindings(settings, publicUrl),
      clockFindings(settings, timeUrl ?? publicUrl, timeUrl !== undefined),
    ])
    findings.push(...ofDatabase, ...rightsFindings(settings, process.env), ...ofReach, ...ofClock)
  }
  if (json) for (const finding of findings) await print(`${plainJson(JSON.stringify(finding))}\n`)
  else await print(shown(findings))
  const count = findings.filter(({ state }) => state === 'wrong').length
  if (count > 0 && !json) process.stderr.write(`${count} ${count === 1 ? 'thing is' : 'things are'} wrong.\n`)
  return count === 0 ? exit.done : exit.mistaken
}

async function configuration(findings: Finding[]): Promise<{ config: Config } | undefined> {
  try {
    const found = await configured()
    const [sources, subscriptions] = [found.sources.length, Object.keys(found.config.subscriptions ?? {}).length]
    findings.push(ok('configuration', `${found.path}; sources: ${sources}, subscriptions: ${subscriptions}`))
    return found
  } catch (error) {
    // Those of the settings are told already.
    if (findings.length > 0) return undefined
    findings.push(...problemsOf(error, 'configuration'))
    return undefined
  }
}

function caught(about: string, findings: Finding[], read: () => Settings): Settings | undefined {
  try {
    return read()
  } catch (error) {
    findings.push(...problemsOf(error, about))
    return undefined
  }
}

function problemsOf(error: unknown, about: string): Finding[] {
  const problems = error instanceof ConfigError ? error.problems : [(error as Error).message]
  return problems.map(problem => wrong(about, problem, 'put it right: docs/operating.md has every setting'))
}

function shown(findings: readonly Finding[]): string {
  const colours = { ok: 'green', warn: 'yellow', wrong: 'red' } as const
  const table = tableOf(
    findings,
    [
      { title: '', of: ({ state }) => state, colour: state => colours[state as keyof typeof colours] },
      { title: '', of: ({ about }) => about },
      { title: '', of: ({ text }) => text },
    ],
    // What is wrong is never cut.
    { width: undefined },
  )
  const [, ...lines] = table.split('\n')
  const indent = ' '.repeat(7)
  return lines
    .flatMap((line, index) => {
      const advice = findings[index]?.advice
      return advice === undefined ? [line] : [line, `${indent}→ ${plainText(advice)}`]
    })
    .join('\n')
}
