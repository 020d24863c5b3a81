// A copy in small steps as a process of its own, which is killed on the way: so many milliseconds after so many steps.
// By itself, since whoever watches it is told too late. Arguments: the SQLite file, the URL, steps, milliseconds.
import { copyInbox } from '../../src/store/copy/copy.ts'

const nothing = () => {}
const [path = '', url = '', steps = 'Infinity', delayMs = '0'] = process.argv.slice(2)
let left = Number(steps)
const say = (what: string) => (table: string) => {
  process.stdout.write(`${what} ${table}\n`)
  if (--left === 0) setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(delayMs))
}
const outcome = await copyInbox({
  path,
  url,
  anew: false,
  dryRun: false,
  signal: new AbortController().signal,
  batchBytes: 8_192,
  watcher: {
    planned: nothing,
    copying: say('copying'),
    copied: nothing,
    checking: say('checking'),
    checked: nothing,
    again: say('again:'),
  },
})
process.stdout.write(`${JSON.stringify(outcome)}\n`)
