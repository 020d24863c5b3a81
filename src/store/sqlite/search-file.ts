// Where the search index of an inbox in SQLite is, and what its tables are called.
import { rmSync } from 'node:fs'

export function searchPath(path: string): string {
  return `${path}-search`
}

export function removeSearchFile(path: string): void {
  for (const ending of ['', '-wal', '-shm']) rmSync(`${searchPath(path)}${ending}`, { force: true })
}

/** Of one range of the log. */
export function wordsTable(range: number): string {
  return `words_${range}`
}
