// The structured log: one line a request, and what operators should know. Untrusted text is a JSON string in it and
// nothing else; secrets and bodies are never handed to it.
import pino from 'pino'

export interface Log {
  /** One line for an inbound request; `elapsedMs` from its first byte to its answer. */
  request(fields: object, elapsedMs: number): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  /** Writes what is buffered, for the end of the process: what nobody takes for 400 ms is not written. Never rejects. */
  flush(): Promise<void>
}

export interface LogOptions {
  level: string
  /** Where lines go; default standard output, buffered for a moment under load. */
  write?: (line: string) => void
}

/** Lines wait this long at most, in milliseconds. */
const flushEveryMs = 200
const flushMs = 400

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
    flush: async () => {
      if ('flushSync' in destination) await flushed(destination)
    },
  }
}

/** By `flushSync`, as the end of the process does it, a pipe that nobody reads is tried for ever: it is not asked then. */
function flushed(destination: ReturnType<typeof pino.destination>): Promise<void> {
  return new Promise(resolve => {
    const settle = (error?: unknown) => {
      clearTimeout(limit)
      if (error) destination.flushSync = () => {}
      resolve()
    }
    const limit = setTimeout(() => settle('nobody takes it'), flushMs)
    destination.flush(settle)
  })
}
