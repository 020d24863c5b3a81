// `postern backup`: a copy of the inbox while it works, checked before it has its name.
import { resolve } from 'node:path'
import { SingleBar } from 'cli-progress'
import { urlsOf } from '../postgres-url.ts'
import { type Define, does, type ExitCode, examples, exit, Failure } from './command.ts'
import { database, ofStore, type PostgresSettings } from './database.ts'
import { print } from './listing.ts'
import { counted, sized } from './text.ts'

export const backup: Define = command => {
  command
    .description(
      'Copies the inbox as it is at this moment into a file, while a gateway works on it or not, and reads the copy back. ' +
        'SQLite only; for PostgreSQL it prints what to run instead.',
    )
    .argument('<file>', 'must not be there yet')
    .option('--json', 'the result as JSON')
  does(command, (file: string, { json }: { json?: boolean }) =>
    ofStore(async () => {
      const settings = database()
      if (settings.engine === 'postgres') throw new Failure(exit.mistaken, instead(settings, file))
      return backedUp(settings.path, resolve(file), json ?? false)
    }),
  )
  examples(command, ['postern backup /backups/postern-$(date +%F).db', 'postern backup copy.db --json'], [0, 1, 2, 3])
}

async function backedUp(path: string, file: string, json: boolean): Promise<ExitCode> {
  const { backUp } = await import('../store/sqlite/backup.ts')
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const bar = process.stderr.isTTY
    ? new SingleBar({ format: '{phase} [{bar}] {percentage}%  {eta_formatted}', hideCursor: true })
    : undefined
  bar?.start(1, 0, { phase: 'copying' })
  try {
    const watcher = {
      copying(pages: number, total: number) {
        bar?.setTotal(total)
        bar?.update(pages)
      },
      checking: () => bar?.update({ phase: 'checking' }),
    }
    const { bytes, epoch, head, counts } = await backUp(path, file, watcher, stopping.signal)
    bar?.stop()
    if (json) await print(`${JSON.stringify({ file, bytes, epoch, position: head, counts })}\n`)
    else {
      await print(`${file}  ${sized(bytes)}, ${counted(counts.events ?? 0)} events, up to position ${head}\n`)
      process.stderr.write(
        'It is checked and on the disk. It holds whole requests, and no key: what is sealed in it (the secrets of ' +
          'rejections,\nof subscriptions made over the API) opens only under POSTERN_KEY, else the admin token. Keep ' +
          'that, and ./data/secrets.json\nwhere you develop, elsewhere than the backup.\n',
      )
    }
    return exit.done
  } catch (error) {
    if (!stopping.signal.aborted) throw error
    throw new Failure(exit.unfinished, 'The backup was called off: nothing is left of it.')
  } finally {
    bar?.stop()
  }
}

/** Without the password of a URL. */
function instead({ url }: PostgresSettings, file: string): string {
  const { hostname, port, username, pathname } = new URL(urlsOf(url)[0]!)
  const at = `-h ${hostname} -p ${port || 5432}${username === '' ? '' : ` -U ${username}`}`
  return [
    'The inbox is in PostgreSQL, which has better ways:',
    `  one moment:       pg_dump ${at} -d ${pathname.slice(1)} -Fc -f ${file}`,
    `  all of a server:  pg_basebackup ${at} -D ${file} -X stream -c fast`,
    '  every moment:     archive its write-ahead log (archive_mode, archive_command), as pgBackRest, WAL-G and Barman do',
  ].join('\n')
}
