// Stopping a process where it stands, and knowing that all of it stands still.
import { readdirSync, readFileSync } from 'node:fs'
import type { GatewayProcess } from '../support/process.ts'
import { until } from '../support/until.ts'

/** SIGSTOP; resolves when no thread of it runs, nor waits in the kernel for a flush that is still going on. */
export async function freeze(gateway: GatewayProcess): Promise<void> {
  gateway.kill('SIGSTOP')
  await until('every thread has stopped', () => {
    const threads = readdirSync(`/proc/${gateway.pid}/task`)
    return threads.every(thread => stateOf(gateway.pid, thread) === 'T')
  })
}

function stateOf(pid: number, thread: string): string | undefined {
  const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2)[0]
}
