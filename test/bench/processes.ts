// The processes that are measured, each ended by its own id.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
export const token = 'benchmark-admin-token'

export interface Running {
  port: number
  pid: number
  stop(): Promise<void>
}

export type RivalKind = 'ceiling' | 'naive' | 'naive-postgres'

/** `database`: a path, or a URL of PostgreSQL. */
export async function startRival(kind: RivalKind, database: string): Promise<Running> {
  const child = fork(join(import.meta.dirname, 'rivals.ts'), [kind, database])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { port, pid: child.pid!, stop: () => end(child) }
}

export interface BenchSubscriber {
  url: string
  count(): Promise<number>
  /** When each event was received, in milliseconds since the epoch, since it was last told to forget. */
  times(): Promise<[id: string, at: number][]>
  forget(): Promise<void>
  stop(): Promise<void>
}

export async function startSubscriber(silent = false): Promise<BenchSubscriber> {
  const child = fork(join(import.meta.dirname, 'subscriber.ts'), silent ? ['silent'] : [])
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const ask = async <Answer>(question: string) => {
    child.send(question)
    return ((await once(child, 'message')) as [Answer])[0]
  }
  return {
    url: `http://127.0.0.1:${port}/events`,
    count: async () => (await ask<{ count: number }>('count')).count,
    times: async () => (await ask<{ times: [string, number][] }>('times')).times,
    async forget() {
      await ask('forget')
    },
    stop: () => end(child),
  }
}

/**
 * Postern as shipped: logging on, to a file. `env`: settings, and what its configuration reads; the configuration is the
 * one that has subscriptions where that names any.
 */
export async function startPostern(folder: string, env: Readonly<Record<string, string>> = {}): Promise<Running> {
  const fansOut = 'SUBSCRIBERS' in env || 'HANDLERS' in env
  const configPath = join(import.meta.dirname, fansOut ? 'fan-out.config.ts' : 'bench.config.ts')
  const port = await freePort()
  const log = openSync(join(folder, 'postern.log'), 'a')
  const extra = process.env.BENCH_NODE_ARGS?.split(' ') ?? []
  // With the nursery that `npm start` gives it.
  const child = spawn(process.execPath, ['--max-semi-space-size=8', ...extra, join(root, 'bin', 'postern.js')], {
    cwd: root,
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      PORT: String(port),
      POSTERN_CONFIG: configPath,
      POSTERN_DATABASE: `sqlite:${join(folder, 'postern.db')}`,
      POSTERN_ADMIN_TOKEN: token,
      ...env,
    },
  })
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null)
      throw new Error(`Postern did not start:\n${readFileSync(join(folder, 'postern.log'), 'utf8')}`)
    const live = await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined)
    if (live?.ok) return { port, pid: child.pid!, stop: () => end(child) }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error('Postern did not start in 10 s')
}

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Asks the inbox API: false where it is told to come again (429, 503), which is no answer. Throws for any other. */
export async function isAnswered(port: number, path: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  await answer.arrayBuffer()
  if (answer.ok) return true
  if (answer.status === 429 || answer.status === 503) return false
  throw new Error(`${path} was answered ${answer.status}`)
}
