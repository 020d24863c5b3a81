// The structured log: one line a request, and what operators should know. Untrusted text is a JSON string in it and
// nothing else; secrets and bodies are never handed to it.
import pino from 'pino'

export interface Log {
  /** One line for an inbound request; `elapsedMs` from its first byte to its answer. */
  request(fields: object, elapsedMs: number): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Writes what is buffered; for the end of the process. */
  flush(): void
}

export interface LogOptions {
  level: string
  /** Where lines go; default standard output, buffered for a moment under load. */
  write?: (line: string) => void
}

/** Lines wait this long at most, in milliseconds. */
const flushEveryMs = 200

export function openLog({ level, write }: LogOptions): Log {
  const destination =
    write === undefined
      ? pino.destination({ fd: 1, sync: false, minLength: 8192, periodicFlush: flushEveryMs })
      : { write }
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination)
  return {
    request: (fields, elapsedMs) => logger.info({ ...fields, ms: Math.round(elapsedMs * 100) / 100 }, 'request'),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    flush: () => {
      if ('flushSync' in destination) {
        try {
          destination.flushSync()
        } catch {
          // Not opened yet: nothing was written.
        }
      }
    },
  }
}
