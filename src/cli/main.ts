// The `postern` command: one file for each of its subcommands, loaded when it is asked for. Without one it is the gateway.

interface Command {
  /** One line of the overview. */
  summary: string
  /** Resolves with the exit code; undefined where the process goes on. */
  run(args: readonly string[]): Promise<number | undefined>
}

const commands: Readonly<Record<string, Command>> = {
  start: {
    summary: 'the gateway; so does `postern` alone. Its settings are in the environment',
    async run() {
      await (await import('../main.ts')).main()
      return undefined
    },
  },
  copy: {
    summary: 'copies an inbox from SQLite to PostgreSQL',
    run: async args => (await import('./copy.ts')).copy(args),
  },
}

const exitMistaken = 1

export async function main(args: readonly string[] = process.argv.slice(2)): Promise<void> {
  const [name = 'start', ...rest] = args
  if (name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(overview())
  } else if (Object.hasOwn(commands, name)) {
    process.exitCode = await commands[name]!.run(rest)
  } else {
    process.stderr.write(`There is no such command.\n\n${overview()}`)
    process.exitCode = exitMistaken
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(commands).map(name => name.length))
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}\n`)
  return `Usage: postern [command]\n\n${lines.join('')}\n\`postern <command> --help\` says more of one.\n`
}
