// The settings of one process, from its environment.
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { isLoopback } from '../local-url.ts'
import { urlsOf } from '../postgres-url.ts'
import { ConfigError } from './config-error.ts'
import { plainIssue } from './plain-issues.ts'
import { read } from './resolve-secrets.ts'
import { databaseDefault, sqlitePath } from './sqlite-path.ts'

/** Where the inbox is kept. */
export type DatabaseSettings =
  | { engine: 'sqlite'; path: string }
  | { engine: 'postgres'; url: string; directUrl: string | null; poolMax: number }

export interface Settings {
  port: number
  host: string
  /** Undefined: the default file, or the one that comes with Postern. */
  configPath: string | undefined
  database: DatabaseSettings
  /** Where this node keeps what comes in while the database is away. */
  spool: { path: string; bytesMax: number } | undefined
  /** This process, among those that share the database. */
  node: string
  admin: { port: number; host: string } | undefined
  encryptionKey: string | undefined
  logLevel: string
  /** Whether there is an index of words, to search by. */
  search: boolean
  /** Whether this process takes vendors' requests, and whether it delivers. */
  receives: boolean
  delivers: boolean
  /** Loopback, SQLite, not production: then what is missing is minted and printed. */
  development: boolean
}

const port = z
  .string()
  .refine(given => /^\d{1,5}$/.test(given) && Number(given) <= 65_535, {
    error: ({ input }) => `expected a port from 0 to 65535, got ${JSON.stringify(input)}`,
  })
  .transform(Number)
const text = z.string().trim().min(1)

/** Several of the largest bodies fit in. */
const spoolBytesMin = 64 * 1024 * 1024

const environment = z.object({
  PORT: port.default(8080),
  HOST: text.default('127.0.0.1'),
  POSTERN_CONFIG: text.optional(),
  POSTERN_ADMIN_PORT: port.optional(),
  POSTERN_ADMIN_HOST: text.optional(),
  POSTERN_ROLE: z.enum(['all', 'ingest', 'deliver'], { error: "expected 'all', 'ingest' or 'deliver'" }).default('all'),
  POSTERN_NODE: text.optional(),
  POSTERN_POOL: z
    .string()
    .refine(given => /^[1-9]\d{0,2}$/.test(given), {
      error: ({ input }) => `expected a number of connections from 1 to 999, got ${JSON.stringify(input)}`,
    })
    .transform(Number)
    .default(10),
  POSTERN_SPOOL: text.optional(),
  POSTERN_SPOOL_BYTES: z
    .string()
    .refine(given => /^\d{1,15}$/.test(given) && Number(given) >= spoolBytesMin, {
      error: ({ input }) => `expected a number of bytes, at least ${spoolBytesMin}, got ${JSON.stringify(input)}`,
    })
    .transform(Number)
    .default(1024 ** 3),
  POSTERN_SEARCH: z.enum(['on', 'off'], { error: "expected 'on' or 'off'" }).default('on'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  NODE_ENV: z.string().optional(),
})

/** What keeps an administrator's rights, or everything that is sealed, must not be guessed. */
export const keyLengthMin = 16

function readKey(env: NodeJS.ProcessEnv): string | undefined {
  let key: string | undefined
  try {
    key = read('POSTERN_KEY', env)
  } catch (error) {
    throw new ConfigError([`POSTERN_KEY: it cannot be read: ${(error as Error).message}`])
  }
  if (key !== undefined && key.length < keyLengthMin) {
    throw new ConfigError([`POSTERN_KEY: expected at least ${keyLengthMin} characters`])
  }
  return key
}

/** Of what is wrong only the scheme is repeated: the rest may hold a password anywhere. */
function readDatabase(given: string, direct: string | undefined, poolMax: number): DatabaseSettings {
  const path = sqlitePath(given)
  if (path !== undefined) {
    if (direct === undefined) return { engine: 'sqlite', path }
    throw new ConfigError(['POSTERN_DATABASE_DIRECT: it is for postgres://… only, past a pooler'])
  }
  const url = postgresUrl('POSTERN_DATABASE', given, 'sqlite:<path> or postgres://…')
  const off = direct?.toLowerCase() === 'off'
  const directUrl =
    direct === undefined ? url : off ? null : postgresUrl('POSTERN_DATABASE_DIRECT', direct, "postgres://… or 'off'")
  return { engine: 'postgres', url, directUrl, poolMax }
}

function postgresUrl(name: string, given: string, expected: string): string {
  try {
    urlsOf(given)
    return given
  } catch {
    // Told below, without what it holds.
  }
  const scheme = /^([a-z0-9+]{1,20}):/i.exec(given)?.[1]
  throw new ConfigError([
    `${name}: expected ${expected}, got ${scheme === undefined ? 'something else' : `${scheme}:…`}`,
  ])
}

/** Throws ConfigError, which names every variable that is wrong. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const problems: string[] = []
  const attempt = <Value>(readIt: () => Value): Value | undefined => {
    try {
      return readIt()
    } catch (error) {
      problems.push(...(error as ConfigError).problems)
      return undefined
    }
  }
  const parsed = environment.safeParse(set, { error: plainIssue })
  if (!parsed.success) problems.push(...parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`))
  const database = attempt(() =>
    readDatabase(
      set.POSTERN_DATABASE?.trim() || databaseDefault,
      set.POSTERN_DATABASE_DIRECT?.trim(),
      parsed.data?.POSTERN_POOL ?? 1,
    ),
  )
  const encryptionKey = attempt(() => readKey(env))
  if (database?.engine === 'sqlite' && parsed.data?.POSTERN_ROLE === 'deliver') {
    problems.push(
      'POSTERN_ROLE: on SQLite one process holds the file: one that only delivers would have nothing to deliver',
    )
  }
  if (database?.engine === 'sqlite' && parsed.data?.POSTERN_SPOOL !== undefined) {
    problems.push('POSTERN_SPOOL: it is for postgres://… only: an inbox in SQLite is never away')
  }
  if (!parsed.success || database === undefined || problems.length > 0) throw new ConfigError(problems)
  const values = parsed.data
  const admin =
    values.POSTERN_ADMIN_PORT === undefined
      ? undefined
      : { port: values.POSTERN_ADMIN_PORT, host: values.POSTERN_ADMIN_HOST ?? values.HOST }
  return {
    port: values.PORT,
    host: values.HOST,
    configPath: values.POSTERN_CONFIG,
    database,
    spool:
      values.POSTERN_SPOOL === undefined
        ? undefined
        : { path: resolve(values.POSTERN_SPOOL), bytesMax: values.POSTERN_SPOOL_BYTES },
    // Two processes of one machine must not take each other for themselves.
    node: `${values.POSTERN_NODE ?? hostname()}-${process.pid}-${Date.now().toString(36)}`,
    admin,
    encryptionKey,
    logLevel: values.LOG_LEVEL,
    search: values.POSTERN_SEARCH === 'on',
    receives: values.POSTERN_ROLE !== 'deliver',
    delivers: values.POSTERN_ROLE !== 'ingest',
    development: isLoopback(values.HOST) && database.engine === 'sqlite' && values.NODE_ENV !== 'production',
  }
}
