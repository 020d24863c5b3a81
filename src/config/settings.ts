// The settings of one process, from its environment.
import { resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from './config-error.ts'
import { read } from './resolve-secrets.ts'

export interface Settings {
  port: number
  host: string
  /** Undefined: the default file, or the one that comes with Postern. */
  configPath: string | undefined
  databasePath: string
  admin: { port: number; host: string } | undefined
  encryptionKey: string | undefined
  logLevel: string
  /** Whether this process delivers what it receives. */
  delivers: boolean
  /** Loopback, SQLite, not production: then what is missing is minted and printed. */
  development: boolean
}

const loopback = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/
const port = z
  .string()
  .refine(given => /^\d{1,5}$/.test(given) && Number(given) <= 65_535, {
    error: ({ input }) => `expected a port from 0 to 65535, got ${JSON.stringify(input)}`,
  })
  .transform(Number)
const text = z.string().trim().min(1)

const databaseDefault = 'sqlite:./data/postern.db'

const environment = z.object({
  PORT: port.default(8080),
  HOST: text.default('127.0.0.1'),
  POSTERN_CONFIG: text.optional(),
  POSTERN_ADMIN_PORT: port.optional(),
  POSTERN_ADMIN_HOST: text.optional(),
  // On SQLite one process holds the file: one that only delivers would have nothing to deliver.
  POSTERN_ROLE: z
    .enum(['all', 'ingest'], {
      error: "expected 'all' or 'ingest': this version does not deliver from another process",
    })
    .default('all'),
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

/** Of a database that this version has not, only the scheme is repeated: the rest may hold a password anywhere. */
function readDatabase(given: string): string {
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(given)?.[1]
  if (path !== undefined) return resolve(path)
  const scheme = /^([a-z0-9+]{1,20}):/i.exec(given)?.[1]
  const got = scheme === undefined ? 'something else' : `${scheme}:…`
  throw new ConfigError([
    `POSTERN_DATABASE: expected sqlite:<path>, got ${got} (this version keeps its inbox in SQLite)`,
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
  const parsed = environment.safeParse(set)
  if (!parsed.success) problems.push(...parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`))
  const databasePath = attempt(() => readDatabase(set.POSTERN_DATABASE?.trim() || databaseDefault))
  const encryptionKey = attempt(() => readKey(env))
  if (!parsed.success || databasePath === undefined || problems.length > 0) throw new ConfigError(problems)
  const values = parsed.data
  const admin =
    values.POSTERN_ADMIN_PORT === undefined
      ? undefined
      : { port: values.POSTERN_ADMIN_PORT, host: values.POSTERN_ADMIN_HOST ?? values.HOST }
  return {
    port: values.PORT,
    host: values.HOST,
    configPath: values.POSTERN_CONFIG,
    databasePath,
    admin,
    encryptionKey,
    logLevel: values.LOG_LEVEL,
    delivers: values.POSTERN_ROLE !== 'ingest',
    development: loopback.test(values.HOST) && values.NODE_ENV !== 'production',
  }
}
