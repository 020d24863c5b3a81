// `postern <command>` as a process of its own, as people run it: what it says on either stream, and how it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface CommandOptions {
  env?: Readonly<Record<string, string>>
  cwd?: string
  /** What runs it, as `"$@"`: for what only a shell can do, such as a limit or a pipe. */
  shell?: string
}

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

export interface RunningCommand {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  readonly ended: Promise<Ran>
}

const bin = fileURLToPath(new URL('../../bin/postern.js', import.meta.url))
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Nothing of the environment of whoever runs the tests may tell it where a gateway is. */
export function startCommand(args: readonly string[], { env, cwd, shell }: CommandOptions = {}): RunningCommand {
  const inherited = Object.fromEntries(['PATH', 'HOME', 'TMPDIR'].map(name => [name, process.env[name]]))
  const command = [process.execPath, bin, ...args]
  const [program, ...given] = shell === undefined ? command : ['sh', '-c', shell, 'sh', ...command]
  const child = spawn(program!, given, {
    cwd,
    env: { ...inherited, ...env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => {
      running.delete(child)
      resolve({ code, ...said })
    })
  })
  return { child, stdout: () => said.stdout, stderr: () => said.stderr, ended }
}

export function runCommand(args: readonly string[], options?: CommandOptions): Promise<Ran> {
  return startCommand(args, options).ended
}

/** Its standard output as the lines of JSON that it is. */
export function jsonLines<Item>({ stdout }: Ran): Item[] {
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Item)
}
