// What every command is made of: exit codes, mistakes that are told in one line, help that ends with examples, and
// nothing of a command line's secrets in what is printed.
import { type Command, InvalidArgumentError } from 'commander'

/** What the process ends with. */
export const exit = {
  done: 0,
  /** Mistaken use, or refused by the gateway. */
  mistaken: 1,
  unfinished: 2,
  notFound: 3,
  /** No gateway, or no database, answers. */
  unreachable: 4,
  notAllowed: 5,
} as const

export type ExitCode = (typeof exit)[keyof typeof exit]

/** Expected: its message is all that people see of it. */
export class Failure extends Error {
  readonly exit: ExitCode

  constructor(code: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exit = code
  }
}

/** A command's own part: it adds arguments, options and what is done to what it is given. */
export type Define = (command: Command) => void

/** `act` resolves with the exit code; undefined where the process goes on. */
export function does<Args extends unknown[]>(command: Command, act: (...args: Args) => Promise<ExitCode | undefined>) {
  return command.action(async (...args) => {
    const code = await act(...(args as unknown as Args))
    if (code !== undefined) process.exitCode = code
  })
}

const codes: Record<ExitCode, string> = {
  0: 'done',
  1: 'mistaken use, or refused: the output says what must be put right',
  2: 'unfinished, or failed in part; or what was asked for cannot be written',
  3: 'not found',
  4: 'no gateway, or no database, answers',
  5: 'not allowed: no token, a wrong one, or one of too small a scope',
}

/** The end of a command's help. `own`: exit codes of its own. */
export function examples(
  command: Command,
  lines: readonly string[],
  ends: readonly ExitCode[] = [0, 1],
  own: Readonly<Record<number, string>> = {},
): Command {
  const meanings = { ...Object.fromEntries(ends.map(code => [code, codes[code]])), ...own }
  const shown = Object.entries(meanings).map(([code, meaning]) => `  ${code.padEnd(2)}  ${meaning}\n`)
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.map(line => `  ${line}\n`).join('')}\nExit codes:\n${shown.join('')}`,
  )
}

/** 2 too: what is read may not fit on a disk. */
export const gatewayEnds: readonly ExitCode[] = [0, 1, 2, 3, 4, 5]

/** What a message may repeat of a command line: a URL may hold a password, and so may what stands behind a `=`. */
export function concealed(text: string): string {
  return text
    .replaceAll(/([a-z][a-z0-9+.-]*):\/\/[^\s'"]*/gi, '$1://…')
    .replaceAll(/(--?[\w-]+)=[^\n]*?(?='\n|'$|'\.|$)/gm, '$1=…')
}

/** For an option's value: a whole number within bounds. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const number = Number(text)
    if (/^\d{1,16}$/.test(text) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`Expected a whole number from ${min}${max < 1e15 ? ` to ${max}` : ' on'}.`)
  }
}

/** For an option that may come several times. */
export function collected(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text]
}
