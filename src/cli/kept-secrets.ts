// The secrets that a start in development made for itself, kept beside its database. Only read here, never made.
import { readFileSync } from 'node:fs'
import { databaseDefault, secretsPath, sqlitePath } from '../config/sqlite-path.ts'

export type KeptSecrets = Readonly<Record<string, string | { publicKey: string; privateKey: string } | undefined>>

/** Undefined where there are none. */
export function keptSecrets(env: NodeJS.ProcessEnv): KeptSecrets | undefined {
  const path = keptSecretsPath(env)
  if (path === undefined) return undefined
  try {
    const values: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof values === 'object' && values !== null ? (values as KeptSecrets) : undefined
  } catch {
    return undefined
  }
}

/** Where they would be, whatever else is wrong with the settings; undefined where the database is no file. */
export function keptSecretsPath(env: NodeJS.ProcessEnv): string | undefined {
  const path = sqlitePath(env.POSTERN_DATABASE?.trim() || databaseDefault)
  return path === undefined ? undefined : secretsPath(path)
}
