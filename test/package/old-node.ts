// A Node that is too old for Postern, where the machine has one beside the one that came with `npm ci`.
import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join, sep } from 'node:path'

export interface OldNode {
  path: string
  version: string
}

export function findOldNode(): OldNode | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, 'node')
    if (folder === '' || !existsSync(path) || realpathSync(path).includes(`${sep}node_modules${sep}`)) continue
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim().replace(/^v/, '')
    if (Number(version.split('.', 1)[0]) < 24) return { path, version }
  }
  return undefined
}
