// Making the kernel lie to a running process: strace answers its flushes with an error, or late.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const calls = 'fsync,fdatasync'

/** Why strace cannot be used here; undefined where it can. */
export function noStrace(): string | undefined {
  const { status, stderr, error } = spawnSync('strace', ['-o', '/dev/null', '-e', `trace=${calls}`, 'true'])
  if (status === 0) return undefined
  return `strace cannot be used here: ${error?.message ?? String(stderr).trim()}`
}

export interface Tracing {
  /** How many flushes of a database it has seen; after `end`. */
  flushes(): number
  /** Lets go of the process. */
  end(): Promise<void>
}

/**
 * Resolves when every thread of `pid` is traced. `inject` is strace's: `error=EIO`, `error=EIO:when=20+`,
 * `delay_exit=50000` (microseconds). `record` is the file for what it sees.
 */
export async function traceFlushes(pid: number, inject: string, record: string): Promise<Tracing> {
  const args = ['-y', '-f', '-p', String(pid), '-o', record, '-e', `trace=${calls}`, '-e', `inject=${calls}:${inject}`]
  const strace = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>(resolve => strace.once('close', () => resolve()))
  await attached(strace)
  return {
    flushes: () => readFileSync(record, 'utf8').match(/ f(data)?sync\(\d+<[^>]*\.db(-wal)?>/g)?.length ?? 0,
    end: () => {
      strace.kill('SIGINT')
      return ended
    },
  }
}

/** Strace says so on its standard error once it holds all the threads. */
function attached(strace: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    strace.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (/Process \d+ attached/.test(text)) resolve()
    })
    strace.once('error', reject)
    strace.once('close', () => reject(new Error(`strace ended: ${text}`)))
  })
}
