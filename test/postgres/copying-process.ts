// A copy in steps of some kilobytes, as a process: see copying.ts.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** `killed`: so many milliseconds after so many of its steps. */
export function copyInSteps(path: string, url: string, killed?: { afterSteps: number; delayMs: number }) {
  const when = killed === undefined ? [] : [String(killed.afterSteps), String(killed.delayMs)]
  const child = spawn(process.execPath, [join(import.meta.dirname, 'copying.ts'), path, url, ...when])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = new Promise<{ output: string; killed: boolean }>(resolve => {
    child.once('close', (_, signal) => resolve({ output, killed: signal === 'SIGKILL' }))
  })
  return { child, ended }
}
