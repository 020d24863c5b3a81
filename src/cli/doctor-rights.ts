// Whether others on this machine can read what holds whole requests, or secrets. What was made by earlier versions, or came
// by another way, keeps the rights that it has: to change them is for who runs it.
import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Settings } from '../config/settings.ts'
import { type Finding, warn } from './findings.ts'
import { keptSecretsPath } from './kept-secrets.ts'

const othersRead = 0o004
const othersPass = 0o001

export function rightsFindings({ database, spool }: Settings, env: NodeJS.ProcessEnv): Finding[] {
  const kept = database.engine === 'sqlite' ? database.path : spool?.path
  const paths = [...(kept === undefined ? [] : [kept, `${kept}-wal`]), keptSecretsPath(env)]
  const open = paths.filter(path => path !== undefined).filter(isReadByOthers)
  return open.map(path => warn('rights', `${path} can be read by every user of this machine`, `chmod 600 '${path}'`))
}

/** A folder above it that lets nobody pass is enough. */
function isReadByOthers(path: string): boolean {
  if (!existsSync(path) || (statSync(path).mode & othersRead) === 0) return false
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & othersPass) === 0) return false
    if (dirname(folder) === folder) return true
  }
}
