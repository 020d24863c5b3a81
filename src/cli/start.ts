// `postern start` where it is given more than that: the gateway itself begins in main.ts.
import { type Define, does, examples } from './command.ts'

export const start: Define = command => {
  command.description(
    'Runs the gateway. It takes its settings from the environment (PORT, POSTERN_DATABASE, …) and its sources from ' +
      'postern.config.ts.',
  )
  does(command, async () => {
    await (await import('../main.ts')).main()
    return undefined
  })
  examples(
    command,
    ['postern start', 'PORT=9000 POSTERN_CONFIG=/etc/postern/postern.config.ts postern start'],
    [0, 1],
    { 70: 'the store failed', 75: 'it ended well, and something still waits in the spool' },
  )
}
