// `postern copy`: what it is told, what it says, and its exit codes. Passwords are in no output.
import { sqlitePath } from '../config/sqlite-path.ts'
import { shownUrl, urlsOf } from '../postgres-url.ts'
import { type CopyOutcome, copyInbox } from '../store/copy/copy.ts'
import { type Define, does, type ExitCode, examples, exit, Failure } from './command.ts'
import { copyProgress } from './copy-progress.ts'
import { plainText } from './text.ts'

const exitDifferent = 3

export const copy: Define = command => {
  command
    .description(
      'Copies an inbox from SQLite to an empty PostgreSQL database: events, requests, subscriptions, deliveries and ' +
        'all else that is kept, with every position, number and id as it was. Then it reads everything back from both ' +
        'sides and compares it; until that is done no gateway starts on the target. Stop the gateway first, and keep ' +
        'the SQLite file: it stays as it is. Ended at any moment, even by kill -9, the same command goes on where it was.',
    )
    .usage('--from sqlite:<path> [--to postgres://…] [options]')
    .option('--from <database>', 'the inbox, sqlite:<path>')
    .option('--to <database>', 'postgres://…; default POSTERN_DATABASE, which keeps a password out of the process list')
    .option('--dry-run', 'says what would be copied, and writes nothing')
    .option('--restart', 'throws away what an unfinished copy has brought, and begins anew')
    // Else the message would repeat them, and one may be a URL with its password.
    .allowExcessArguments()
  does(command, (given: Options) => copied(read(given, command.args)))
  examples(
    command,
    [
      'postern copy --from sqlite:./data/postern.db --to postgres://postern@db.internal/postern --dry-run',
      'PGPASSWORD=… postern copy --from sqlite:./data/postern.db --to postgres://postern@db.internal/postern',
      'POSTERN_DATABASE=postgres://… postern copy --from sqlite:./data/postern.db',
    ],
    [0, 1, 2],
    { 3: 'what was read back differs from the source: the output names what' },
  )
}

async function copied(given: Given): Promise<ExitCode> {
  // SQLite may make files beside the inbox.
  process.umask(0o077)
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const progress = copyProgress(`sqlite:${given.path}`, shownUrl(given.url))
  try {
    const outcome = await copyInbox({ ...given, signal: stopping.signal, watcher: progress.watcher })
    progress.end()
    return told(outcome)
  } finally {
    progress.end()
  }
}

interface Options {
  from?: string
  to?: string
  dryRun?: boolean
  restart?: boolean
}

interface Given {
  path: string
  url: string
  dryRun: boolean
  anew: boolean
}

function read({ from = '', to, dryRun = false, restart = false }: Options, more: readonly string[]): Given {
  const expected = (text: string) => new Failure(exit.mistaken, `${text}\n\`postern copy --help\` shows how.`)
  if (more.length > 0) throw expected('Expected options only: --from sqlite:<path> --to postgres://…')
  const path = sqlitePath(from)
  if (path === undefined) throw expected('--from: expected sqlite:<path>')
  const url = to ?? process.env.POSTERN_DATABASE?.trim() ?? ''
  if (!isPostgres(url))
    throw expected('--to (or POSTERN_DATABASE): expected postgres://…, of one server that takes writes')
  return { path, url, dryRun, anew: restart }
}

function isPostgres(url: string): boolean {
  try {
    return urlsOf(url).length === 1
  } catch {
    return false
  }
}

function told(outcome: CopyOutcome): ExitCode {
  const out = (text: string) => process.stdout.write(`${text}\n`)
  const err = (text: string) => process.stderr.write(`${text}\n`)
  switch (outcome.ended) {
    case 'planned':
      out('Nothing was written.')
      return exit.done
    case 'already':
      out('The target holds this inbox already, complete: there was nothing to copy.')
      return exit.done
    case 'copied':
      out('The inbox is copied, and every row was compared. Point POSTERN_DATABASE at it, and keep the file.')
      return exit.done
    case 'refused':
      err(`Nothing was copied: ${outcome.reason}`)
      return exit.mistaken
    case 'unfinished':
      err(`The copy is unfinished: ${outcome.reason}\nRun the same again: it goes on where it was.`)
      return exit.unfinished
    case 'different': {
      for (const { table, key, what } of outcome.differences) err(plainText(`different: ${table}, ${key}: ${what}`))
      err(`${outcome.count} rows differ from the source: no gateway starts on the target. Begin anew with --restart.`)
      return exitDifferent
    }
  }
}
