// The gateway as its own process, as operators run it: what it prints, when it is ready, and how it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ProcessOptions {
  env?: Readonly<Record<string, string>>
  cwd?: string
  args?: readonly string[]
  /** The script to run; default this checkout's `bin/postern.js`. */
  bin?: string
  /** The Node to run it with; default the one that runs the tests. */
  node?: string
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface GatewayProcess {
  readonly pid: number
  readonly url: string
  readonly adminUrl: string
  /** Everything printed so far, on both streams. */
  output(): string
  /** Resolves with the first line that holds `text`; rejects when the process ends without one. */
  line(text: string): Promise<string>
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<Ended>
  /** SIGTERM, then how it ended. */
  stop(): Promise<Ended>
}

const ours = fileURLToPath(new URL('../../bin/postern.js', import.meta.url))

/** Starts it on a free port of 127.0.0.1 unless `env` says otherwise; rejects with its output if it ends before. */
export async function startProcess(options: ProcessOptions = {}): Promise<GatewayProcess> {
  const { child, output, line, ended } = run({ ...options, env: { HOST: '127.0.0.1', PORT: '0', ...options.env } })
  const { url, admin } = JSON.parse(await line('"msg":"ready"')) as { url: string; admin: string }
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal)
  }
  return {
    pid: child.pid!,
    url,
    adminUrl: admin,
    output,
    line,
    kill,
    ended,
    stop: () => {
      kill('SIGTERM')
      return ended
    },
  }
}

/** Runs it to its end, for starts that are refused. */
export async function runProcess(options: ProcessOptions = {}): Promise<Ended & { output: string }> {
  const { output, ended } = run(options)
  return { ...(await ended), output: output() }
}

function run({ env, cwd, args = [], bin = ours, node = process.execPath }: ProcessOptions) {
  // Nothing of the environment of whoever runs the tests may configure the gateway.
  const inherited = Object.fromEntries(['PATH', 'HOME', 'TMPDIR'].map(name => [name, process.env[name]]))
  const child = spawn(node, [bin, ...args], {
    cwd,
    env: { ...inherited, ...env } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let text = ''
  const watchers = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (const watch of watchers) watch()
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  void ended.catch(() => {}).finally(() => running.delete(child))
  const line = (wanted: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const whole = text.slice(0, text.lastIndexOf('\n') + 1)
        const found = whole.split('\n').find(candidate => candidate.includes(wanted))
        if (found === undefined) return
        watchers.delete(look)
        resolve(found)
      }
      watchers.add(look)
      look()
      ended.then(({ code, signal }) => {
        reject(new Error(`it ended (${signal ?? code}) without printing ${wanted}:\n${text}`))
      }, reject)
    })
  return { child, output: () => text, line, ended }
}

// A failing test must not leave a gateway behind.
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
