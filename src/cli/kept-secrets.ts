// The secrets that a start in development made for itself, kept beside its database. Only read here, never made.
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export type KeptSecrets = Readonly<Record<string, string | { publicKey: string; privateKey: string } | undefined>>

/** Undefined where there are none. */
export function keptSecrets(env: NodeJS.ProcessEnv): KeptSecrets | undefined {
  const path = secretsPath(env)
  if (path === undefined) return undefined
  try {
    const values: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof values === 'object' && values !== null ? (values as KeptSecrets) : undefined
  } catch {
    return undefined
  }
}

/** Where they would be; undefined where the database is no file. */
export function secretsPath(env: NodeJS.ProcessEnv): string | undefined {
  const database = env.POSTERN_DATABASE?.trim() || 'sqlite:./data/postern.db'
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(database)?.[1]
  return path === undefined ? undefined : join(dirname(resolve(path)), 'secrets.json')
}
