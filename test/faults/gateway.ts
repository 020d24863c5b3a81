// The gateway of a fault test: a real process over a folder that the test chose.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GatewayProcess, type ProcessOptions, startProcess } from '../support/process.ts'
import { secret } from './requests.ts'

export const token = 'faults-0123456789abcdef'

export function databaseIn(folder: string): string {
  return join(folder, 'postern.db')
}

export function startIn(folder: string, env: Record<string, string> = {}): Promise<GatewayProcess> {
  return startProcess(options(folder, env))
}

/** For a start that must be refused: its exit code, and all that it printed. */
export async function refusedIn(folder: string): Promise<string> {
  let started: GatewayProcess
  try {
    started = await startIn(folder)
  } catch (error) {
    return (error as Error).message
  }
  started.kill('SIGKILL')
  throw new Error(`it started: ${started.output()}`)
}

export function get(url: string): Promise<Response> {
  return fetch(url, { headers: { authorization: `Bearer ${token}`, connection: 'close' } })
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'postern-faults-'))
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

function options(folder: string, env: Record<string, string>): ProcessOptions {
  mkdirSync(folder, { recursive: true })
  return {
    cwd: folder,
    env: {
      POSTERN_CONFIG: fileURLToPath(new URL('./gateway.config.ts', import.meta.url)),
      POSTERN_DATABASE: `sqlite:${databaseIn(folder)}`,
      POSTERN_ADMIN_TOKEN: token,
      BANCLO_SECRET: secret,
      ...env,
    },
  }
}
