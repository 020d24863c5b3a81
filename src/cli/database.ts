// The database that the environment names, for commands that work on it themselves.
import { readSettings, type Settings } from '../config/settings.ts'
import { AppError } from '../errors.ts'
import { exit, Failure } from './command.ts'

export type PostgresSettings = Extract<Settings['database'], { engine: 'postgres' }>

export function database(env: NodeJS.ProcessEnv = process.env): Settings['database'] {
  return readSettings(env).database
}

/** What the store says of a file, as what the command ends with. Files that it makes are read by nobody else. */
export async function ofStore<Value>(work: () => Promise<Value>): Promise<Value> {
  process.umask(0o077)
  try {
    return await work()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof AppError && error.code !== 'store_unreachable') {
      const ends = error.code === 'not_found' ? exit.notFound : exit.mistaken
      throw new Failure(ends, sentence(error.message), { cause: error })
    }
    // ENOSPC, EACCES, SQLITE_FULL and their like say enough.
    if (typeof code === 'string' && !(error instanceof AppError)) {
      throw new Failure(exit.unfinished, sentence((error as Error).message), { cause: error })
    }
    throw error
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`.replace(/\.\.$/, '.')
}
