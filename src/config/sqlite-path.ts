// Where an inbox in SQLite lies, and what is kept beside it. Every command loads this: it knows nothing else.
import { dirname, join, resolve } from 'node:path'

export const databaseDefault = 'sqlite:./data/postern.db'

/** The file that `sqlite:<path>` names; undefined for what is something else. */
export function sqlitePath(database: string): string | undefined {
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(database)?.[1]
  return path === undefined ? undefined : resolve(path)
}

/** What a start in development has made for itself. */
export function secretsPath(databasePath: string): string {
  return join(dirname(databasePath), 'secrets.json')
}
