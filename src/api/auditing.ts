// The audit log, as routes write it: before anything is done, and once more when it is known what came of it. Where the
// first cannot be written nothing is done.
import type { IncomingMessage } from 'node:http'
import type { Chance, Clock } from '../clock.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../observe/log.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './access.ts'
import { ReadingLimits } from './reading-limits.ts'

/** Characters of what was asked for that are kept; of readings fewer, of which there may be many. */
const detailLengthMax = { change: 8_192, reading: 1_024 }
const targetLengthMax = 200

export interface AuditorParts {
  store: Pick<Store, 'audit'>
  addressOf(incoming: IncomingMessage): string
  clock: Clock
  chance: Chance
  log: Pick<Log, 'error'>
}

export interface Act {
  /** `delivery.retry` */
  action: string
  /** A name or an id. */
  target: string
  /** What was asked for, without secrets. */
  detail: object
  /** It changes nothing. */
  isReading: boolean
}

/** Writes of what `run` does, and answers as it does. Throws AppError `unavailable` or the store's where it cannot. */
export type Audited = (act: Act, run: () => Promise<Response>) => Promise<Response>
/** For one request. */
export type Auditor = (principal: Principal, incoming: IncomingMessage) => Audited

export function auditor({ store, addressOf, clock, chance, log }: AuditorParts): Auditor {
  const readings = new ReadingLimits(clock)
  return (principal, incoming) =>
    async ({ action, target, detail, isReading }, run) => {
      if (isReading) readings.take(principal)
      const id = chance.bytes(16)
      const entry = {
        id,
        at: clock.now(),
        action,
        target: target.slice(0, targetLengthMax).toWellFormed(),
        detail: textOf(detail, detailLengthMax[isReading ? 'reading' : 'change']),
      }
      try {
        const { name, tokenId } = principal
        await store.audit.begin({ ...entry, actor: name, tokenId, address: addressOf(incoming) })
      } catch (error) {
        log.error({ err: error, action }, 'the audit log cannot be written, and what was asked for is not done')
        if (error instanceof AppError && error.status === 503) throw error
        throw new AppError('unavailable', 'the audit log cannot be written: nothing was done', { cause: error })
      }
      let status = 500
      try {
        const response = await run()
        status = response.status
        return response
      } catch (error) {
        if (error instanceof AppError) status = error.status
        throw error
      } finally {
        await store.audit.end(id, status).catch((error: unknown) => {
          log.error({ err: error, action, status }, 'the audit log lacks what came of this')
        })
      }
    }
}

/** Which one is meant: what the path names, else what the body does. */
export function targetOf(path: Readonly<Record<string, string>>, body: unknown): string {
  const named = body as { subscription?: unknown; source?: unknown; name?: unknown } | undefined
  const [target] = [...Object.values(path), named?.subscription, named?.source, named?.name].filter(
    each => typeof each === 'string',
  )
  return (target as string | undefined) ?? ''
}

/** The query and the body as they were given. */
export function askedFor(url: string, body: unknown): object {
  const { searchParams } = new URL(url)
  const query = [...new Set(searchParams.keys())].map(name => {
    const values = searchParams.getAll(name)
    return [name, values.length === 1 ? values[0] : values] as const
  })
  return { ...Object.fromEntries(query), ...(body as object | undefined) }
}

function textOf(detail: object, lengthMax: number): string {
  const text = JSON.stringify(detail).toWellFormed()
  return text.length <= lengthMax ? text : JSON.stringify({ beginning: text.slice(0, lengthMax).toWellFormed() })
}
