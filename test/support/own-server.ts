// A server that a test starts beside its own process: as an ordinary user though root runs the tests, and ended with
// whoever started it, however that went.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

/**
 * Ends the server whose process id stands in `pidFile` of this folder, and removes the folder, once the guard's standard
 * input ends: that is when the process that started it is gone. What interrupts the tests at the terminal does not
 * reach it.
 */
export function guardOf(folder: string, pidFile: string): ChildProcess {
  const script = `trap '' INT TERM HUP
    read gone
    if [ -s "$0/$1" ]; then
      pid=$(head -n 1 "$0/$1")
      kill -QUIT "$pid" 2>/dev/null
      tries=0
      while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    fi
    rm -rf "$0"`
  const guard = spawn('/bin/sh', ['-c', script, folder, pidFile], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.unref()
  ;(guard.stdin as unknown as { unref(): void }).unref()
  return guard
}

const nobody = 65_534
/** Servers refuse root: as root they run as another user, in a namespace where that is possible. */
const [isRoot, mapped] = (() => {
  if (process.getuid?.() !== 0) return [false, []]
  const unshare = ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  return [true, spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status === 0 ? unshare : []]
})()
const isOther = isRoot && mapped.length === 0

/** How to run it. */
export function asUser(program: string, programArgs: readonly string[]) {
  const [command, ...args] = [...mapped, program, ...programArgs]
  return { command: command!, args, ids: isOther ? { uid: nobody, gid: nobody } : {} }
}

/** Its process id is the program's own. */
export function spawnAsUser(program: string, programArgs: readonly string[]): ChildProcess {
  const { command, args, ids } = asUser(program, programArgs)
  // A group of its own: an interrupt at the terminal ends the tests first, and they end it.
  return spawn(command, args, { ...ids, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
}

/** A file, or a folder with all that is in it, becomes the user's that `spawnAsUser` runs as. */
export function ownAll(path: string): void {
  if (!isOther) return
  chownSync(path, nobody, nobody)
  if (statSync(path).isDirectory()) for (const name of readdirSync(path)) ownAll(join(path, name))
}

/** None that the system gives to whoever asks for any: a server that starts again finds it free still. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise(resolve => server.close(resolve))
    return port
  }
}
