// `postern copy`: what it is told, what it says, and its exit codes. Passwords are in no output.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { shownUrl, urlsOf } from '../postgres-url.ts'
import { type CopyOutcome, copyInbox } from '../store/copy/copy.ts'
import { copyProgress } from './copy-progress.ts'

const exit = { done: 0, refused: 1, unfinished: 2, different: 3 } as const

const help = `Usage: postern copy --from sqlite:<path> [--to postgres://…] [--dry-run] [--restart]

Copies an inbox from SQLite to an empty PostgreSQL database: events, requests, subscriptions, deliveries and all else
that is kept, with every position, number and id as it was. Then it reads everything back from both sides and compares
it; until that is done no gateway starts on the target. Stop the gateway first, and keep the SQLite file: it stays as it
is.

  --from      the inbox, sqlite:<path>
  --to        the database, postgres://…; default POSTERN_DATABASE, which keeps a password out of the process list
  --dry-run   says what would be copied, and writes nothing
  --restart   throws away what an unfinished copy has brought, and begins anew

Ended at any moment, even by kill -9, the same command goes on where it was.

Examples:
  postern copy --from sqlite:./data/postern.db --to postgres://postern@db.internal/postern --dry-run
  PGPASSWORD=… postern copy --from sqlite:./data/postern.db --to postgres://postern@db.internal/postern
  POSTERN_DATABASE=postgres://… postern copy --from sqlite:./data/postern.db

Exit codes:
  0  everything is there and was compared; also where an earlier run had done it
  1  refused, and nothing was written: the output says what must be put right
  2  unfinished: run the same again
  3  what was read back differs from the source: the output names what; no gateway starts on it
`

export async function copy(args: readonly string[]): Promise<number> {
  const read = readArgs(args)
  if (typeof read === 'string') {
    process.stderr.write(`${read}\n\`postern copy --help\` shows how.\n`)
    return exit.refused
  }
  if (read === null) {
    process.stdout.write(help)
    return exit.done
  }
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const progress = copyProgress(`sqlite:${read.path}`, shownUrl(read.url))
  try {
    const outcome = await copyInbox({ ...read, signal: stopping.signal, watcher: progress.watcher })
    progress.end()
    return told(outcome)
  } finally {
    progress.end()
  }
}

interface Given {
  path: string
  url: string
  dryRun: boolean
  anew: boolean
}

/** Null where help is asked for; what is wrong as text. */
function readArgs(args: readonly string[]): Given | string | null {
  let values: { from?: string; to?: string; 'dry-run'?: boolean; restart?: boolean; help?: boolean }
  try {
    const parsed = parseArgs({
      args: [...args],
      options: {
        from: { type: 'string' },
        to: { type: 'string' },
        'dry-run': { type: 'boolean' },
        restart: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
      // Else its message would repeat them, and one may be a URL with its password.
      allowPositionals: true,
    })
    if (parsed.positionals.length > 0) return 'Expected options only: --from sqlite:<path> --to postgres://…'
    values = parsed.values
  } catch (error) {
    return (error as Error).message.split('. To specify')[0]!
  }
  if (values.help) return null
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(values.from ?? '')?.[1]
  if (path === undefined) return '--from: expected sqlite:<path>'
  const url = values.to ?? process.env.POSTERN_DATABASE?.trim() ?? ''
  if (!isPostgres(url)) return '--to (or POSTERN_DATABASE): expected postgres://…, of one server that takes writes'
  return { path: resolve(path), url, dryRun: values['dry-run'] ?? false, anew: values.restart ?? false }
}

function isPostgres(url: string): boolean {
  try {
    return urlsOf(url).length === 1
  } catch {
    return false
  }
}

function told(outcome: CopyOutcome): number {
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
      return exit.refused
    case 'unfinished':
      err(`The copy is unfinished: ${outcome.reason}\nRun the same again: it goes on where it was.`)
      return exit.unfinished
    case 'different': {
      for (const { table, key, what } of outcome.differences) err(`different: ${table}, ${key}: ${what}`)
      err(`${outcome.count} rows differ from the source: no gateway starts on the target. Begin anew with --restart.`)
      return exit.different
    }
  }
}
