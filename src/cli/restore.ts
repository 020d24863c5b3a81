// `postern restore`: an inbox from a backup, in the place of the one that is there, which is kept.
import { resolve } from 'node:path'
import { type Define, does, examples, exit, Failure, wholeNumber } from './command.ts'
import { database, ofStore } from './database.ts'
import { print } from './listing.ts'
import { counted } from './text.ts'

/** More than come in within a day at ten a second. */
const gapDefault = 1_000_000

export const restore: Define = command => {
  command
    .description(
      'Puts the inbox of a backup in the place of POSTERN_DATABASE, and keeps what was there beside it. Stop the gateway ' +
        'first. What came in since the backup is gone from the log, and what was delivered since is delivered again. The ' +
        'log gets a new epoch: who reads on from a position beyond the backup is told so by 410, and from where to go on.',
    )
    .argument('<file>', 'a backup')
    .option(
      '--gap <positions>',
      'how many positions are left unused behind the last one that is known: more than events came in since the backup, ' +
        'where the database they went to is lost',
      wholeNumber(1, 1_000_000_000),
      gapDefault,
    )
    .option('--json', 'the result as JSON')
  does(command, (file: string, { gap, json }: { gap: number; json?: boolean }) =>
    ofStore(async () => {
      const settings = database()
      if (settings.engine === 'postgres') {
        throw new Failure(
          exit.mistaken,
          `The inbox is in PostgreSQL: create an empty database and run\n  pg_restore -d <database> ${file}\nor restore the ` +
            'server from its base backup and its archived log.',
        )
      }
      const { restore } = await import('../store/sqlite/restore.ts')
      const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-')
      const restored = await restore(resolve(file), settings.path, { gap, stamp })
      const { counts, last, head, epoch, aside } = restored
      if (json) await print(`${JSON.stringify({ epoch, last, position: head, counts, aside: aside ?? null })}\n`)
      else {
        await print(
          `${settings.path}  ${counted(counts.events ?? 0)} events, up to position ${last}; it goes on at ${head}\n`,
        )
        if (aside !== undefined) process.stderr.write(`What was there before is ${aside}\n`)
        process.stderr.write(
          'Start the gateway with the POSTERN_KEY (or the admin token) of when the backup was made.\n',
        )
      }
      return exit.done
    }),
  )
  examples(command, ['postern restore /backups/postern-2026-03-01.db'], [0, 1, 2, 3])
}
