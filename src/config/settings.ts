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

const environment = z.object({
  PORT: port.default(8080),
  HOST: text.default('127.0.0.1'),
  POSTERN_CONFIG: text.optional(),
  POSTERN_DATABASE: text.default('sqlite:./data/postern.db'),
  POSTERN_ADMIN_PORT: port.optional(),
  POSTERN_ADMIN_HOST: text.optional(),
  POSTERN_ROLE: z.enum(['all', 'ingest', 'deliver']).default('all'),
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

/** Throws ConfigError, which names every variable that is wrong. */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = environment.safeParse(set)
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`))
  }
  const values = parsed.data
  const database = /^sqlite:(?:\/\/)?(.+)$/.exec(values.POSTERN_DATABASE)?.[1]
  if (database === undefined) {
    throw new ConfigError([
      `POSTERN_DATABASE: expected sqlite:<path>, got ${values.POSTERN_DATABASE.replace(/\/\/.*@/, '//…@')} (this version keeps its inbox in SQLite)`,
    ])
  }
  const admin =
    values.POSTERN_ADMIN_PORT === undefined
      ? undefined
      : { port: values.POSTERN_ADMIN_PORT, host: values.POSTERN_ADMIN_HOST ?? values.HOST }
  return {
    port: values.PORT,
    host: values.HOST,
    configPath: values.POSTERN_CONFIG,
    databasePath: resolve(database),
    admin,
    encryptionKey: readKey(env),
    logLevel: values.LOG_LEVEL,
    development: loopback.test(values.HOST) && values.NODE_ENV !== 'production',
  }
}
