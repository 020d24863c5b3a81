// The CPU time that processes have used, as the kernel counts it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const ticksPerSecond = 100

interface Spent {
  parent: number
  /** Of its own, and of children that have ended. */
  own: number
  children: number
}

/** User and system, in seconds. */
export function cpuSeconds(pid: number): number {
  return spent(String(pid))?.own ?? Number.NaN
}

/** Of a PostgreSQL server and all that it has started, by its folder. */
export function cpuSecondsOfServer(folder: string): number {
  const pid = Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
  const all = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  const started = all.map(spent).filter(each => each?.parent === pid)
  const server = spent(String(pid))!
  return started.reduce((sum, each) => sum + each!.own, server.own + server.children)
}

/** Undefined for one that has ended. */
function spent(pid: string): Spent | undefined {
  try {
    // Behind the name, which may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ').map(Number)
    const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15) as [number, number, number, number]
    return {
      parent: fields[1]!,
      own: (user + system) / ticksPerSecond,
      children: (childrenUser + childrenSystem) / ticksPerSecond,
    }
  } catch {
    return undefined
  }
}
