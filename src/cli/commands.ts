// The commands of `postern`: one file for each, loaded when it is asked for.
import { Command, CommanderError } from 'commander'
import { ConfigError } from '../config/config-error.ts'
import { AppError } from '../errors.ts'
import { concealed, type Define, exit, Failure } from './command.ts'
import { packageVersion } from './package.ts'
import { plainText } from './text.ts'

interface Entry {
  group: 'The gateway' | 'What it holds' | 'Its database' | 'The vendors'
  /** One line of the overview. */
  summary: string
  load(): Promise<Define>
}

const commands: Readonly<Record<string, Entry>> = {
  start: {
    group: 'The gateway',
    summary: 'runs the gateway; so does `postern` alone. Its settings are in the environment',
    load: async () => (await import('./start.ts')).start,
  },
  init: {
    group: 'The gateway',
    summary: 'writes a configuration to start with',
    load: async () => (await import('./init.ts')).init,
  },
  doctor: {
    group: 'The gateway',
    summary: 'looks at all it needs, and says what is wrong and what to do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  events: {
    group: 'What it holds',
    summary: 'what came in: list, show, tail, export, replay',
    load: async () => (await import('./events.ts')).events,
  },
  timeline: {
    group: 'What it holds',
    summary: 'what happened to a business object, across vendors',
    load: async () => (await import('./timeline.ts')).timeline,
  },
  stats: {
    group: 'What it holds',
    summary: 'what came lately, did not get in, or is not delivered yet',
    load: async () => (await import('./stats.ts')).stats,
  },
  deliveries: {
    group: 'What it holds',
    summary: 'events on their way: list, show, retry',
    load: async () => (await import('./deliveries.ts')).deliveries,
  },
  subscriptions: {
    group: 'What it holds',
    summary: 'where events go: list, show, pause, resume, test, retry',
    load: async () => (await import('./subscriptions.ts')).subscriptions,
  },
  quarantine: {
    group: 'What it holds',
    summary: 'genuine, and not understood: list, show, release, discard',
    load: async () => (await import('./quarantine.ts')).quarantine,
  },
  rejections: {
    group: 'What it holds',
    summary: 'what failed its check: list, recheck',
    load: async () => (await import('./rejections.ts')).rejections,
  },
  sources: {
    group: 'What it holds',
    summary: 'the configured entrances',
    load: async () => (await import('./sources.ts')).sources,
  },
  tokens: {
    group: 'The gateway',
    summary: 'who may ask it, and what: create, list, revoke',
    load: async () => (await import('./tokens.ts')).tokens,
  },
  audit: {
    group: 'The gateway',
    summary: 'who changed what, and who read what vendors sent',
    load: async () => (await import('./audit.ts')).audit,
  },
  send: {
    group: 'The vendors',
    summary: 'signed, realistic requests of any vendor to a gateway',
    load: async () => (await import('./send.ts')).send,
  },
  register: {
    group: 'The vendors',
    summary: "sets a vendor's side up, or says what to enter where",
    load: async () => (await import('./register.ts')).register,
  },
  registrations: {
    group: 'The vendors',
    summary: 'what a vendor has registered, beside what the configuration wants',
    load: async () => (await import('./registrations.ts')).registrations,
  },
  migrate: {
    group: 'Its database',
    summary: 'brings its tables up to this version, without a start',
    load: async () => (await import('./migrate.ts')).migrate,
  },
  backup: {
    group: 'Its database',
    summary: 'a copy while it works',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    group: 'Its database',
    summary: 'puts a backup in its place',
    load: async () => (await import('./restore.ts')).restore,
  },
  vacuum: {
    group: 'Its database',
    summary: 'gives room back that deleted events have left',
    load: async () => (await import('./vacuum.ts')).vacuum,
  },
  copy: {
    group: 'Its database',
    summary: 'copies an inbox from SQLite to PostgreSQL',
    load: async () => (await import('./copy.ts')).copy,
  },
}

export const commandNames: readonly string[] = Object.keys(commands)

export async function runCommand(args: readonly string[]): Promise<void> {
  endQuietlyWithoutReader()
  try {
    await run(args)
  } catch (error) {
    process.exitCode = told(error)
  }
}

async function run(args: readonly string[]): Promise<void> {
  const [first = '', ...rest] = args
  const name = first === 'help' && rest[0] !== undefined ? rest[0] : first
  if (!Object.hasOwn(commands, name)) {
    const program = overview()
    if (name.startsWith('-') || name === 'help') await program.parseAsync(args, { from: 'user' })
    process.stderr.write(`There is no such command.\n\n${program.helpInformation()}`)
    process.exitCode = exit.mistaken
    return
  }
  const program = await programWith(name)
  await program.parseAsync(first === 'help' ? [name, '--help'] : [name, ...rest], { from: 'user' })
}

/** All commands by name, and this one as it is. */
export async function programWith(name: string): Promise<Command> {
  const program = overview()
  const define = await commands[name]!.load()
  define(program.commands.find(each => each.name() === name)!.helpOption('-h, --help', 'prints this'))
  return program
}

function overview(): Command {
  const program = new Command('postern')
    .usage('[command]')
    .description('The gateway and inbox for the webhooks that a lending company receives.')
    .version(packageVersion(), '-V, --version', 'prints the version')
    .helpOption('-h, --help', 'prints this')
    .helpCommand('help [command]', 'says more of one command')
    .addHelpText('after', '\n`postern <command> --help` says more of one, with examples.\n')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(plainText(concealed(text), '\n')) })
  for (const [name, { group, summary }] of Object.entries(commands)) {
    program.command(name).summary(summary).helpGroup(`${group}:`)
  }
  return program
}

/** The exit code. */
function told(error: unknown): number {
  // Its own words are printed already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.mistaken
  const expected = error instanceof Failure || error instanceof ConfigError || error instanceof AppError
  const text = expected || !(error instanceof Error) ? messageOf(error) : (error.stack ?? '')
  process.stderr.write(`${plainText(text, '\n')}\n`)
  if (error instanceof Failure) return error.exit
  return error instanceof AppError && error.code === 'store_unreachable' ? exit.unreachable : exit.mistaken
}

/** That a gateway cannot start is nothing that who sends something wants to know. */
function messageOf(error: unknown): string {
  if (error instanceof ConfigError) return ['This must be put right:', ...error.problems].join('\n  - ')
  return String((error as Error)?.message ?? error)
}

/** `postern events list | head`: whoever reads has had enough. All else is told by who writes and waits for it. */
function endQuietlyWithoutReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exit.done)
    process.exitCode = exit.unfinished
  })
  // There is nobody to tell.
  process.stderr.on('error', () => {})
}
