// PgBouncer in transaction mode before a PostgreSQL of the tests, where one is installed.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort, guardOf, ownAll, spawnAsUser } from './own-server.ts'

export interface PgBouncer {
  /** The same database, through it. */
  through(url: string): string
  end(): Promise<void>
}

/** Its program, which `npm ci` does not bring. */
export const pgbouncer = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
  .map(folder => join(folder, 'pgbouncer'))
  .find(path => existsSync(path))

/** `poolSize`: connections to each database, which all of its clients share. */
export async function startPgBouncer(program: string, server: string, poolSize: number): Promise<PgBouncer> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-pgbouncer-'))
  const guard = guardOf(folder, 'pid')
  const port = await freePort()
  writeFileSync(join(folder, 'users'), '"postgres" ""\n')
  writeFileSync(
    join(folder, 'ini'),
    `[databases]
* = host=127.0.0.1 port=${new URL(server).port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${join(folder, 'users')}
pidfile = ${join(folder, 'pid')}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 500
`,
  )
  ownAll(folder)
  const child = spawnAsUser(program, [join(folder, 'ini')])
  let output = ''
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()))
  const end = async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
    guard.stdin!.end()
  }
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => reject(new Error(`PgBouncer ended:\n${output}`)))
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-65_536)
        if (output.includes('process up')) resolve()
      })
    }
  })
  return {
    through(url) {
      const own = new URL(url)
      own.port = String(port)
      return own.href
    },
    end,
  }
}
