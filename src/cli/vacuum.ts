// `postern vacuum`: gives the room back that retention has left in the file. While no gateway has it open.
import { existsSync, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Define, does, examples, exit, Failure } from './command.ts'
import { database, ofStore } from './database.ts'
import { print } from './listing.ts'
import { sized } from './text.ts'

export const vacuum: Define = command => {
  command
    .description(
      'Writes the database file anew without the room that deleted events have left. Stop the gateway first: it would ' +
        'wait for as long. A gateway fills that room again by itself; this is for after a change of retentionDays.',
    )
    .option('--json', 'the result as JSON')
  does(command, ({ json }: { json?: boolean }) =>
    ofStore(async () => {
      const settings = database()
      if (settings.engine === 'postgres') {
        throw new Failure(
          exit.mistaken,
          'The inbox is in PostgreSQL: retention drops whole partitions there, and autovacuum does the rest.',
        )
      }
      const { path } = settings
      if (!existsSync(path)) throw new Failure(exit.notFound, `There is no inbox at ${path}.`)
      const { hold } = await import('../store/sqlite/store.ts')
      const { openWriter } = await import('../store/sqlite/open.ts')
      const lock = hold(path)
      try {
        const before = statSync(path).size
        const { bavail, bsize } = statfsSync(dirname(path))
        if (bavail * bsize < 2 * before) {
          throw new Failure(
            exit.mistaken,
            `It needs ${sized(2 * before)} of room beside the file, and there are ${sized(bavail * bsize)}.`,
          )
        }
        const db = openWriter(path)
        try {
          db.exec('vacuum')
          db.pragma('wal_checkpoint(TRUNCATE)')
        } finally {
          db.close()
        }
        const after = statSync(path).size
        if (json) await print(`${JSON.stringify({ bytesBefore: before, bytesAfter: after })}\n`)
        else await print(`${path}  ${sized(before)} → ${sized(after)}\n`)
        return exit.done
      } finally {
        lock.close()
      }
    }),
  )
  examples(command, ['postern vacuum'], [0, 1, 2, 3])
}
